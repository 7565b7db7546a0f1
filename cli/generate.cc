#include <CLI/CLI.hpp>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "cli/command.h"
#include "cli/generation.h"
#include "cli/prompt_file.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

struct GenerateFlags {
  GenerationFlags generation;
  std::string prompts, output;
};

absl::StatusOr<std::string> OutputLine(const PromptLine& line, const GeneratedResponse& response,
                                       const Tokenizer& tokenizer) {
  MASPO_ASSIGN_OR_RETURN(const std::string text, tokenizer.Decode(response.token_ids, /*skip_special_tokens=*/true));
  const nlohmann::ordered_json object = {
      {"id", line.id},
      {"sample_index", response.sample_index},
      {"text", text},
      {"token_ids", response.token_ids},
      {"logprobs", response.logprobs},
      {"finish_reason", response.finish_reason == v1::FINISH_REASON_STOP ? "stop" : "length"},
      {"prompt_token_ids", line.token_ids}};
  return object.dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::ordered_json::error_handler_t::replace);
}

// Writes responses, which come in any order, in order of prompt and sample, as soon as all before them are there.
class OrderedOutput {
 public:
  OrderedOutput(const std::vector<PromptLine>& lines, uint32_t samples, const Tokenizer& tokenizer, std::ostream& out)
      : lines_(lines), samples_(samples), tokenizer_(tokenizer), out_(out) {}

  absl::Status Add(size_t prompt_number, GeneratedResponse response) {
    const auto key = std::pair(prompt_number, response.sample_index);
    waiting_.emplace(key, std::move(response));
    for (auto it = waiting_.begin(); it != waiting_.end() && it->first == next_; it = waiting_.erase(it)) {
      MASPO_ASSIGN_OR_RETURN(const std::string line, OutputLine(lines_[next_.first], it->second, tokenizer_));
      out_ << line << '\n';
      next_ = next_.second + 1 == samples_ ? std::pair(next_.first + 1, 0u) : std::pair(next_.first, next_.second + 1);
    }
    return absl::OkStatus();
  }

 private:
  const std::vector<PromptLine>& lines_;
  const uint32_t samples_;
  const Tokenizer& tokenizer_;
  std::ostream& out_;
  std::map<std::pair<size_t, uint32_t>, GeneratedResponse> waiting_;
  std::pair<size_t, uint32_t> next_ = {0, 0};
};

absl::Status RunGenerate(const GenerateFlags& flags) {
  MASPO_ASSIGN_OR_RETURN(const std::unique_ptr<Generation> generation, Generation::Prepare(flags.generation));
  MASPO_ASSIGN_OR_RETURN(const std::vector<PromptLine> lines, ReadPromptFile(flags.prompts, generation->tokenizer()));
  std::vector<GenerationPrompt> prompts;
  for (const PromptLine& line : lines) prompts.push_back({line.id_text, line.token_ids, line.where});
  MASPO_RETURN_IF_ERROR(generation->SetPrompts(prompts));
  MASPO_ASSIGN_OR_RETURN(AtomicFile file, AtomicFile::Create(flags.output));
  OrderedOutput output(lines, flags.generation.samples, generation->tokenizer(), file.stream());
  MASPO_RETURN_IF_ERROR(generation->Run("generate", [&](size_t prompt_number, GeneratedResponse response) {
    return output.Add(prompt_number, std::move(response));
  }));
  return file.Commit();
}

}  // namespace

void AddGenerateCommand(CLI::App& maspo, CommandBody& run) {
  auto flags = std::make_shared<GenerateFlags>();
  CLI::App* app = maspo.add_subcommand(
      "generate", "Sample responses for prompts; the result depends on model, seed, id and sample index alone");
  AddGenerationFlags(*app, flags->generation);
  app->add_option("--prompts", flags->prompts, "JSON Lines of {id, one of prompt | messages | token_ids}")->required();
  app->add_option("--output", flags->output, "JSON Lines file to write, one response a line")->required();
  app->callback([flags, &run] { run = [flags] { return RunGenerate(*flags); }; });
}

}  // namespace maspo
