#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "cli/command.h"
#include "cli/verification_options.h"
#include "reward_server/verification/answer_verifier.h"
#include "services/base/atomic_file.h"
#include "services/base/jsonl.h"
#include "services/base/progress.h"
#include "services/base/status_macros.h"
#include "services/reward/verdict_name.h"

namespace maspo {
namespace {

struct VerifyFlags {
  std::string input, output;
};

struct VerifyLine {
  nlohmann::json id;  // As it was given: a string or an integer.
  v1::VerifyItem item;
  VerificationOptions options;
};

// The next line, checked; false at the end of the file.
absl::StatusOr<bool> ReadLine(JsonlReader& reader, VerifyLine& line) {
  nlohmann::json object;
  MASPO_ASSIGN_OR_RETURN(const bool more, reader.Next(object));
  if (!more) return false;
  const std::string where = reader.where();
  MASPO_RETURN_IF_ERROR(RefuseUnknownFields(object, {"id", "gold", "response", "options"}, where));
  MASPO_RETURN_IF_ERROR(IdField(object, "id", where).status());
  line.id = object["id"];
  MASPO_ASSIGN_OR_RETURN(*line.item.mutable_gold_answer(), StringField(object, "gold", where));
  MASPO_ASSIGN_OR_RETURN(*line.item.mutable_response(), StringField(object, "response", where));
  line.options = VerificationOptions();
  if (object.contains("options")) {
    MASPO_ASSIGN_OR_RETURN(line.options, VerificationOptionsFrom(object["options"], where));
  }
  return true;
}

// Counts the lines and finds bad ones before any work is done.
absl::StatusOr<int64_t> CheckInput(const std::string& path) {
  MASPO_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::Open(path));
  VerifyLine line;
  for (int64_t count = 0;; ++count) {
    MASPO_ASSIGN_OR_RETURN(const bool more, ReadLine(reader, line));
    if (!more) return count;
  }
}

std::string ResultLine(const VerifyLine& line, const v1::VerifiedAnswer& answer) {
  return nlohmann::ordered_json{{"id", line.id},
                                {"verdict", VerdictName(answer.verdict())},
                                {"equal", answer.verdict() == v1::VERDICT_CORRECT},
                                {"reward", answer.reward()},
                                {"answer", answer.answer()},
                                {"gold_answer", answer.gold_answer()},
                                {"decided_by", answer.decided_by()},
                                {"micros", answer.micros()}}
      .dump();
}

absl::Status RunVerify(const VerifyFlags& flags) {
  MASPO_ASSIGN_OR_RETURN(const int64_t num_lines, CheckInput(flags.input));
  MASPO_ASSIGN_OR_RETURN(const std::unique_ptr<AnswerVerifier> verifier, AnswerVerifier::Create({}));
  MASPO_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::Open(flags.input));
  MASPO_ASSIGN_OR_RETURN(AtomicFile output, AtomicFile::Create(flags.output));
  Progress progress("verify", "responses", static_cast<double>(num_lines));
  VerifyLine line;
  for (int64_t done = 1;; ++done) {
    MASPO_ASSIGN_OR_RETURN(const bool more, ReadLine(reader, line));
    if (!more) return output.Commit();
    output.stream() << ResultLine(line, verifier->Verify(line.item, line.options)) << '\n';
    progress.Update(static_cast<double>(done));
  }
}

}  // namespace

void AddVerifyCommand(CLI::App& maspo, CommandBody& run) {
  auto flags = std::make_shared<VerifyFlags>();
  CLI::App* app = maspo.add_subcommand("verify", "Whether the final answers of responses equal the gold answers");
  app->add_option("--input", flags->input, "JSON Lines of {id, gold, response, options}; options may be absent")
      ->required();
  app->add_option("--output", flags->output,
                  "JSON Lines to write: {id, verdict, equal, reward, answer, gold_answer, decided_by, micros}")
      ->required();
  app->callback([flags, &run] { run = [flags] { return RunVerify(*flags); }; });
}

}  // namespace maspo
