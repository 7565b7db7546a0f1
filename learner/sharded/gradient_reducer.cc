#include "learner/sharded/gradient_reducer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "learner/sharded/rank_memory.h"
#include "model/parameter_set.h"

namespace maspo {
namespace {

// The first `size` elements of a buffer, which is made where it is not there yet or too small.
torch::Tensor Within(torch::Tensor& buffer, int64_t size, int64_t usual, const torch::TensorOptions& options) {
  if (!buffer.defined() || buffer.numel() < size) buffer = torch::empty({std::max(size, usual)}, options);
  return buffer.narrow(0, 0, size);
}

// Elements of the largest block, filled up for all ranks: every one but the embedding and the head.
int64_t LargestBlock(const ShardedParameters& parameters, const Ranks& ranks) {
  int64_t largest = 0;
  for (size_t i = 1; i + 1 < parameters.buckets().size(); ++i) {
    largest = std::max(largest, parameters.buckets()[i].shards.shard * ranks.size());
  }
  return largest;
}

}  // namespace

GradientReducer::GradientReducer(const Options& options, ShardedParameters* parameters, Ranks* ranks)
    : options_(options), parameters_(parameters), ranks_(ranks), block_(LargestBlock(*parameters, *ranks)) {}

void GradientReducer::Add(size_t index, const std::vector<torch::Tensor>& grads) {
  const torch::NoGradGuard no_grad;
  ShardedBucket& bucket = parameters_->buckets()[index];
  const auto& parameters = bucket.spec.parameters;
  if (ranks_->is_alone()) {
    for (size_t i = 0; i < grads.size(); ++i) ViewOf(bucket.grads, parameters[i]).add_(grads[i]);
    return;
  }
  Flight flight = TakeBuffers();
  flight.bucket = index;
  const int64_t size = bucket.shards.shard * ranks_->size();
  const auto options = bucket.grads.options().dtype(options_.wire);
  const torch::Tensor send = Within(flight.send, size, block_, options);
  if (grads.empty()) {
    send.zero_();
  } else {
    for (size_t i = 0; i < grads.size(); ++i) ViewOf(send, parameters[i]).copy_(grads[i]);
    send.narrow(0, bucket.spec.num_elements, size - bucket.spec.num_elements).zero_();
  }
  const std::string what = absl::StrCat("reducing the gradient of ", bucket.spec.name);
  if (options_.in_order) {
    flight.pending = ranks_->AllToAll(what, Within(flight.received, size, block_, options), send);
  } else {
    const torch::Tensor piece = Within(flight.received, bucket.shards.shard, block_ / ranks_->size(), options);
    flight.pending = ranks_->ReduceScatter(what, piece, send);
  }
  flights_.push_back(std::move(flight));
}

GradientReducer::Flight GradientReducer::TakeBuffers() {
  if (flights_.size() == kGradientsInFlight) LandFirst();
  if (idle_.empty()) return {};
  Flight flight = std::move(idle_.back());
  idle_.pop_back();
  return flight;
}

// Its buffers are for the next, unless they are those of an embedding or a head, which may be as much as ten blocks.
void GradientReducer::LandFirst() {
  Flight flight = std::move(flights_.front());
  flights_.pop_front();
  flight.pending.Wait();
  ShardedBucket& bucket = parameters_->buckets()[flight.bucket];
  const int64_t shard = bucket.shards.shard;
  const int pieces = options_.in_order ? ranks_->size() : 1;
  for (int r = 0; r < pieces; ++r) bucket.grads.add_(flight.received.narrow(0, r * shard, shard));
  if (flight.send.numel() <= block_) idle_.push_back(std::move(flight));
}

void GradientReducer::Finish() {
  const torch::NoGradGuard no_grad;
  while (!flights_.empty()) LandFirst();
}

}  // namespace maspo
