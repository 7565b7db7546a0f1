#include "learner/checkpoint/checkpoint.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

namespace fs = std::filesystem;

constexpr char kStateFile[] = "run_state.json";
constexpr char kPrefix[] = "step-";
constexpr char kPartial[] = ".partial";

std::vector<std::string> FoldersIn(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (entry.is_directory(error)) names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool IsCheckpoint(const std::string& name) {
  const std::string number = name.substr(std::min(name.size(), sizeof kPrefix - 1));
  return absl::StartsWith(name, kPrefix) && !number.empty() &&
         number.find_first_not_of("0123456789") == std::string::npos;
}

// Oldest first.
std::vector<std::string> Checkpoints(const std::string& folder) {
  std::vector<std::string> names = FoldersIn(folder);
  std::erase_if(names, [](const std::string& name) { return !IsCheckpoint(name); });
  return names;
}

std::string Encode(const RunState& state) {
  const nlohmann::json json{{"step", state.step},
                            {"planned_updates", state.planned_updates},
                            {"skipped_updates", state.skipped_updates},
                            {"prompt_cursor", state.prompt_cursor},
                            {"ledger_offset", state.ledger_offset},
                            {"seed", state.seed},
                            {"num_updates", state.num_updates}};
  return json.dump(2) + "\n";
}

}  // namespace

std::string CheckpointStore::PathOf(uint64_t step) const {
  return absl::StrFormat("%s/%s%08d", options_.folder, kPrefix, step);
}

std::optional<std::string> CheckpointStore::Prepare(uint64_t step) const {
  const std::string path = PathOf(step), partial = path + kPartial;
  if (fs::exists(path)) return std::nullopt;
  std::error_code error;
  fs::create_directories(options_.folder, error);
  fs::remove_all(partial, error);
  return partial;
}

absl::Status CheckpointStore::Commit(const RunState& state, const absl::Status& written) const {
  const std::string path = PathOf(state.step), partial = path + kPartial;
  absl::Status status = written;
  if (status.ok()) status = WriteFileAtomically(absl::StrCat(partial, "/", kStateFile), Encode(state));
  if (status.ok()) status = CommitFolder(partial, path);
  if (!status.ok()) {
    std::error_code error;
    fs::remove_all(partial, error);  // It may be what fills the disk.
    return status;
  }
  spdlog::info("checkpoint {} written", path);
  DeleteOld();
  return absl::OkStatus();
}

void CheckpointStore::DeleteOld() const {
  const std::vector<std::string> names = Checkpoints(options_.folder);
  if (options_.keep == 0) return;
  for (size_t i = 0; i + options_.keep < names.size(); ++i) {
    std::error_code error;
    fs::remove_all(absl::StrCat(options_.folder, "/", names[i]), error);
    if (error) spdlog::warn("cannot delete the old checkpoint {}: {}", names[i], error.message());
  }
}

void CheckpointStore::RemoveUnfinished() const {
  for (const std::string& name : FoldersIn(options_.folder)) {
    if (!absl::StrContains(name, kPartial)) continue;
    std::error_code error;
    fs::remove_all(absl::StrCat(options_.folder, "/", name), error);
    if (error) spdlog::warn("cannot remove the unfinished checkpoint {}: {}", name, error.message());
  }
}

std::optional<std::string> CheckpointStore::Newest() const {
  const std::vector<std::string> names = Checkpoints(options_.folder);
  if (names.empty()) return std::nullopt;
  return absl::StrCat(options_.folder, "/", names.back());
}

absl::StatusOr<std::optional<CheckpointStore::Checkpoint>> CheckpointStore::TakeNewest(
    absl::FunctionRef<absl::Status(const std::string& folder)> check) const {
  const std::vector<std::string> names = Checkpoints(options_.folder);
  std::vector<std::string> damaged;  // Newest first.
  std::string why;
  for (auto name = names.rbegin(); name != names.rend(); ++name) {
    const std::string path = absl::StrCat(options_.folder, "/", *name);
    const absl::StatusOr<RunState> state = LoadState(path);
    const absl::Status status = state.ok() ? check(path) : state.status();
    if (status.ok()) {
      for (const std::string& newer : damaged) {
        spdlog::error("{} is passed over and renamed to {}.damaged; going on from the one before", newer, newer);
        std::error_code error;
        fs::remove_all(newer + ".damaged", error);
        fs::rename(newer, newer + ".damaged", error);
        if (error) return absl::UnavailableError(absl::StrCat("cannot rename ", newer, ": ", error.message()));
      }
      return Checkpoint{path, *state};
    }
    spdlog::error("the checkpoint {} cannot be read: {}", path, std::string(status.message()));
    if (why.empty()) why = std::string(status.message());
    damaged.push_back(path);
  }
  if (names.empty()) return std::nullopt;
  return absl::DataLossError(absl::StrCat("none of the ", names.size(), " checkpoints in ", options_.folder,
                                          " can be read, the newest because ", why,
                                          "; restore one from a copy, or start a new run in another folder"));
}

absl::StatusOr<RunState> CheckpointStore::LoadState(const std::string& checkpoint) {
  const std::string path = absl::StrCat(checkpoint, "/", kStateFile);
  MASPO_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  RunState state;
  uint64_t num_updates = 0;
  const std::pair<const char*, uint64_t*> fields[] = {{"step", &state.step},
                                                      {"planned_updates", &state.planned_updates},
                                                      {"skipped_updates", &state.skipped_updates},
                                                      {"prompt_cursor", &state.prompt_cursor},
                                                      {"ledger_offset", &state.ledger_offset},
                                                      {"seed", &state.seed},
                                                      {"num_updates", &num_updates}};
  for (const auto& [name, value] : fields) {
    if (!json.is_object() || !json.contains(name) || !json[name].is_number_unsigned()) {
      return absl::DataLossError(absl::StrCat(path, ": \"", name, "\" is missing"));
    }
    *value = json[name].get<uint64_t>();
  }
  state.num_updates = static_cast<int64_t>(num_updates);
  return state;
}

}  // namespace maspo
