#include "learner/sharded/sharded_policy.h"

#include <algorithm>
#include <utility>

#include "learner/sharded/rank_memory.h"
#include "model/packed_attention.h"

namespace maspo {
namespace {

using torch::Tensor;

// Buckets: the embedding, then the blocks.
size_t BucketOf(int layer) { return static_cast<size_t>(layer) + 1; }

Tensor Leaf(const Tensor& x) { return x.detach().requires_grad_(true); }

std::vector<Tensor> Leaves(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> leaves;
  for (const Tensor& tensor : tensors) leaves.push_back(Leaf(tensor));
  return leaves;
}

BlockWeights AsBlock(const std::vector<Tensor>& weights) {
  BlockWeights block;
  std::copy_n(weights.begin(), kNumBlockParameters, block.begin());
  return block;
}

Tensor OrZeros(const Tensor& grad, const Tensor& like) { return grad.defined() ? grad : torch::zeros_like(like); }

}  // namespace

struct ShardedPolicy::Tokens {
  Tokens(const PackedLayout& layout, const Decoder& decoder, torch::Device device, torch::Dtype dtype)
      : ids_T(OnDevice(layout.ids_T, device)),
        predictor_N(OnDevice(layout.predictor_N, device)),
        target_N(OnDevice(layout.target_N, device)),
        angles(decoder.AnglesAt(OnDevice(layout.positions_T, device), dtype)),
        attention(layout, device) {}

  static Tensor OnDevice(const std::vector<int64_t>& values, torch::Device device) {
    return torch::tensor(values, torch::kInt64).to(device);
  }

