#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/hugging_face.h"
#include "model/hugging_face_names.h"
#include "model/safetensors.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kSingleFile[] = "model.safetensors";
constexpr char kIndexFile[] = "model.safetensors.index.json";

bool Exists(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// The weight files of a folder, without their folder.
absl::StatusOr<std::set<std::string>> WeightFileNames(const std::string& folder) {
  if (Exists(fs::path(folder) / kSingleFile)) return std::set<std::string>{kSingleFile};
  const std::string index_path = absl::StrCat(folder, "/", kIndexFile);
  if (!Exists(index_path)) {
    return absl::NotFoundError(absl::StrCat(folder, ": no weights: neither ", kSingleFile, " nor ", kIndexFile,
                                            " is there (only safetensors files are read)"));
  }
  MASPO_ASSIGN_OR_RETURN(const std::string text, ReadFile(index_path));
  const json index = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!index.is_object() || !index.contains("weight_map") || !index["weight_map"].is_object()) {
    return absl::InvalidArgumentError(absl::StrCat(index_path, ": needs an object \"weight_map\""));
  }
  std::set<std::string> files;
  for (const auto& [name, file] : index["weight_map"].items()) {
    if (!file.is_string() || fs::path(file.get<std::string>()).filename() != file.get<std::string>()) {
      return absl::InvalidArgumentError(
          absl::StrCat(index_path, ": tensor \"", name, "\" must name a file of this folder, not ", file.dump()));
    }
    files.insert(file.get<std::string>());
  }
  return files;
}

struct WeightFile {
  std::string path;
  SafetensorsFile tensors;
};

absl::StatusOr<std::vector<WeightFile>> OpenWeightFiles(const std::string& folder) {
  MASPO_ASSIGN_OR_RETURN(const std::set<std::string> names, WeightFileNames(folder));
  std::vector<WeightFile> files;
  for (const std::string& name : names) {
    std::string path = absl::StrCat(folder, "/", name);
    MASPO_ASSIGN_OR_RETURN(SafetensorsFile tensors, SafetensorsFile::Open(path));
    files.push_back({std::move(path), std::move(tensors)});
  }
  return files;
}

std::string ShapeText(c10::IntArrayRef shape) { return absl::StrCat("[", absl::StrJoin(shape, ", "), "]"); }

// A tied head may be stored too: a second copy of the embedding.
bool IsIgnored(const std::string& name, const ModelConfig& config) {
  return config.tie_word_embeddings && name == "lm_head.weight";
}

// The files must hold the config's tensors, each once and nothing else, before memory is taken for them.
absl::Status CheckTensors(const std::string& folder, const std::vector<WeightFile>& files, const ModelConfig& config) {
  const auto shapes = ParameterSet::Allocate(config, torch::kMeta, torch::kFloat32, /*trainable=*/false);
  std::map<std::string, torch::Tensor> missing = HuggingFaceViews(config, *shapes);
  for (const WeightFile& file : files) {
    for (const auto& [name, entry] : file.tensors.entries()) {
      if (IsIgnored(name, config)) continue;
      const auto wanted = missing.find(name);
      if (wanted == missing.end()) {
        return absl::InvalidArgumentError(absl::StrCat(file.path, ": tensor \"", name,
                                                       "\" is not part of the model that ", folder,
                                                       "/config.json describes, or is there twice"));
      }
      if (wanted->second.sizes() != c10::IntArrayRef(entry.shape)) {
        return absl::InvalidArgumentError(absl::StrCat(file.path, ": tensor \"", name, "\" has shape ",
                                                       ShapeText(entry.shape), ", config.json needs ",
                                                       ShapeText(wanted->second.sizes())));
      }
      missing.erase(wanted);
    }
  }
  if (missing.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(folder, ": tensor \"", missing.begin()->first,
                                                 "\" is missing from the weights (", missing.size(),
                                                 " missing in all)"));
}

}  // namespace

absl::Status CheckWeights(const std::string& folder, const ModelConfig& config) {
  MASPO_ASSIGN_OR_RETURN(const std::vector<WeightFile> files, OpenWeightFiles(folder));
  return CheckTensors(folder, files, config);
}

absl::StatusOr<std::shared_ptr<ParameterSet>> LoadWeights(const std::string& folder, const ModelConfig& config,
                                                          torch::Device device, torch::Dtype dtype, bool trainable) {
  MASPO_ASSIGN_OR_RETURN(const std::vector<WeightFile> files, OpenWeightFiles(folder));
  MASPO_RETURN_IF_ERROR(CheckTensors(folder, files, config));
  try {
    auto parameters = ParameterSet::Allocate(config, device, dtype, trainable);
    const torch::NoGradGuard no_grad;
    const std::map<std::string, torch::Tensor> views = HuggingFaceViews(config, *parameters);
    for (const WeightFile& file : files) {
      for (const auto& [name, entry] : file.tensors.entries()) {
        if (!IsIgnored(name, config)) views.at(name).copy_(file.tensors.Read(entry));
      }
    }
    return parameters;
  } catch (const c10::Error& error) {
    return absl::ResourceExhaustedError(
        absl::StrCat(folder, ": cannot load the weights: ", error.what_without_backtrace()));
  }
}

}  // namespace maspo
