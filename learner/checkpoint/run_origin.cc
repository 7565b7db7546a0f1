#include "learner/checkpoint/run_origin.h"

#include <xxhash.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "learner/checkpoint/checkpoint.h"
#include "learner/checkpoint/resume_keys.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

namespace fs = std::filesystem;

constexpr size_t kEnd = size_t{1} << 20;  // Bytes of a weights file that are looked at, at each end.

std::string PathIn(const std::string& run_dir) { return run_dir + "/origin.json"; }

// XXH3-128 over texts, each with its length.
class TextDigest {
 public:
  TextDigest() { XXH3_128bits_reset(state_.get()); }
  void Add(std::string_view text) {
    const uint64_t size = text.size();
    XXH3_128bits_update(state_.get(), &size, sizeof size);
    XXH3_128bits_update(state_.get(), text.data(), text.size());
  }
  std::string Hex() const {
    const XXH128_hash_t hash = XXH3_128bits_digest(state_.get());
    return absl::StrFormat("%016x%016x", hash.high64, hash.low64);
  }

 private:
  struct Free {
    void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
  };
  std::unique_ptr<XXH3_state_t, Free> state_{XXH3_createState()};
};

std::string DigestOf(const PromptDataset& train) {
  TextDigest digest;
  for (const PromptProblem& problem : train.problems()) {
    for (const std::string* text : {&problem.id, &problem.problem, &problem.answer, &problem.source}) digest.Add(*text);
  }
  return digest.Hex();
}

// Weights are tens of gigabytes: their size, their header and their last tensor tell them apart.
absl::Status AddWeights(const fs::path& path, TextDigest& digest) {
  std::ifstream in(path, std::ios::binary);
  const uint64_t size = fs::file_size(path);
  std::string bytes(std::min<uint64_t>(size, kEnd), '\0');
  digest.Add(absl::StrCat(path.filename().string(), " ", size));
  for (const uint64_t begin : {uint64_t{0}, size - bytes.size()}) {
    in.seekg(static_cast<std::streamoff>(begin));
    if (!in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
      return absl::UnavailableError(absl::StrCat("cannot read ", path.string()));
    }
    digest.Add(bytes);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> DigestOfModel(const std::string& folder) {
  TextDigest digest;
  for (const char* name : {"config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"}) {
    const std::string path = absl::StrCat(folder, "/", name);
    if (!fs::exists(path)) continue;
    MASPO_ASSIGN_OR_RETURN(const std::string text, ReadFile(path));
    digest.Add(text);
  }
  std::vector<fs::path> weights;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() == ".safetensors") weights.push_back(entry.path());
  }
  std::sort(weights.begin(), weights.end());
  for (const fs::path& path : weights) MASPO_RETURN_IF_ERROR(AddWeights(path, digest));
  return digest.Hex();
}

absl::Status CheckSame(const RunOrigin& began, const RunOrigin& now, const std::string& run_dir,
                       const std::string& checkpoint) {
  const auto refuse = [&](const std::string& what, const std::string& do_this) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, "; ", do_this, ", or start a new run in another folder with model.path: ", checkpoint,
                     " to go on from these weights"));
  };
  for (const auto& [key, value] : now.settings) {
    const auto before = began.settings.find(key);
    if (before == began.settings.end() || before->second == value) continue;
    const auto or_unset = [](const std::string& text) { return text.empty() ? "unset" : text; };
    return refuse(absl::StrCat(key, " is ", or_unset(value), ", but the run in ", run_dir, " began with ",
                               or_unset(before->second), " and keeps it"),
                  "set it back");
  }
  if (began.train_digest != now.train_digest) {
    return refuse(absl::StrCat("data.train: the problems are not those that the run in ", run_dir, " began with"),
                  "restore the files");
  }
  if (began.model_digest != now.model_digest) {
    return refuse(absl::StrCat("model.path: the model is not the one that the run in ", run_dir, " began with"),
                  "restore the folder");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RunOrigin> RunOrigin::Of(const v1::RunConfig& config, const PromptDataset& train) {
  RunOrigin origin{.settings = KeptSettings(config), .train_digest = DigestOf(train), .model_digest = ""};
  MASPO_ASSIGN_OR_RETURN(origin.model_digest, DigestOfModel(config.model().path()));
  return origin;
}

absl::StatusOr<std::optional<RunOrigin>> RunOrigin::Load(const std::string& run_dir) {
  if (!fs::exists(PathIn(run_dir))) return std::nullopt;
  MASPO_ASSIGN_OR_RETURN(const std::string text, ReadFile(PathIn(run_dir)));
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const auto is_text = [](const nlohmann::json& value) { return value.is_string(); };
  if (!json.is_object() || !json.contains("settings") || !json["settings"].is_object() ||
      !std::all_of(json["settings"].begin(), json["settings"].end(), is_text) ||
      !is_text(json.value("train_digest", nlohmann::json())) ||
      !is_text(json.value("model_digest", nlohmann::json()))) {
    return absl::DataLossError(
        absl::StrCat(PathIn(run_dir), " is damaged; restore it, or remove it to go on unchecked"));
  }
  return RunOrigin{.settings = json["settings"].get<std::map<std::string, std::string>>(),
                   .train_digest = json["train_digest"],
                   .model_digest = json["model_digest"]};
}

absl::Status RunOrigin::Save(const std::string& run_dir) const {
  const nlohmann::ordered_json json{
      {"settings", settings}, {"train_digest", train_digest}, {"model_digest", model_digest}};
  return WriteFileAtomically(PathIn(run_dir), json.dump(2) + "\n");
}

absl::Status CheckResume(const std::string& run_dir, const RunOrigin& now) {
  const std::optional<std::string> checkpoint = CheckpointStore({.folder = run_dir + "/checkpoints"}).Newest();
  if (!checkpoint) return absl::OkStatus();
  MASPO_ASSIGN_OR_RETURN(const std::optional<RunOrigin> began, RunOrigin::Load(run_dir));
  return began ? CheckSame(*began, now, run_dir, *checkpoint) : absl::OkStatus();
}

}  // namespace maspo
