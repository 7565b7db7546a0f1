#include "learner/prompts/prompt_dataset.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/jsonl.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

absl::StatusOr<std::string> NonEmpty(absl::StatusOr<std::string> field, const char* name, const std::string& where) {
  if (field.ok() && field->empty()) {
    return absl::InvalidArgumentError(absl::StrCat(where, ": field \"", name, "\" is empty"));
  }
  return field;
}

absl::StatusOr<PromptProblem> ParseProblem(const nlohmann::json& row, const std::string& path,
                                           const std::string& where) {
  PromptProblem problem;
  problem.where = where;
  MASPO_ASSIGN_OR_RETURN(problem.id, NonEmpty(IdField(row, "id", where), "id", where));
  MASPO_ASSIGN_OR_RETURN(problem.problem, NonEmpty(StringField(row, "problem", where), "problem", where));
  MASPO_ASSIGN_OR_RETURN(problem.answer, NonEmpty(StringField(row, "answer", where), "answer", where));
  problem.source = std::filesystem::path(path).stem().string();
  if (row.contains("source")) {
    MASPO_ASSIGN_OR_RETURN(problem.source, StringField(row, "source", where));
  }
  return problem;
}

}  // namespace

absl::StatusOr<PromptDataset> PromptDataset::Load(const std::vector<std::string>& paths) {
  PromptDataset dataset;
  for (const std::string& path : paths) MASPO_RETURN_IF_ERROR(dataset.LoadFile(path));
  if (dataset.problems_.empty()) {
    return absl::InvalidArgumentError(paths.empty() ? "the data set names no file"
                                                    : absl::StrCat("no problem in ", absl::StrJoin(paths, ", "),
                                                                   ": each line must be {id, problem, answer}"));
  }
  return dataset;
}

absl::Status PromptDataset::LoadFile(const std::string& path) {
  MASPO_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::Open(path));
  nlohmann::json row;
  while (true) {
    MASPO_ASSIGN_OR_RETURN(const bool more, reader.Next(row));
    if (!more) return absl::OkStatus();
    MASPO_ASSIGN_OR_RETURN(PromptProblem problem, ParseProblem(row, path, reader.where()));
    const auto [known, is_new] = index_of_id_.try_emplace(problem.id, problems_.size());
    if (!is_new) {
      return absl::InvalidArgumentError(absl::StrCat(problem.where, ": id \"", problem.id, "\" was used before at ",
                                                     problems_[known->second].where, "; ids must be unique"));
    }
    problems_.push_back(std::move(problem));
  }
}

absl::Status PromptDataset::Encode(const PromptEncoder& encoder, int64_t max_prompt_tokens) {
  for (PromptProblem& problem : problems_) {
    absl::StatusOr<std::vector<int64_t>> ids = encoder(problem);
    if (!ids.ok()) return Annotate(ids.status(), problem.where);
    const auto length = static_cast<int64_t>(ids->size());
    if (length == 0) return absl::InvalidArgumentError(absl::StrCat(problem.where, ": the prompt has no token"));
    if (length > max_prompt_tokens) {
      return absl::InvalidArgumentError(absl::StrCat(problem.where, ": the prompt has ", length,
                                                     " tokens, but data.max_prompt_tokens is ", max_prompt_tokens,
                                                     "; raise it or remove the line"));
    }
    problem.prompt_token_ids.assign(ids->begin(), ids->end());
  }
  return absl::OkStatus();
}

const PromptProblem* PromptDataset::Find(std::string_view id) const {
  const auto it = index_of_id_.find(std::string(id));
  return it == index_of_id_.end() ? nullptr : &problems_[it->second];
}

}  // namespace maspo
