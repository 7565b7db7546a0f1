#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/command.h"
#include "cli/dtype_flag.h"
#include "collective/device.h"
#include "model/hugging_face.h"
#include "model/logprobs.h"
#include "services/base/atomic_file.h"
#include "services/base/jsonl.h"
#include "services/base/progress.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"

namespace maspo {
namespace {

struct ScoreFlags {
  std::string model, input, output, device = "cpu";
  torch::Dtype dtype = torch::kFloat32;
  int threads = 1;
  int64_t batch_tokens = 8192;
};

struct Sequence {
  nlohmann::json id;
  std::vector<int64_t> token_ids;
};

// The next line, checked; false at the end of the file.
absl::StatusOr<bool> ReadSequence(JsonlReader& reader, int64_t vocab_size, Sequence& sequence) {
  nlohmann::json object;
  MASPO_ASSIGN_OR_RETURN(const bool more, reader.Next(object));
  if (!more) return false;
  const std::string where = reader.where();
  MASPO_RETURN_IF_ERROR(RefuseUnknownFields(object, {"id", "token_ids"}, where));
  MASPO_RETURN_IF_ERROR(IdField(object, "id", where).status());
  sequence.id = object["id"];
  MASPO_ASSIGN_OR_RETURN(sequence.token_ids, TokenIdsField(object, "token_ids", where));
  if (sequence.token_ids.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": field \"token_ids\" needs at least one token"));
  }
  for (const int64_t id : sequence.token_ids) {
    if (id < vocab_size) continue;
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": token id ", id, " is outside the model's vocabulary of ", vocab_size));
  }
  return true;
}

// Counts the sequences and finds bad lines before any work is done.
absl::StatusOr<int64_t> CheckInput(const std::string& path, int64_t vocab_size) {
  MASPO_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::Open(path));
  Sequence sequence;
  for (int64_t count = 0;; ++count) {
    MASPO_ASSIGN_OR_RETURN(const bool more, ReadSequence(reader, vocab_size, sequence));
    if (!more) return count;
  }
}

// One forward over all of them: the first token is a prompt, the rest its only response.
void WriteScores(const Transformer& model, const std::vector<Sequence>& batch, std::ostream& out) {
  const torch::NoGradGuard no_grad;
  std::vector<PackedGroup> groups;
  for (const Sequence& sequence : batch) {
    const auto& ids = sequence.token_ids;
    groups.push_back({.prompt = {ids[0]}, .responses = {{ids.begin() + 1, ids.end()}}});
  }
  const torch::Tensor logprobs_N =
      ResponseLogprobs(model, PackedLayout::Of(groups), /*temperature=*/1.0).logprobs_N.cpu();
  const float* next = logprobs_N.data_ptr<float>();
  for (const Sequence& sequence : batch) {
    const float* const end = next + sequence.token_ids.size() - 1;
    out << nlohmann::ordered_json{{"id", sequence.id}, {"logprobs", std::vector<float>(next, end)}}.dump() << '\n';
    next = end;
  }
}

// Reads, scores and writes in order, as many sequences at a time as batch_tokens allows (one at least).
absl::Status ScoreAll(const Transformer& model, const ScoreFlags& flags, int64_t num_sequences, std::ostream& out) {
  MASPO_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::Open(flags.input));
  Progress progress("score", "sequences", static_cast<double>(num_sequences));
  const absl::Time start = SteadyNow();
  int64_t done = 0, done_tokens = 0, waiting_tokens = 0;
  std::vector<Sequence> batch;
  const auto flush = [&] {
    if (batch.empty()) return;
    WriteScores(model, batch, out);
    done += batch.size();
    done_tokens += waiting_tokens;
    progress.Update(done, absl::StrFormat("%.0f tokens/s", done_tokens / absl::ToDoubleSeconds(SteadyNow() - start)));
    batch.clear();
    waiting_tokens = 0;
  };
  for (Sequence sequence;;) {
    MASPO_ASSIGN_OR_RETURN(const bool more, ReadSequence(reader, model.config().vocab_size, sequence));
    if (!more) break;
    const int64_t tokens = sequence.token_ids.size();
    if (waiting_tokens + tokens > flags.batch_tokens) flush();
    waiting_tokens += tokens;
    batch.push_back(std::move(sequence));
  }
  flush();
  return absl::OkStatus();
}

absl::Status RunScore(const ScoreFlags& flags) {
  torch::set_num_threads(flags.threads);
  MASPO_ASSIGN_OR_RETURN(const torch::Device device, LoadDevice(flags.device));
  MASPO_ASSIGN_OR_RETURN(const ModelConfig config, ModelConfig::Load(flags.model));
  MASPO_ASSIGN_OR_RETURN(const int64_t num_sequences, CheckInput(flags.input, config.vocab_size));
  MASPO_ASSIGN_OR_RETURN(auto parameters, LoadWeights(flags.model, config, device, flags.dtype));
  MASPO_ASSIGN_OR_RETURN(AtomicFile output, AtomicFile::Create(flags.output));
  const Transformer model(config, std::move(parameters));
  MASPO_RETURN_IF_ERROR(ScoreAll(model, flags, num_sequences, output.stream()));
  return output.Commit();
}

}  // namespace

void AddScoreCommand(CLI::App& maspo, CommandBody& run) {
  auto flags = std::make_shared<ScoreFlags>();
  CLI::App* app = maspo.add_subcommand("score", "Log-probabilities of token sequences, by the learner's forward");
  app->add_option("--model", flags->model, "Hugging Face folder")->required();
  app->add_option("--input", flags->input, "JSON Lines of {id, token_ids}")->required();
  app->add_option("--output", flags->output, "JSON Lines to write: {id, logprobs}, of each token given those before it")
      ->required();
  app->add_option("--device", flags->device, "cpu, cuda or cuda:N")->capture_default_str();
  AddDtypeFlag(*app, flags->dtype);
  app->add_option("--threads", flags->threads, "CPU threads")->capture_default_str()->check(CLI::Range(1, 1024));
  app->add_option("--batch-tokens", flags->batch_tokens, "Tokens of one forward")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 30));
  app->callback([flags, &run] { run = [flags] { return RunScore(*flags); }; });
}

}  // namespace maspo
