#include "services/config/config_files.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/config/config_loader.h"

namespace maspo {

absl::Status CheckFile(const char* key, const std::string& path) {
  if (path.empty()) return absl::InvalidArgumentError(absl::StrCat(key, " is not set; give the path of a file"));
  if (std::filesystem::is_regular_file(path)) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat(key, ": there is no file ", path));
}

absl::Status CheckModelFolder(const v1::ModelSection& model) {
  if (model.path().empty()) {
    return absl::InvalidArgumentError("model.path is not set; give a Hugging Face folder");
  }
  if (!std::filesystem::is_directory(model.path())) {
    return absl::NotFoundError(absl::StrCat("model.path: there is no folder ", model.path()));
  }
  if (!std::filesystem::exists(model.path() + "/config.json")) {
    return absl::NotFoundError(
        absl::StrCat("model.path: ", model.path(), " has no config.json, so it is no Hugging Face folder"));
  }
  return absl::OkStatus();
}

absl::Status CheckDataFiles(const v1::DataSection& data) {
  if (data.train().empty()) {
    return absl::InvalidArgumentError("data.train is not set; give one or more JSONL files");
  }
  for (const std::string& path : data.train()) MASPO_RETURN_IF_ERROR(CheckFile("data.train", path));
  for (const std::string& path : data.eval()) MASPO_RETURN_IF_ERROR(CheckFile("data.eval", path));
  return absl::OkStatus();
}

}  // namespace maspo
