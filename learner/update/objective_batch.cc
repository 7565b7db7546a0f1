#include "learner/update/objective_batch.h"

#include <xxhash.h>

namespace maspo {
namespace {

// Calls visit(group index, response index) for the responses of a micro-batch, in order.
template <typename Visit>
void ForEachResponse(const Microbatch& microbatch, Visit visit) {
  for (const PackedSlice& slice : microbatch) {
    for (const int r : slice.responses) visit(slice.group, r);
  }
}

// A member of every response, one after the other.
torch::Tensor Gather(absl::Span<const TrainingGroup> groups, const Microbatch& microbatch,
                     std::vector<float> TrainingResponse::*member) {
  std::vector<float> values;
  ForEachResponse(microbatch, [&](int g, int r) {
    const std::vector<float>& of_response = groups[g].responses[r].*member;
    values.insert(values.end(), of_response.begin(), of_response.end());
  });
  return torch::tensor(values, torch::kFloat32);
}

}  // namespace

PackedLayout LayoutOf(absl::Span<const TrainingGroup> groups, const Microbatch& microbatch) {
  std::vector<PackedGroup> packed;
  for (const PackedSlice& slice : microbatch) {
    PackedGroup& group = packed.emplace_back();
    group.prompt = groups[slice.group].prompt;
    for (const int r : slice.responses) group.responses.push_back(groups[slice.group].responses[r].token_ids);
  }
  return PackedLayout::Of(packed);
}

ObjectiveInputs InputsOf(absl::Span<const TrainingGroup> groups, const Microbatch& microbatch,
                         const TokenLogprobs& current, const ObjectiveTraits& traits) {
  std::vector<int64_t> response;
  ObjectiveInputs in;
  ForEachResponse(microbatch, [&](int g, int r) {
    response.insert(response.end(), groups[g].responses[r].token_ids.size(), in.num_responses++);
  });
  const torch::Device device = current.logprobs_N.device();
  in.logprobs_T = current.logprobs_N;
  in.old_logprobs_T = Gather(groups, microbatch, &TrainingResponse::old_logprobs).to(device);
  in.advantages_T = Gather(groups, microbatch, &TrainingResponse::advantages).to(device);
  in.entropy_T = current.entropy_N;
  if (traits.reference) {
    in.reference_logprobs_T = Gather(groups, microbatch, &TrainingResponse::reference_logprobs).to(device);
  }
  in.response_T = torch::tensor(response, torch::kInt64).to(device);
  return in;
}

torch::Tensor KeysOf(absl::Span<const TrainingGroup> groups, const Microbatch& microbatch) {
  std::vector<int64_t> keys;
  ForEachResponse(microbatch, [&](int g, int r) {
    const std::string& id = groups[g].group_id;
    const uint64_t of_group = XXH3_64bits(id.data(), id.size());
    for (size_t t = 0; t < groups[g].responses[r].token_ids.size(); ++t) {
      const uint64_t place[] = {static_cast<uint64_t>(r), t};
      keys.push_back(static_cast<int64_t>(XXH3_64bits_withSeed(place, sizeof(place), of_group)));
    }
  });
  return torch::tensor(keys, torch::kInt64);
}

ObjectiveInputs Concatenate(const std::vector<ObjectiveInputs>& parts) {
  ObjectiveInputs whole;
  std::vector<torch::Tensor> responses;
  for (const ObjectiveInputs& part : parts) {
    responses.push_back(part.response_T + whole.num_responses);
    whole.num_responses += part.num_responses;
  }
  const auto join = [&](torch::Tensor ObjectiveInputs::*member) {
    std::vector<torch::Tensor> tensors;
    for (const ObjectiveInputs& part : parts) {
      if ((part.*member).defined()) tensors.push_back((part.*member).detach());
    }
    return tensors.empty() ? torch::Tensor() : torch::cat(tensors);
  };
  whole.logprobs_T = join(&ObjectiveInputs::logprobs_T);
  whole.old_logprobs_T = join(&ObjectiveInputs::old_logprobs_T);
  whole.advantages_T = join(&ObjectiveInputs::advantages_T);
  whole.entropy_T = join(&ObjectiveInputs::entropy_T);
  whole.reference_logprobs_T = join(&ObjectiveInputs::reference_logprobs_T);
  whole.key_T = join(&ObjectiveInputs::key_T);
  whole.response_T = torch::cat(responses);
  return whole;
}

torch::Tensor LossWeights(absl::Span<const TrainingGroup> groups, const Microbatch& microbatch,
                          const std::vector<std::vector<double>>& response_weights) {
  std::vector<float> weights;
  ForEachResponse(microbatch, [&](int g, int r) {
    const TrainingResponse& response = groups[g].responses[r];
    for (size_t t = 0; t < response.token_ids.size(); ++t) {
      const double correction = response.correction.empty() ? 1.0 : response.correction[t];
      weights.push_back(static_cast<float>(response_weights[g][r] * correction));
    }
  });
  return torch::tensor(weights, torch::kFloat32);
}

}  // namespace maspo
