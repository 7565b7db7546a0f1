#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/time/time.h"
#include "cli/command.h"
#include "cli/verification_options.h"
#include "reward_server/limits.h"
#include "reward_server/prime_math/final_answer.h"
#include "reward_server/prime_math/normal_forms.h"
#include "reward_server/verification/answer_reader.h"
#include "reward_server/verification/printable_text.h"
#include "services/base/atomic_file.h"
#include "services/base/jsonl.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

constexpr absl::Duration kDeadline = absl::Milliseconds(20);  // Of one response, as in the reward server.

struct ExtractFlags {
  std::string input, output;
};

std::string NameOf(AnswerReading::State state) {
  switch (state) {
    case AnswerReading::State::kRead:
      return "ok";
    case AnswerReading::State::kNoAnswer:
      return "no_answer";
    case AnswerReading::State::kUnparsable:
      return "unparsable";
    case AnswerReading::State::kTooLarge:
      return "too_large";
  }
  return "error";
}

absl::StatusOr<std::string> ResultLine(const nlohmann::json& object, const std::string& where) {
  MASPO_RETURN_IF_ERROR(RefuseUnknownFields(object, {"id", "gold", "response", "options"}, where));
  MASPO_RETURN_IF_ERROR(IdField(object, "id", where).status());
  MASPO_ASSIGN_OR_RETURN(const std::string response, StringField(object, "response", where));
  VerificationOptions options;
  if (object.contains("options")) {
    MASPO_ASSIGN_OR_RETURN(options, VerificationOptionsFrom(object["options"], where));
  }
  if (options.rules == RuleSet::kPrimeMath) {
    const PrimeFinalAnswer found = FindPrimeFinalAnswer(response);
    return nlohmann::ordered_json{
        {"id", object["id"]},
        {"status", found.is_announced ? "ok" : "no_answer"},
        {"answer", PrintableText(found.text)},
        {"found_by", "prime_math"},
        {"read_as", PrintableText(TextNormalForm(found.text.substr(0, limits::kAnswerBytes)))}}
        .dump();
  }
  WorkBudget budget(kDeadline);
  const AnswerReading reading = ReadResponse(response, options.response, budget);
  const std::string status = budget.exhausted() ? "deadline" : NameOf(reading.state);
  return nlohmann::ordered_json{{"id", object["id"]},
                                {"status", status},
                                {"answer", PrintableText(reading.text)},
                                {"found_by", std::string(reading.found_by)},
                                {"read_as", PrintableText(reading.first_normal_form)}}
      .dump();
}

absl::Status RunExtract(const ExtractFlags& flags) {
  MASPO_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::Open(flags.input));
  MASPO_ASSIGN_OR_RETURN(AtomicFile output, AtomicFile::Create(flags.output));
  nlohmann::json object;
  while (true) {
    MASPO_ASSIGN_OR_RETURN(const bool more, reader.Next(object));
    if (!more) return output.Commit();
    MASPO_ASSIGN_OR_RETURN(const std::string line, ResultLine(object, reader.where()));
    output.stream() << line << '\n';
  }
}

}  // namespace

void AddExtractCommand(CLI::App& maspo, CommandBody& run) {
  auto flags = std::make_shared<ExtractFlags>();
  CLI::App* app = maspo.add_subcommand("extract", "What would be taken as the final answers of responses, and why");
  app->add_option("--input", flags->input, "JSON Lines of {id, response, options}; options may be absent")->required();
  app->add_option("--output", flags->output, "JSON Lines to write: {id, status, answer, found_by, read_as}")
      ->required();
  app->callback([flags, &run] { run = [flags] { return RunExtract(*flags); }; });
}

}  // namespace maspo
