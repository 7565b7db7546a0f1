#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "cli/command.h"
#include "cli/verify/reward_streams.h"
#include "cli/verify_lines.h"
#include "reward_server/verification/answer_verifier.h"
#include "services/base/atomic_file.h"
#include "services/base/jsonl.h"
#include "services/base/progress.h"
#include "services/base/status_macros.h"
#include "services/config/config_loader.h"

namespace maspo {
namespace {

// Of one batch to a reward server, whatever it would take: several are under way at a time.
constexpr uint32_t kBatchItems = 256;
constexpr size_t kBatchBytes = 4 << 20;

struct VerifyFlags {
  std::string input, output;
  std::string reward_servers, config;
  std::vector<std::string> overrides;
};

absl::Status VerifyHere(JsonlReader& reader, AtomicFile& output, Progress& progress) {
  MASPO_ASSIGN_OR_RETURN(const std::unique_ptr<AnswerVerifier> verifier, AnswerVerifier::Create({}));
  VerifyLine line;
  for (int64_t done = 1;; ++done) {
    MASPO_ASSIGN_OR_RETURN(const bool more, ReadVerifyLine(reader, line));
    if (!more) return absl::OkStatus();
    output.stream() << VerifyResultLine(line.id, verifier->Verify(line.item, line.options)) << '\n';
    progress.Update(static_cast<double>(done));
  }
}

absl::Status VerifyOnServers(const VerifyFlags& flags, JsonlReader& reader, AtomicFile& output, Progress& progress) {
  MASPO_ASSIGN_OR_RETURN(const v1::RunConfig config, LoadConfig(flags.config, flags.overrides));
  MASPO_ASSIGN_OR_RETURN(const auto streams,
                         RewardStreams::Create({.endpoints = absl::StrSplit(flags.reward_servers, ','),
                                                .key = "--reward-servers",
                                                .network = config.network()}));
  const int batch_items = static_cast<int>(std::min(kBatchItems, config.reward().max_batch_items()));
  std::deque<nlohmann::json> ids;  // Of the lines that are read and not yet written, in order.
  int64_t read = 0, done = 0;
  const auto next = [&](v1::VerifyBatchRequest& request) -> absl::StatusOr<bool> {
    VerifyLine line;
    for (size_t bytes = 0; request.items_size() < batch_items && bytes < kBatchBytes;) {
      MASPO_ASSIGN_OR_RETURN(const bool more, ReadVerifyLine(reader, line));
      if (!more) break;
      line.item.set_id(absl::StrCat(read++));
      bytes += line.item.ByteSizeLong();
      ids.push_back(std::move(line.id));
      *request.add_items() = std::move(line.item);
    }
    return request.items_size() > 0;
  };
  const auto take = [&](const v1::VerifyBatchResponse& response) {
    for (const v1::VerifiedAnswer& answer : response.answers()) {
      output.stream() << VerifyResultLine(ids.front(), answer) << '\n';
      ids.pop_front();
      progress.Update(static_cast<double>(++done));
    }
    return absl::OkStatus();
  };
  return streams->Run(next, take);
}

absl::Status RunVerify(const VerifyFlags& flags) {
  const bool here = flags.reward_servers.empty();
  MASPO_ASSIGN_OR_RETURN(const int64_t num_lines, CheckVerifyInput(flags.input, /*may_have_options=*/here));
  MASPO_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::Open(flags.input));
  MASPO_ASSIGN_OR_RETURN(AtomicFile output, AtomicFile::Create(flags.output));
  Progress progress("verify", "responses", static_cast<double>(num_lines));
  MASPO_RETURN_IF_ERROR(here ? VerifyHere(reader, output, progress) : VerifyOnServers(flags, reader, output, progress));
  return output.Commit();
}

}  // namespace

void AddVerifyCommand(CLI::App& maspo, CommandBody& run) {
  auto flags = std::make_shared<VerifyFlags>();
  CLI::App* app = maspo.add_subcommand("verify", "Whether the final answers of responses equal the gold answers");
  app->add_option("--input", flags->input,
                  "JSON Lines of {id, gold, response, problem, source, options}; the last three may be absent")
      ->required();
  app->add_option("--output", flags->output,
                  "JSON Lines to write: {id, verdict, equal, reward, answer, gold_answer, decided_by, micros}")
      ->required();
  CLI::Option* servers =
      app->add_option("--reward-servers", flags->reward_servers,
                      "HOST:PORT[,HOST:PORT...]: verify on running reward servers, as they are configured");
  app->add_option("--config", flags->config, "Run configuration, YAML: for network.tls and network.token_file")
      ->needs(servers);
  app->add_option("--set", flags->overrides, "key=value, overrides one key; may be repeated")->needs(servers);
  app->callback([flags, &run] { run = [flags] { return RunVerify(*flags); }; });
}

}  // namespace maspo
