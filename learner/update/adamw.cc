#include "learner/update/adamw.h"

#include <array>
#include <cmath>

#include "model/kernels/parallel.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// The sum of squares of each chunk, [shard / chunk] float64 on the host. On the CPU always added up in the same way,
// whatever the number of chunks; LibTorch's sum depends on it.
torch::Tensor SquaresOfChunks(const torch::Tensor& shard, int64_t chunk) {
  const int64_t chunks = shard.numel() / chunk;
  if (!shard.is_cpu()) return shard.view({chunks, chunk}).to(torch::kDouble).square().sum(1).cpu();
  torch::Tensor sums = torch::empty({chunks}, torch::kDouble);
  const float* values = shard.const_data_ptr<float>();
  double* out = sums.data_ptr<double>();
  kernels::ParallelFor(chunks, [&](int64_t c) {
    std::array<double, 8> lanes{};  // A chunk is a multiple of their number.
    for (const float* x = values + c * chunk; x < values + (c + 1) * chunk; x += lanes.size()) {
      for (size_t i = 0; i < lanes.size(); ++i) lanes[i] += double{x[i]} * x[i];
    }
    out[c] = ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
  });
  return sums;
}

}  // namespace

AdamW::AdamW(const v1::OptimizerConfig& config, ShardedParameters* parameters, Ranks* ranks)
    : parameters_(parameters),
      ranks_(ranks),
      beta1_(config.beta1()),
      beta2_(config.beta2()),
      eps_(config.eps()),
      weight_decay_(config.weight_decay()),
      max_grad_norm_(config.max_grad_norm()) {
  MASPO_CHECK(config.name() == v1::OPTIMIZER_ADAMW);  // The configuration has no other name to give.
  for (const ShardedBucket& bucket : parameters_->buckets()) {
    first_moments_.push_back(torch::zeros_like(bucket.master));
    second_moments_.push_back(torch::zeros_like(bucket.master));
  }
}

double AdamW::GradientNorm() {
  std::vector<torch::Tensor> of_buckets;
  for (const ShardedBucket& bucket : parameters_->buckets()) {
    of_buckets.push_back(SquaresOfChunks(bucket.grads, bucket.shards.chunk));
  }
  const torch::Tensor mine = torch::cat(of_buckets);
  torch::Tensor all = torch::empty({mine.numel() * ranks_->size()}, mine.options());
  ranks_->AllGather("gathering the gradient's norm", all, mine).Wait();
  const double* sums = all.const_data_ptr<double>();
  double total = 0;
  int64_t begin = 0;  // Of the bucket's chunks among those of a rank.
  for (const ShardedBucket& bucket : parameters_->buckets()) {
    const int64_t count = bucket.shards.chunks_of_rank();
    for (int r = 0; r < ranks_->size(); ++r) {
      for (int64_t c = 0; c < count; ++c) total += sums[r * mine.numel() + begin + c];
    }
    begin += count;
  }
  return std::sqrt(total);
}

AdamW::Result AdamW::Step(double learning_rate) {
  torch::NoGradGuard no_grad;
  Result result{.grad_norm = GradientNorm()};
  result.applied = std::isfinite(result.grad_norm);
  if (result.applied) {
    ++num_updates_;
    std::vector<torch::Tensor> values, grads, steps;
    const bool clips = max_grad_norm_ > 0 && result.grad_norm > max_grad_norm_;
    for (ShardedBucket& bucket : parameters_->buckets()) {
      if (clips) bucket.grads.mul_(max_grad_norm_ / (result.grad_norm + 1e-6));
      values.push_back(bucket.master);
      grads.push_back(bucket.grads);
      steps.push_back(torch::full({}, static_cast<double>(num_updates_), bucket.master.options()));
    }
    at::_fused_adamw_(values, grads, first_moments_, second_moments_, /*max_exp_avg_sqs=*/{}, steps, learning_rate,
                      beta1_, beta2_, weight_decay_, eps_, /*amsgrad=*/false, /*maximize=*/false);
    parameters_->MastersChanged();
  }
  parameters_->ZeroGrads();
  return result;
}

void AdamW::Restore(const std::vector<torch::Tensor>& first_moments, const std::vector<torch::Tensor>& second_moments,
                    int64_t num_updates) {
  for (size_t i = 0; i < first_moments_.size(); ++i) {
    first_moments_[i].copy_(first_moments[i]);
    second_moments_[i].copy_(second_moments[i]);
  }
  num_updates_ = num_updates;
}

}  // namespace maspo
