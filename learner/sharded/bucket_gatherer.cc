#include "learner/sharded/bucket_gatherer.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "model/parameter_set.h"

namespace maspo {

BucketGatherer::BucketGatherer(const ShardedParameters* parameters, Ranks* ranks, int num_block_buffers)
    : parameters_(parameters), ranks_(ranks), num_blocks_(parameters->buckets().size() - 2) {
  const size_t wanted = ranks->is_alone() ? num_blocks_ : static_cast<size_t>(std::max(num_block_buffers, 2));
  blocks_.resize(std::min(wanted, num_blocks_));
}

bool BucketGatherer::keeps_all() const { return blocks_.size() == num_blocks_; }

BucketGatherer::Buffer& BucketGatherer::BufferOf(size_t bucket) {
  if (bucket == 0) return embedding_;
  return bucket == num_blocks_ + 1 ? head_ : blocks_[(bucket - 1) % blocks_.size()];
}

void BucketGatherer::MakeViews(Buffer& buffer, const torch::Tensor& flat) {
  buffer.views.clear();
  for (const ParameterSpec& parameter : parameters_->buckets()[buffer.bucket].spec.parameters) {
    buffer.views.push_back(ViewOf(flat, parameter));
  }
}

void BucketGatherer::Begin(size_t bucket) {
  Buffer& buffer = BufferOf(bucket);
  if (buffer.generation == parameters_->generation() && buffer.bucket == bucket) return;
  const ShardedBucket& source = parameters_->buckets()[bucket];
  buffer.pending.Wait();  // Whatever came last must have come before something else does.
  buffer.bucket = bucket;
  buffer.generation = parameters_->generation();
  if (ranks_->is_alone()) return MakeViews(buffer, source.compute);
  const int64_t size = source.shards.shard * ranks_->size();
  if (!buffer.flat.defined() || buffer.flat.numel() < size) {
    buffer.flat = torch::empty({size}, source.compute.options());
  }
  const torch::Tensor whole = buffer.flat.narrow(0, 0, size);
  buffer.pending = ranks_->AllGather(absl::StrCat("gathering ", source.spec.name), whole, source.compute);
  MakeViews(buffer, whole);
}

const std::vector<torch::Tensor>& BucketGatherer::Wait(size_t bucket) {
  Begin(bucket);
  Buffer& buffer = BufferOf(bucket);
  buffer.pending.Wait();
  return buffer.views;
}

}  // namespace maspo
