#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/digest.h"
#include "model/dtype.h"
#include "model/hugging_face.h"
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

// The source's config.json with the dtype that was really written.
absl::Status WriteConfig(const fs::path& folder, const std::string& source_folder, torch::Dtype dtype) {
  const std::string path = absl::StrCat(source_folder, "/config.json");
  MASPO_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  auto config = nlohmann::ordered_json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) return absl::InvalidArgumentError(absl::StrCat(path, ": not a JSON object"));
  const char* key = config.contains("dtype") ? "dtype" : "torch_dtype";
  config[key] = NameOf(dtype);
  return WriteFileAtomically(folder / "config.json", config.dump(2) + "\n");
}

absl::Status FileSystemError(const std::string& path, const std::error_code& error) {
  return absl::UnavailableError(absl::StrCat(path, ": ", error.message()));
}

}  // namespace

absl::StatusOr<ModelWriter> ModelWriter::Create(const std::string& folder, const std::string& source_folder,
                                                const std::vector<BucketSpec>& layout, torch::Dtype dtype,
                                                int64_t max_shard_bytes) {
  MASPO_RETURN_IF_ERROR(WriteConfig(folder, source_folder, dtype));
  for (const char* name : kCompanionFiles) {
    const fs::path source = fs::path(source_folder) / name;
    if (!PathExists(source)) continue;
    MASPO_ASSIGN_OR_RETURN(const std::string content, ReadFile(source));
    MASPO_RETURN_IF_ERROR(WriteFileAtomically(fs::path(folder) / name, content));
  }
  ModelWriter writer(folder, layout);
  writer.PlanFiles(dtype, max_shard_bytes);
  if (writer.files_.size() > 1) {
    const auto bytes = NumElements(layout) * static_cast<int64_t>(torch::elementSize(dtype));
    MASPO_RETURN_IF_ERROR(writer.WriteIndex(bytes));
  }
  return writer;
}

// One file, or numbered shards of at most max_shard_bytes each (one tensor at least).
void ModelWriter::PlanFiles(torch::Dtype dtype, int64_t max_shard_bytes) {
  files_.emplace_back();
  int64_t shard_bytes = 0;
  for (const BucketSpec& bucket : layout_) {
    for (const ParameterSpec& parameter : bucket.parameters) {
      for (const HuggingFaceRows& rows : parameter.hugging_face) {
        std::vector<int64_t> shape = parameter.ShapeOf(rows);
        const int64_t bytes = c10::multiply_integers(shape) * static_cast<int64_t>(torch::elementSize(dtype));
        if (!files_.back().tensors.empty() && shard_bytes + bytes > max_shard_bytes) {
          files_.emplace_back();
          shard_bytes = 0;
        }
        files_.back().tensors.push_back({rows.name, dtype, std::move(shape)});
        shard_bytes += bytes;
      }
    }
  }
  for (size_t i = 0; i < files_.size(); ++i) {
    files_[i].name = files_.size() == 1 ? "model.safetensors"
                                        : absl::StrFormat("model-%05d-of-%05d.safetensors", i + 1, files_.size());
  }
}

absl::Status ModelWriter::WriteIndex(int64_t total_bytes) const {
  json index = {{"metadata", {{"total_size", total_bytes}}}, {"weight_map", json::object()}};
  for (const File& file : files_) {
    for (const SafetensorsWriter::Tensor& tensor : file.tensors) index["weight_map"][tensor.name] = file.name;
  }
  return WriteFileAtomically(fs::path(folder_) / "model.safetensors.index.json", index.dump(2));
}

absl::Status ModelWriter::Add(const torch::Tensor& values) {
  for (const ParameterSpec& parameter : layout_[next_bucket_].parameters) {
    const torch::Tensor whole = ViewOf(values, parameter);
    for (const HuggingFaceRows& rows : parameter.hugging_face) {
      MASPO_RETURN_IF_ERROR(WriteTensor(whole.narrow(0, rows.first, rows.count)));
    }
  }
  ++next_bucket_;
  return absl::OkStatus();
}

absl::Status ModelWriter::WriteTensor(const torch::Tensor& values) {
  const File& file = files_[file_];
  if (!writer_) {
    MASPO_ASSIGN_OR_RETURN(SafetensorsWriter writer,
                           SafetensorsWriter::Create(fs::path(folder_) / file.name, file.tensors));
    writer_.emplace(std::move(writer));
  }
  writer_->Write(values);
  if (++next_tensor_ < file.tensors.size()) return absl::OkStatus();
  MASPO_RETURN_IF_ERROR(writer_->Commit());
  writer_.reset();
  next_tensor_ = 0;
  ++file_;
  return absl::OkStatus();
}

absl::Status SaveModel(const std::string& folder, const std::string& source_folder, const ModelConfig& config,
                       const ParameterSet& parameters, int64_t max_shard_bytes) {
  if (PathExists(folder)) return absl::AlreadyExistsError(absl::StrCat(folder, ": exists already"));
  const std::string partial = folder + ".partial";
  std::error_code error;
  fs::remove_all(partial, error);
  if (!error) fs::create_directories(partial, error);
  if (error) return FileSystemError(partial, error);
  const auto write = [&]() -> absl::Status {
    MASPO_ASSIGN_OR_RETURN(ModelWriter writer, ModelWriter::Create(partial, source_folder, ParameterLayout(config),
                                                                   parameters.dtype(), max_shard_bytes));
    for (const ParameterBucket& bucket : parameters.buckets()) MASPO_RETURN_IF_ERROR(writer.Add(bucket.values));
    return CommitFolder(partial, folder);
  };
  const absl::Status status = write();
  if (!status.ok()) fs::remove_all(partial, error);
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