  const Tensor ids_T, predictor_N, target_N;
  const RotaryAngles angles;
  mutable PackedAttention attention;
};

ShardedPolicy::ShardedPolicy(const Options& options, const ModelConfig& config, ShardedParameters* parameters,
                             Ranks* ranks)
    : options_(options),
      decoder_(config, parameters->options().device),
      parameters_(parameters),
      ranks_(ranks),
      gatherer_(parameters, ranks, options.keep_gathered ? static_cast<int>(config.num_layers) : kGatheredBlocks),
      reducer_(options.reduction, parameters, ranks) {}

std::unique_ptr<ShardedPolicy::Tokens> ShardedPolicy::OnDevice(const PackedLayout* layout) const {
  if (layout == nullptr) return nullptr;
  return std::make_unique<Tokens>(*layout, decoder_, device(), parameters_->options().dtype);
}

const Tensor& ShardedPolicy::HeadWeight() {
  return config().tie_word_embeddings ? gatherer_.Wait(0)[0] : gatherer_.Wait(BucketOf(config().num_layers))[1];
}

int ShardedPolicy::NumKeptGraphs(int64_t num_tokens) const {
  if (!gatherer_.keeps_all()) return 0;
  const auto element_size = static_cast<int64_t>(torch::elementSize(parameters_->options().dtype));
  return static_cast<int>(maspo::NumKeptGraphs(config(), num_tokens, element_size, options_.kept_graph_bytes));
}

ShardedPolicy::BlockGraph ShardedPolicy::ComputeWithGraph(int layer, const Tokens& tokens, const Tensor& input,
                                                          const std::vector<Tensor>& weights) const {
  const torch::AutoGradMode with_grad(true);
  BlockGraph graph{.input = Leaf(input), .weights = Leaves(weights), .output = {}};
  graph.output = decoder_.Block(layer, AsBlock(graph.weights), tokens.angles, tokens.attention, graph.input);
  return graph;
}

Tensor ShardedPolicy::Forward(const Tokens* tokens, std::vector<BlockGraph>* graphs) {
  const torch::NoGradGuard no_grad;
  const int num_layers = static_cast<int>(config().num_layers);
  const int first_kept =
      graphs == nullptr || tokens == nullptr ? num_layers : num_layers - NumKeptGraphs(tokens->ids_T.numel());
  gatherer_.Begin(BucketOf(0));
  const Tensor& embedding_VC = gatherer_.Wait(0)[0];
  Tensor x_TC = tokens == nullptr ? Tensor() : torch::embedding(embedding_VC, tokens->ids_T);
  for (int layer = 0; layer < num_layers; ++layer) {
    gatherer_.Begin(BucketOf(layer + 1));  // After the last block, the head.
    const std::vector<Tensor>& weights = gatherer_.Wait(BucketOf(layer));
    if (tokens == nullptr) continue;
    if (layer >= first_kept) {
      graphs->push_back(ComputeWithGraph(layer, *tokens, x_TC, weights));
      x_TC = graphs->back().output.detach();
      continue;
    }
    if (graphs != nullptr) graphs->push_back({.input = x_TC, .weights = {}, .output = {}});
    x_TC = decoder_.Block(layer, AsBlock(weights), tokens->angles, tokens->attention, x_TC);
  }
  return x_TC;
}

TokenLogprobs ShardedPolicy::Head(const Tokens& tokens, const Tensor& x_TC, const Tensor& norm_C,
                                  const Tensor& head_VC) const {
  // embedding() rather than index_select(): its backward is fast on the CPU.
  const Tensor hidden_NC = torch::embedding(decoder_.Norm(norm_C, x_TC), tokens.predictor_N);
  return LogprobsAndEntropy(hidden_NC, head_VC, tokens.target_N, options_.temperature, options_.logits_per_chunk);
}

TokenLogprobs ShardedPolicy::Score(const PackedLayout* layout) {
  const torch::NoGradGuard no_grad;
  const auto tokens = OnDevice(layout);
  const Tensor x_TC = Forward(tokens.get(), nullptr);
  const Tensor& head_VC = HeadWeight();
  const Tensor& norm_C = gatherer_.Wait(BucketOf(config().num_layers))[0];
  if (tokens == nullptr) return {};
  return Head(*tokens, x_TC, norm_C, head_VC);
}

Tensor ShardedPolicy::Backward(const PackedLayout* layout, const Loss& loss) {
  const bool is_tied = config().tie_word_embeddings;
  const auto tokens = OnDevice(layout);
  std::vector<BlockGraph> graphs;
  Tensor x_TC = Forward(tokens.get(), &graphs);
  reducer_.Finish();  // The embedding's gradient of the micro-batch before: logits need its room.
  const Tensor& head_VC = HeadWeight();
  const Tensor& norm_C = gatherer_.Wait(BucketOf(config().num_layers))[0];

  Tensor grad_x_TC, grad_head_VC, grad_logprobs_N;
  std::vector<Tensor> of_head;
  if (tokens != nullptr) {
    const torch::AutoGradMode with_grad(true);
    const Tensor x = Leaf(x_TC), norm = Leaf(norm_C), head = Leaf(head_VC);
    x_TC = Tensor();
    const TokenLogprobs says = Head(*tokens, x, norm, head);
    const auto grads = torch::autograd::grad({loss(says)}, {x, norm, head, says.logprobs_N}, /*grad_outputs=*/{},
                                             /*retain_graph=*/false, /*create_graph=*/false, /*allow_unused=*/true);
    grad_x_TC = OrZeros(grads[0], x);
    grad_head_VC = OrZeros(grads[2], head);
    grad_logprobs_N = OrZeros(grads[3], says.logprobs_N);
    of_head = {OrZeros(grads[1], norm)};
    if (!is_tied) of_head.push_back(std::exchange(grad_head_VC, Tensor()));
  }
  reducer_.Add(BucketOf(config().num_layers), of_head);
  of_head.clear();

  for (int layer = static_cast<int>(config().num_layers) - 1; layer >= 0; --layer) {
    const std::vector<Tensor>& weights = gatherer_.Wait(BucketOf(layer));
    if (layer > 0) gatherer_.Begin(BucketOf(layer - 1));
    std::vector<Tensor> grads;
    if (tokens != nullptr) {
      BlockGraph graph = std::move(graphs.back());
      graphs.pop_back();
      if (!graph.output.defined()) graph = ComputeWithGraph(layer, *tokens, graph.input, weights);
      std::vector<Tensor> inputs{graph.input};
      inputs.insert(inputs.end(), graph.weights.begin(), graph.weights.end());
      grads = torch::autograd::grad({graph.output}, inputs, {grad_x_TC});
      grad_x_TC = grads.front();
      grads.erase(grads.begin());
    }
    reducer_.Add(BucketOf(layer), grads);
  }

  std::vector<Tensor> of_embedding;
  if (tokens != nullptr) {
    const torch::NoGradGuard no_grad;
    Tensor grad_VC = at::embedding_dense_backward(grad_x_TC, tokens->ids_T, config().vocab_size, /*padding_idx=*/-1,
                                                  /*scale_grad_by_freq=*/false);
    if (is_tied) grad_VC = grad_head_VC.add_(grad_VC);
    of_embedding.push_back(std::move(grad_VC));
  }
  reducer_.Add(0, of_embedding);
  return grad_logprobs_N;
}

}  // namespace maspo
