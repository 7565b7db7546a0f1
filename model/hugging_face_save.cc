#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/digest.h"
#include "model/hugging_face.h"
#include "model/hugging_face_names.h"
#include "model/safetensors.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// What besides the weights makes a folder usable by transformers.
constexpr const char* kCompanionFiles[] = {
    "tokenizer.json", "tokenizer_config.json",  "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt",     "generation_config.json", "chat_template.jinja"};

bool Exists(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

// Writes one file, or numbered shards of at most max_shard_bytes each (one tensor at least) and their index.
absl::Status WriteWeights(const fs::path& folder, const std::map<std::string, torch::Tensor>& tensors,
                          int64_t max_shard_bytes) {
  std::vector<std::vector<std::pair<std::string, torch::Tensor>>> shards(1);
  int64_t shard_bytes = 0, total_bytes = 0;
  for (const auto& [name, tensor] : tensors) {
    const int64_t bytes = tensor.nbytes();
    if (!shards.back().empty() && shard_bytes + bytes > max_shard_bytes) {
      shards.emplace_back();
      shard_bytes = 0;
    }
    shards.back().emplace_back(name, tensor);
    shard_bytes += bytes;
    total_bytes += bytes;
  }
  if (shards.size() == 1) return WriteSafetensors(folder / "model.safetensors", shards[0]);
  json index = {{"metadata", {{"total_size", total_bytes}}}, {"weight_map", json::object()}};
  for (size_t i = 0; i < shards.size(); ++i) {
    const std::string file = absl::StrFormat("model-%05d-of-%05d.safetensors", i + 1, shards.size());
    for (const auto& [name, tensor] : shards[i]) index["weight_map"][name] = file;
    MASPO_RETURN_IF_ERROR(WriteSafetensors(folder / file, shards[i]));
  }
  return WriteFileAtomically(folder / "model.safetensors.index.json", index.dump(2));
}

// The source's config.json with the dtype that was really written.
absl::Status WriteConfig(const fs::path& folder, const std::string& source_folder, torch::Dtype dtype) {
  const std::string path = absl::StrCat(source_folder, "/config.json");
  MASPO_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  auto config = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) return absl::InvalidArgumentError(absl::StrCat(path, ": not a JSON object"));
  const char* key = config.contains("dtype") ? "dtype" : "torch_dtype";
  config[key] = dtype == torch::kFloat32 ? "float32" : "bfloat16";
  return WriteFileAtomically(folder / "config.json", config.dump(2) + "\n");
}

absl::Status FileSystemError(const std::string& path, const std::error_code& error) {
  return absl::UnavailableError(absl::StrCat(path, ": ", error.message()));
}

absl::Status WriteFolder(const fs::path& folder, const std::string& source_folder, const ModelConfig& config,
                         const ParameterSet& parameters, int64_t max_shard_bytes) {
  MASPO_RETURN_IF_ERROR(WriteConfig(folder, source_folder, parameters.dtype()));
  for (const char* name : kCompanionFiles) {
    const fs::path source = fs::path(source_folder) / name;
    if (!Exists(source)) continue;
    MASPO_ASSIGN_OR_RETURN(const std::string content, ReadFile(source));
    MASPO_RETURN_IF_ERROR(WriteFileAtomically(folder / name, content));
  }
  return WriteWeights(folder, HuggingFaceViews(config, parameters), max_shard_bytes);
}

}  // namespace

absl::Status SaveModel(const std::string& folder, const std::string& source_folder, const ModelConfig& config,
                       const ParameterSet& parameters, int64_t max_shard_bytes) {
  if (Exists(folder)) return absl::AlreadyExistsError(absl::StrCat(folder, ": exists already"));
  const std::string partial = folder + ".partial";
  std::error_code error;
  fs::remove_all(partial, error);
  if (!error) fs::create_directories(partial, error);
  if (error) return FileSystemError(partial, error);
  absl::Status status = WriteFolder(partial, source_folder, config, parameters, max_shard_bytes);
  if (status.ok()) {
    fs::rename(partial, folder, error);
    if (!error) return absl::OkStatus();
    status = FileSystemError(folder, error);
  }
  fs::remove_all(partial, error);
  return status;
}

absl::StatusOr<std::string> ModelDigest(const std::string& folder) {
  Digest digest;
  for (const char* name : {"config.json", "tokenizer.json"}) {
    MASPO_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(absl::StrCat(folder, "/", name)));
    const uint64_t size = bytes.size();
    digest.Update(&size, sizeof(size));  // Where one file ends is part of the digest.
    digest.Update(bytes.data(), bytes.size());
  }
  return digest.Hex();
}

}  // namespace maspo
