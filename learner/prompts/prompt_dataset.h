#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace maspo {

// One problem with its final answer.
struct PromptProblem {
  std::string id;                          // Unique in its data set.
  std::string problem;                     // Text shown to the policy.
  std::string answer;                      // Gold answer, for the verifier.
  std::string source;                      // Column `source`, else the file's name without folder and extension.
  std::string where;                       // "FILE:LINE", for messages.
  std::vector<uint32_t> prompt_token_ids;  // [P], chat template applied; filled by PromptDataset::Encode.
};

// Turns a problem into the tokens of its prompt. Passed in, so that data sets need no tokenizer.
using PromptEncoder = std::function<absl::StatusOr<std::vector<int64_t>>(const PromptProblem& problem)>;

// The problems of one or several JSONL files {id, problem, answer, source?}, in file order; other columns are ignored,
// ids may be strings or integers.
//
// Immutable once encoded, and then thread-safe.
class PromptDataset {
 public:
  // NotFound: no such file. InvalidArgument: "FILE:LINE: ..." for a field that is missing, ill-typed or empty; an id
  // seen before (both lines are named); no problem at all.
  static absl::StatusOr<PromptDataset> Load(const std::vector<std::string>& paths);

  // Fills prompt_token_ids of every problem. InvalidArgument: names the line whose prompt is empty or longer than
  // max_prompt_tokens; the encoder's own errors get the line in front.
  absl::Status Encode(const PromptEncoder& encoder, int64_t max_prompt_tokens);

  size_t size() const { return problems_.size(); }
  const PromptProblem& at(size_t index) const { return problems_.at(index); }
  const std::vector<PromptProblem>& problems() const { return problems_; }

  // Null when there is no such problem.
  const PromptProblem* Find(std::string_view id) const;

 private:
  absl::Status LoadFile(const std::string& path);

  std::vector<PromptProblem> problems_;
  absl::flat_hash_map<std::string, size_t> index_of_id_;
};

}  // namespace maspo
