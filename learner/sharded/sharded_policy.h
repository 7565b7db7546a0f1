#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "collective/ranks.h"
#include "learner/sharded/bucket_gatherer.h"
#include "learner/sharded/gradient_reducer.h"
#include "learner/sharded/sharded_parameters.h"
#include "model/decoder.h"
#include "model/logprobs.h"
#include "model/packed_batch.h"

namespace maspo {

// The policy over all ranks' shards, one micro-batch a rank at a time:
//
//   forward    gather block b + 1 | compute block b, keep its input                          b = 0 ... L - 1
//   head       log-probabilities -> loss -> gradient of the last block's result
//   backward   gather block b - 1 | compute block b again, its gradient -> reduce to shards  b = L - 1 ... 0
//
// Blocks are functions of leaves made anew for each use, so nothing of autograd outlives a block and its weights'
// buffer can be filled again; the gradient is bit for bit that of one graph through all blocks. Where all blocks'
// weights stay, the last blocks keep their graphs between forward and backward as far as `kept_graph_bytes` reach, and
// are not computed again.
//
// Every rank makes the same calls; one without work of its own gives a null layout and takes part in the collectives
// alone. LibTorch errors and failed collectives are thrown as c10::Error. Not thread-safe.
class ShardedPolicy {
 public:
  struct Options {
    double temperature = 1.0;  // Log-probabilities are those of softmax(logits / temperature).
    int64_t logits_per_chunk = kDefaultLogitsPerChunk;
    int64_t kept_graph_bytes = int64_t{4} << 30;
    bool keep_gathered = false;  // Buffers for all blocks instead of a few in turn.
    GradientReducer::Options reduction;
  };
  // Both outlive it.
  ShardedPolicy(const Options& options, const ModelConfig& config, ShardedParameters* parameters, Ranks* ranks);

  // What the policy says about the response tokens, N of them; without gradient. Undefined for a null layout.
  TokenLogprobs Score(const PackedLayout* layout);

  // Adds the gradient of loss(what the policy says) to the shards; FinishGradients() after the last micro-batch.
  // Returns the gradient of the loss with respect to the log-probabilities, [N]; undefined for a null layout.
  using Loss = std::function<torch::Tensor(const TokenLogprobs&)>;
  torch::Tensor Backward(const PackedLayout* layout, const Loss& loss);
  void FinishGradients() { reducer_.Finish(); }

  ShardedParameters& parameters() { return *parameters_; }
  Ranks& ranks() { return *ranks_; }
  const ModelConfig& config() const { return decoder_.config(); }
  torch::Device device() const { return parameters_->options().device; }

 private:
  // The tokens of a micro-batch on the device.
  struct Tokens;
  // A block between its forward and its backward.
  struct BlockGraph {
    torch::Tensor input;                 // Leaf.
    std::vector<torch::Tensor> weights;  // Leaves.
    torch::Tensor output;
  };
  std::unique_ptr<Tokens> OnDevice(const PackedLayout* layout) const;
  // Hidden states after all blocks; undefined without tokens. With `graphs` each block's input is kept there, and of
  // the last ones the whole graph.
  torch::Tensor Forward(const Tokens* tokens, std::vector<BlockGraph>* graphs);
  BlockGraph ComputeWithGraph(int layer, const Tokens& tokens, const torch::Tensor& input,
                              const std::vector<torch::Tensor>& weights) const;
  TokenLogprobs Head(const Tokens& tokens, const torch::Tensor& x_TC, const torch::Tensor& norm_C,
                     const torch::Tensor& head_VC) const;
  const torch::Tensor& HeadWeight();
  int NumKeptGraphs(int64_t num_tokens) const;

  const Options options_;
  const Decoder decoder_;
  ShardedParameters* const parameters_;
  Ranks* const ranks_;
  BucketGatherer gatherer_;
  GradientReducer reducer_;
};

}  // namespace maspo
