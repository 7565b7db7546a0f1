#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/command.h"
#include "cli/generation.h"
#include "learner/evaluation/pass_at_k.h"
#include "learner/prompts/prompt_dataset.h"
#include "reward_server/verification/answer_verifier.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

struct EvalFlags {
  GenerationFlags generation;
  std::vector<std::string> data;
  std::vector<int64_t> ks = {1};
  std::string output, system_prompt, prompt_suffix;
};

absl::StatusOr<std::vector<GenerationPrompt>> EncodePrompts(const PromptDataset& dataset, const EvalFlags& flags,
                                                            const Tokenizer& tokenizer) {
  std::vector<GenerationPrompt> prompts;
  for (const PromptProblem& problem : dataset.problems()) {
    std::vector<ChatMessage> messages;
    if (!flags.system_prompt.empty()) messages.push_back({"system", flags.system_prompt});
    messages.push_back({"user", problem.problem + flags.prompt_suffix});
    MASPO_ASSIGN_OR_RETURN(const std::string text,
                           tokenizer.ApplyChatTemplate(messages, /*add_generation_prompt=*/true));
    MASPO_ASSIGN_OR_RETURN(std::vector<int64_t> ids, tokenizer.Encode(text, /*add_special_tokens=*/false));
    prompts.push_back({problem.id, std::move(ids), problem.where});
  }
  return prompts;
}

nlohmann::ordered_json ToJson(const EvaluationScores& scores, uint32_t samples) {
  nlohmann::ordered_json json;
  json["problems"] = scores.average.problems;
  json[absl::StrCat("avg@", samples)] = scores.average.mean;
  json[absl::StrCat("avg@", samples, "_stderr")] = scores.average.standard_error;
  for (const auto& [k, estimate] : scores.pass_at) json[absl::StrCat("pass@", k)] = estimate.mean;
  return json;
}

absl::Status WriteReport(const std::vector<ProblemResult>& results, const EvalFlags& flags) {
  const EvaluationTable table = ScoreProblems(results, flags.ks);
  const uint32_t samples = flags.generation.samples;
  nlohmann::ordered_json report = ToJson(table.all, samples);
  report["samples"] = samples;
  for (const auto& [source, scores] : table.by_source) report["sources"][source] = ToJson(scores, samples);
  report["results"] = nlohmann::ordered_json::array();
  for (const ProblemResult& result : results) {
    report["results"].push_back(nlohmann::ordered_json{
        {"id", result.id}, {"source", result.source}, {"samples", result.samples}, {"correct", result.correct}});
  }
  MASPO_RETURN_IF_ERROR(WriteFileAtomically(flags.output, report.dump(2) + "\n"));
  std::cout << absl::StrFormat("Avg@%d %.4f (standard error %.4f)", samples, table.all.average.mean,
                               table.all.average.standard_error);
  for (const auto& [k, estimate] : table.all.pass_at) std::cout << absl::StrFormat("  Pass@%d %.4f", k, estimate.mean);
  std::cout << absl::StrFormat("  over %d problems\n", table.all.average.problems);
  return absl::OkStatus();
}

absl::Status RunEval(const EvalFlags& flags) {
  for (const int64_t k : flags.ks) {
    if (k < 1 || k > flags.generation.samples) {
      return absl::InvalidArgumentError(
          absl::StrCat("--k ", k, " is not between 1 and --samples ", flags.generation.samples));
    }
  }
  MASPO_ASSIGN_OR_RETURN(const std::unique_ptr<Generation> generation, Generation::Prepare(flags.generation));
  MASPO_ASSIGN_OR_RETURN(const PromptDataset dataset, PromptDataset::Load(flags.data));
  MASPO_ASSIGN_OR_RETURN(const std::vector<GenerationPrompt> prompts,
                         EncodePrompts(dataset, flags, generation->tokenizer()));
  MASPO_RETURN_IF_ERROR(generation->SetPrompts(prompts));
  MASPO_ASSIGN_OR_RETURN(const std::unique_ptr<AnswerVerifier> verifier, AnswerVerifier::Create({}));

  std::vector<ProblemResult> results;
  for (const PromptProblem& problem : dataset.problems())
    results.push_back({.id = problem.id, .source = problem.source});
  MASPO_RETURN_IF_ERROR(generation->Run("eval", [&](size_t number, const GeneratedResponse& response) -> absl::Status {
    v1::VerifyItem item;
    item.set_problem(dataset.at(number).problem);
    item.set_gold_answer(dataset.at(number).answer);
    item.set_finish_reason(response.finish_reason);
    MASPO_ASSIGN_OR_RETURN(*item.mutable_response(),
                           generation->tokenizer().Decode(response.token_ids, /*skip_special_tokens=*/true));
    ++results[number].samples;
    results[number].correct += verifier->Verify(item).verdict() == v1::VERDICT_CORRECT;
    return absl::OkStatus();
  }));
  return WriteReport(results, flags);
}

}  // namespace

void AddEvalCommand(CLI::App& maspo, CommandBody& run) {
  auto flags = std::make_shared<EvalFlags>();
  flags->generation.samples = 4;
  CLI::App* app = maspo.add_subcommand("eval", "Avg@N and unbiased Pass@k of a model on problem sets");
  AddGenerationFlags(*app, flags->generation);
  app->add_option("--data", flags->data, "JSON Lines files of {id, problem, answer}; other columns are ignored")
      ->required();
  app->add_option("--k", flags->ks, "Of Pass@k, for instance 1,2,4")->delimiter(',')->capture_default_str();
  app->add_option("--output", flags->output, "JSON file to write: scores, per source, and the counts of each problem")
      ->required();
  app->add_option("--system-prompt", flags->system_prompt, "Chat system turn; none by default");
  app->add_option("--prompt-suffix", flags->prompt_suffix, "Appended to every problem");
  app->callback([flags, &run] { run = [flags] { return RunEval(*flags); }; });
}

}  // namespace maspo
