#include "model/weight_folder.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "model/parameter_set.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr char kSingleFile[] = "model.safetensors";
constexpr char kIndexFile[] = "model.safetensors.index.json";

// The weight files of a folder, without their folder.
absl::StatusOr<std::set<std::string>> WeightFileNames(const std::string& folder) {
  if (PathExists(fs::path(folder) / kSingleFile)) return std::set<std::string>{kSingleFile};
  const std::string index_path = absl::StrCat(folder, "/", kIndexFile);
  if (!PathExists(index_path)) {
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

std::string ShapeText(c10::IntArrayRef shape) { return absl::StrCat("[", absl::StrJoin(shape, ", "), "]"); }

// A tied head may be stored too: a second copy of the embedding.
bool IsIgnored(const std::string& name, const ModelConfig& config) {
  return config.tie_word_embeddings && name == "lm_head.weight";
}

// Hugging Face name -> shape, of all that the model has.
std::map<std::string, std::vector<int64_t>> WantedShapes(const ModelConfig& config) {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const BucketSpec& bucket : ParameterLayout(config)) {
    for (const ParameterSpec& parameter : bucket.parameters) {
      for (const HuggingFaceRows& rows : parameter.hugging_face) {
        shapes[rows.name] = parameter.ShapeOf(rows);
      }
    }
  }
  return shapes;
}

}  // namespace

// The files must hold the model's tensors, each once and nothing else.
absl::StatusOr<WeightFolder> WeightFolder::Open(const std::string& folder, const ModelConfig& config) {
  MASPO_ASSIGN_OR_RETURN(const std::set<std::string> names, WeightFileNames(folder));
  WeightFolder weights;
  std::map<std::string, std::vector<int64_t>> missing = WantedShapes(config);
  for (const std::string& file_name : names) {
    const std::string path = absl::StrCat(folder, "/", file_name);
    MASPO_ASSIGN_OR_RETURN(SafetensorsFile tensors, SafetensorsFile::Open(path));
    for (const auto& [name, entry] : tensors.entries()) {
      if (IsIgnored(name, config)) continue;
      const auto wanted = missing.find(name);
      if (wanted == missing.end()) {
        return absl::InvalidArgumentError(absl::StrCat(path, ": tensor \"", name, "\" is not part of the model that ",
                                                       folder, "/config.json describes, or is there twice"));
      }
      if (wanted->second != entry.shape) {
        return absl::InvalidArgumentError(absl::StrCat(path, ": tensor \"", name, "\" has shape ",
                                                       ShapeText(entry.shape), ", config.json needs ",
                                                       ShapeText(wanted->second)));
      }
      missing.erase(wanted);
      weights.places_.emplace(name, Place{weights.files_.size(), entry});
    }
    weights.files_.push_back({path, std::move(tensors)});
  }
  if (missing.empty()) return weights;
  return absl::InvalidArgumentError(absl::StrCat(folder, ": tensor \"", missing.begin()->first,
                                                 "\" is missing from the weights (", missing.size(),
                                                 " missing in all)"));
}

// One NaN in the weights makes every log-probability NaN.
absl::StatusOr<torch::Tensor> WeightFolder::ReadFinite(const std::string& name) const {
  const Place& place = places_.at(name);
  const File& file = files_[place.file];
  torch::Tensor tensor = file.tensors.Read(place.entry);
  if (tensor.isfinite().all().item<bool>()) return tensor;
  return absl::InvalidArgumentError(absl::StrCat(file.path, ": tensor \"", name, "\" has values that are not finite"));
}

absl::Status WeightFolder::Read(const BucketSpec& bucket, torch::Tensor values) const {
  const torch::NoGradGuard no_grad;
  for (const ParameterSpec& parameter : bucket.parameters) {
    const torch::Tensor whole = ViewOf(values, parameter);
    for (const HuggingFaceRows& rows : parameter.hugging_face) {
      MASPO_ASSIGN_OR_RETURN(const torch::Tensor tensor, ReadFinite(rows.name));
      whole.narrow(0, rows.first, rows.count).copy_(tensor);
    }
  }
  return absl::OkStatus();
}

absl::Status WeightFolder::CheckFinite() const {
  for (const auto& [name, place] : places_) MASPO_RETURN_IF_ERROR(ReadFinite(name).status());
  return absl::OkStatus();
}

}  // namespace maspo
