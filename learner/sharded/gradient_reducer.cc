#include "learner/sharded/gradient_reducer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "learner/sharded/rank_memory.h"
#include "model/parameter_set.h"

namespace maspo {
namespace {

// The first `size` elements of a buffer that grows.
torch::Tensor Grown(torch::Tensor& buffer, int64_t size, const torch::TensorOptions& options) {
  if (!buffer.defined() || buffer.numel() < size) buffer = torch::empty({size}, options);
  return buffer.narrow(0, 0, size);
}

}  // namespace

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
  const torch::Tensor send = Grown(flight.send, size, options);
  if (grads.empty()) {
    send.zero_();
  } else {
    for (size_t i = 0; i < grads.size(); ++i) ViewOf(send, parameters[i]).copy_(grads[i]);
    send.narrow(0, bucket.spec.num_elements, size - bucket.spec.num_elements).zero_();
  }
  const std::string what = absl::StrCat("reducing the gradient of ", bucket.spec.name);
  if (options_.in_order) {
    flight.pending = ranks_->AllToAll(what, Grown(flight.received, size, options), send);
  } else {
    flight.pending = ranks_->ReduceScatter(what, Grown(flight.received, bucket.shards.shard, options), send);
  }
  flights_.push_back(std::move(flight));
}

GradientReducer::Flight GradientReducer::TakeBuffers() {
  if (flights_.size() == kGradientsInFlight) {
    Land(flights_.front());
    idle_.push_back(std::move(flights_.front()));
    flights_.pop_front();
  }
  if (idle_.empty()) return {};
  Flight flight = std::move(idle_.back());
  idle_.pop_back();
  return flight;
}

void GradientReducer::Land(Flight& flight) {
  flight.pending.Wait();
  ShardedBucket& bucket = parameters_->buckets()[flight.bucket];
  const int64_t shard = bucket.shards.shard;
  const int pieces = options_.in_order ? ranks_->size() : 1;
  for (int r = 0; r < pieces; ++r) bucket.grads.add_(flight.received.narrow(0, r * shard, shard));
}

void GradientReducer::Finish() {
  const torch::NoGradGuard no_grad;
  for (; !flights_.empty(); flights_.pop_front()) {
    Land(flights_.front());
    idle_.push_back(std::move(flights_.front()));
  }
}

}  // namespace maspo
