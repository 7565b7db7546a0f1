#include "learner/sharded/shard_file.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "model/safetensors.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

enum Kind { kMaster, kFirstMoment, kSecondMoment, kNumKinds };
constexpr std::array<const char*, kNumKinds> kKinds = {"master", "first_moment", "second_moment"};

std::string NameOf(const BucketSpec& bucket, int kind) { return absl::StrCat(bucket.name, ".", kKinds[kind]); }

std::string PathOf(const std::string& folder, int rank, int num_ranks) {
  return absl::StrFormat("%s/rank-%05d-of-%05d.safetensors", ShardFolder(folder), rank, num_ranks);
}

// What all ranks wrote, open.
class ShardFiles {
 public:
  static absl::StatusOr<ShardFiles> Open(const std::string& folder, const std::vector<BucketSpec>& layout) {
    if (PathExists(folder + "/optimizer.safetensors")) {
      return absl::DataLossError(absl::StrCat(folder,
                                              "/optimizer.safetensors was written by an earlier version, whose "
                                              "checkpoints this one cannot go on from"));
    }
    int num_ranks = 1;
    while (!PathExists(PathOf(folder, 0, num_ranks)) && num_ranks < kMostRanks) ++num_ranks;
    if (num_ranks == kMostRanks) num_ranks = 1;  // None is there: the error names the file of a single rank.
    ShardFiles shards;
    for (int rank = 0; rank < num_ranks; ++rank) {
      std::string path = PathOf(folder, rank, num_ranks);
      MASPO_ASSIGN_OR_RETURN(SafetensorsFile file, SafetensorsFile::Open(path));
      MASPO_RETURN_IF_ERROR(Check(path, file, layout, num_ranks));
      shards.files_.push_back(std::move(file));
    }
    return shards;
  }

  // Elements [begin, begin + into.size) of a bucket.
  void Read(const BucketSpec& bucket, int kind, int64_t begin, torch::Tensor into) const {
    const int64_t shard = BucketShards::Of(bucket.num_elements, static_cast<int>(files_.size())).shard;
    const int64_t end = std::min(begin + into.numel(), shard * static_cast<int64_t>(files_.size()));
    for (int64_t at = begin; at < end;) {
      const int64_t rank = at / shard, from = at % shard, count = std::min(shard - from, end - at);
      const SafetensorsFile& file = files_[rank];
      into.narrow(0, at - begin, count)
          .copy_(file.Read(file.entries().at(NameOf(bucket, kind))).narrow(0, from, count));
      at += count;
    }
  }

 private:
  static constexpr int kMostRanks = 1 << 14;

  static absl::Status Check(const std::string& path, const SafetensorsFile& file, const std::vector<BucketSpec>& layout,
                            int num_ranks) {
    for (const BucketSpec& bucket : layout) {
      const std::vector<int64_t> shape = {BucketShards::Of(bucket.num_elements, num_ranks).shard};
      for (int kind = 0; kind < kNumKinds; ++kind) {
        const auto found = file.entries().find(NameOf(bucket, kind));
        if (found == file.entries().end() || found->second.shape != shape || found->second.dtype != torch::kFloat32) {
          return absl::DataLossError(absl::StrCat(path, ": tensor ", NameOf(bucket, kind),
                                                  " is missing or of another shape; was the checkpoint made "
                                                  "from this model?"));
        }
      }
    }
    return absl::OkStatus();
  }

  std::vector<SafetensorsFile> files_;  // By rank.
};

std::vector<BucketSpec> LayoutOf(const ShardedParameters& parameters) {
  std::vector<BucketSpec> layout;
  for (const ShardedBucket& bucket : parameters.buckets()) layout.push_back(bucket.spec);
  return layout;
}

}  // namespace

std::string ShardFolder(const std::string& folder) { return folder + "/optimizer"; }

absl::Status SaveShard(const std::string& folder, const ShardedParameters& parameters, const AdamW& optimizer) {
  std::vector<std::pair<std::string, torch::Tensor>> tensors;
  for (size_t i = 0; i < parameters.buckets().size(); ++i) {
    const ShardedBucket& bucket = parameters.buckets()[i];
    tensors.emplace_back(NameOf(bucket.spec, kMaster), bucket.master);
    tensors.emplace_back(NameOf(bucket.spec, kFirstMoment), optimizer.first_moments()[i]);
    tensors.emplace_back(NameOf(bucket.spec, kSecondMoment), optimizer.second_moments()[i]);
  }
  return WriteSafetensors(PathOf(folder, parameters.options().rank, parameters.options().num_ranks), tensors);
}

absl::Status CheckShards(const std::string& folder, const std::vector<BucketSpec>& layout) {
  return ShardFiles::Open(folder, layout).status();
}

absl::Status LoadShard(const std::string& folder, int64_t num_updates, ShardedParameters& parameters,
                       AdamW& optimizer) {
  const torch::NoGradGuard no_grad;
  MASPO_ASSIGN_OR_RETURN(const ShardFiles files, ShardFiles::Open(folder, LayoutOf(parameters)));
  std::vector<torch::Tensor> first_moments, second_moments;
  for (ShardedBucket& bucket : parameters.buckets()) {
    const auto read = [&](int kind) {
      torch::Tensor values = torch::zeros({bucket.shards.shard}, torch::kFloat32);
      files.Read(bucket.spec, kind, bucket.shards.Begin(parameters.options().rank), values);
      return values;
    };
    bucket.master.copy_(read(kMaster));
    first_moments.push_back(read(kFirstMoment));
    second_moments.push_back(read(kSecondMoment));
  }
  parameters.MastersChanged();
  optimizer.Restore(first_moments, second_moments, num_updates);
  return absl::OkStatus();
}

}  // namespace maspo
