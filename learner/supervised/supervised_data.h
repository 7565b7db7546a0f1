#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "learner/update/training_batch.h"
#include "model/tokenizer.h"

namespace maspo {

// Reads {"prompt" | "messages", "response"} JSON Lines into one-response groups: the chat template and the generation
// prompt are applied to messages, a prompt is taken as it is, and the stop token ends every response.
//
// InvalidArgument: "FILE:LINE: ..." for a field that is missing, ill-typed or unknown, an empty response, or a sequence
// longer than max_tokens; an empty file.
absl::StatusOr<std::vector<TrainingGroup>> LoadSupervisedData(const std::string& path, const Tokenizer& tokenizer,
                                                              int64_t max_tokens);

}  // namespace maspo
