#include "learner/checkpoint/checkpoint.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/hugging_face.h"
#include "model/safetensors.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

namespace fs = std::filesystem;

constexpr char kStateFile[] = "run_state.json";
constexpr char kOptimizerFile[] = "optimizer.safetensors";
constexpr char kUpdateCount[] = "num_updates";

// Names of complete checkpoints, oldest first.
std::vector<std::string> Names(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_directory() && absl::StartsWith(name, "step-") && !absl::EndsWith(name, ".partial"))
      names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

absl::Status SaveOptimizer(const std::string& path, const ParameterSet& parameters, const AdamW& optimizer) {
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (size_t i = 0; i < parameters.buckets().size(); ++i) {
    const std::string& bucket = parameters.buckets()[i].name;
    tensors.emplace_back(absl::StrCat(bucket, ".first_moment"), optimizer.first_moments()[i].cpu());
    tensors.emplace_back(absl::StrCat(bucket, ".second_moment"), optimizer.second_moments()[i].cpu());
  }
  return WriteSafetensors(path, tensors);
}

absl::StatusOr<torch::Tensor> ReadLike(const SafetensorsFile& file, const std::string& path, const std::string& name,
                                       const torch::Tensor& like) {
  const auto it = file.entries().find(name);
  if (it == file.entries().end() || it->second.shape != like.sizes().vec() || it->second.dtype != torch::kFloat32) {
    return absl::DataLossError(absl::StrCat(path, ": tensor ", name,
                                            " is missing or of another shape; was the checkpoint made "
                                            "from this model?"));
  }
  return file.Read(it->second);
}

}  // namespace

absl::Status CheckpointStore::Save(const RunState& state, const Transformer& policy, const AdamW& optimizer) {
  const std::string path = absl::StrFormat("%s/step-%08d", options_.folder, state.step);
  if (fs::exists(path)) return absl::OkStatus();
  const std::string partial = path + ".partial";
  std::error_code error;
  fs::create_directories(options_.folder, error);
  fs::remove_all(partial, error);

  const ParameterSet& parameters = *policy.shared_parameters();
  MASPO_RETURN_IF_ERROR(SaveModel(partial, options_.source_folder, policy.config(), parameters));
  MASPO_RETURN_IF_ERROR(SaveOptimizer(absl::StrCat(partial, "/", kOptimizerFile), parameters, optimizer));
  const nlohmann::json json{{"step", state.step},
                            {"planned_updates", state.planned_updates},
                            {"skipped_updates", state.skipped_updates},
                            {"prompt_cursor", state.prompt_cursor},
                            {"ledger_offset", state.ledger_offset},
                            {"seed", state.seed},
                            {kUpdateCount, optimizer.num_updates()}};
  MASPO_RETURN_IF_ERROR(WriteFileAtomically(absl::StrCat(partial, "/", kStateFile), json.dump(2) + "\n"));
  fs::rename(partial, path, error);
  if (error) return absl::UnavailableError(absl::StrCat("cannot rename ", partial, ": ", error.message()));
  spdlog::info("checkpoint {} written", path);
  DeleteOld();
  return absl::OkStatus();
}

void CheckpointStore::DeleteOld() const {
  const std::vector<std::string> names = Names(options_.folder);
  if (options_.keep == 0) return;
  for (size_t i = 0; i + options_.keep < names.size(); ++i) {
    std::error_code error;
    fs::remove_all(absl::StrCat(options_.folder, "/", names[i]), error);
    if (error) spdlog::warn("cannot delete the old checkpoint {}: {}", names[i], error.message());
  }
}

std::optional<std::string> CheckpointStore::Newest() const {
  const std::vector<std::string> names = Names(options_.folder);
  if (names.empty()) return std::nullopt;
  return absl::StrCat(options_.folder, "/", names.back());
}

absl::StatusOr<RunState> CheckpointStore::LoadState(const std::string& checkpoint) {
  const std::string path = absl::StrCat(checkpoint, "/", kStateFile);
  MASPO_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  RunState state;
  const std::pair<const char*, uint64_t*> fields[] = {{"step", &state.step},
                                                      {"planned_updates", &state.planned_updates},
                                                      {"skipped_updates", &state.skipped_updates},
                                                      {"prompt_cursor", &state.prompt_cursor},
                                                      {"ledger_offset", &state.ledger_offset},
                                                      {"seed", &state.seed}};
  for (const auto& [name, value] : fields) {
    if (!json.is_object() || !json.contains(name) || !json[name].is_number_unsigned()) {
      return absl::DataLossError(
          absl::StrCat(path, ": \"", name, "\" is missing; resume from another checkpoint by deleting this one"));
    }
    *value = json[name].get<uint64_t>();
  }
  return state;
}

absl::Status CheckpointStore::LoadOptimizer(const std::string& checkpoint, const ParameterSet& parameters,
                                            AdamW& optimizer) {
  MASPO_ASSIGN_OR_RETURN(const std::string state, ReadFile(absl::StrCat(checkpoint, "/", kStateFile)));
  const nlohmann::json json = nlohmann::json::parse(state, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains(kUpdateCount) || !json[kUpdateCount].is_number_integer()) {
    return absl::DataLossError(absl::StrCat(checkpoint, "/", kStateFile, ": \"", kUpdateCount, "\" is missing"));
  }
  const std::string path = absl::StrCat(checkpoint, "/", kOptimizerFile);
  MASPO_ASSIGN_OR_RETURN(const SafetensorsFile file, SafetensorsFile::Open(path));
  std::vector<torch::Tensor> first_moments, second_moments;
  for (const ParameterBucket& bucket : parameters.buckets()) {
    MASPO_ASSIGN_OR_RETURN(first_moments.emplace_back(),
                           ReadLike(file, path, bucket.name + ".first_moment", bucket.values));
    MASPO_ASSIGN_OR_RETURN(second_moments.emplace_back(),
                           ReadLike(file, path, bucket.name + ".second_moment", bucket.values));
  }
  optimizer.Restore(first_moments, second_moments, json[kUpdateCount].get<int64_t>());
  return absl::OkStatus();
}

}  // namespace maspo
