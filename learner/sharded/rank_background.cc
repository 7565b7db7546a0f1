#include "learner/sharded/rank_background.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "collective/collective.h"
#include "model/weight_digest.h"
#include "model/weight_manifest.h"
#include "services/base/exception_barrier.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

using Request = v1::RankRequest;

constexpr absl::Duration kTurn = absl::Milliseconds(200);  // Between two questions about the others' work.
constexpr char kUnderWay[] = "under way";                  // What an outcome is called before there is one.

}  // namespace

// Of a copy on every rank.
class RankBackground::Snapshot final : public PolicySnapshot {
 public:
  Snapshot(RankBackground* owner, std::shared_ptr<Copy> copy) : owner_(owner), copy_(std::move(copy)) {}

  absl::StatusOr<v1::WeightManifest> Describe(int64_t policy_version) override {
    std::vector<uint64_t> digests;
    MASPO_RETURN_IF_ERROR(StatusOf("the digests of the weights", [&] {
      owner_->Ask(Request::KIND_DIGESTS, copy_->generation, 0, [&] { digests = owner_->SumDigests(*copy_); });
    }));
    std::vector<BucketSpec> layout;
    for (const ShardedBucket& bucket : owner_->parameters_->buckets()) layout.push_back(bucket.spec);
    return DescribeWeights(layout, copy_->shards.front().scalar_type(), digests, policy_version);
  }

  absl::Status ForEachBucket(Visit visit) override {
    absl::Status status;
    const absl::Status collected = StatusOf("weights of all ranks", [&] {
      Arriving next = Begin(0);
      for (size_t i = 0; i < copy_->shards.size() && status.ok(); ++i) {
        Arriving current = std::move(next);
        if (i + 1 < copy_->shards.size()) next = Begin(i + 1);
        current.pending.Wait();
        status = visit(i, current.whole.narrow(0, 0, owner_->parameters_->buckets()[i].spec.num_elements));
      }
      next.pending.Wait();  // The others have begun it.
    });
    return status.ok() ? collected : status;
  }

 private:
  struct Arriving {
    torch::Tensor whole;
    Pending pending;
  };

  Arriving Begin(size_t bucket) {
    Arriving arriving;
    owner_->Ask(Request::KIND_BUCKET, copy_->generation, bucket,
                [&] { arriving.pending = owner_->GatherBucket(*copy_, bucket, arriving.whole); });
    return arriving;
  }

  RankBackground* const owner_;
  const std::shared_ptr<Copy> copy_;
};

RankBackground::RankBackground(const ShardedParameters* parameters, Ranks* ranks, torch::Device device)
    : parameters_(parameters), ranks_(ranks), beside_(&ranks->beside()), device_(device) {
  if (!is_first()) thread_ = std::thread([this] { Serve(); });
}

RankBackground::~RankBackground() {
  Await().IgnoreError();
  if (is_first()) return;
  beside_->StopListening();
  {
    const absl::MutexLock lock(&mutex_);
    is_ending_ = true;
  }
  thread_.join();
}

std::shared_ptr<RankBackground::Copy> RankBackground::CopyShards() const {
  const torch::NoGradGuard no_grad;
  auto copy = std::make_shared<Copy>();
  copy->generation = parameters_->generation();
  for (const ShardedBucket& bucket : parameters_->buckets()) {
    copy->shards.push_back(bucket.compute.to(device_, bucket.compute.scalar_type(), /*non_blocking=*/false,
                                             /*copy=*/true));
  }
  return copy;
}

std::vector<uint64_t> RankBackground::CopiesInUse() const {
  std::vector<uint64_t> in_use;
  for (const auto& [generation, copy] : copies_) {
    if (!copy.expired()) in_use.push_back(generation);
  }
  return in_use;
}

std::shared_ptr<PolicySnapshot> RankBackground::TakeSnapshot() {
  v1::RankCopies in_use;
  if (is_first()) {
    const absl::MutexLock lock(&mutex_);
    for (const uint64_t generation : CopiesInUse()) in_use.add_generations(generation);
  }
  std::string word = in_use.SerializeAsString();
  ranks_->Tell(word);
  MASPO_CHECK(in_use.ParseFromString(word));

  const absl::MutexLock lock(&mutex_);
  const auto is_needed = [&](uint64_t generation) {
    return std::count(in_use.generations().begin(), in_use.generations().end(), generation) > 0;
  };
  std::erase_if(kept_, [&](const auto& entry) { return !is_needed(entry.first); });
  std::erase_if(copies_, [&](const auto& entry) { return !is_needed(entry.first); });
  std::weak_ptr<Copy>& known = copies_[parameters_->generation()];
  std::shared_ptr<Copy> copy = known.lock();
  if (copy == nullptr) known = copy = CopyShards();
  if (is_first()) return std::make_shared<Snapshot>(this, std::move(copy));
  kept_[copy->generation] = std::move(copy);
  return nullptr;
}

void RankBackground::Ask(Request::Kind kind, uint64_t generation, uint64_t bucket, absl::FunctionRef<void()> own_side) {
  v1::RankRequest request;
  request.set_kind(kind);
  request.set_generation(generation);
  request.set_bucket(bucket);
  std::string word = request.SerializeAsString();
  const absl::MutexLock lock(&asking_);
  beside_->Tell(word);
  own_side();
}

void RankBackground::Serve() {
  const absl::Status status = CatchExceptions([this]() -> absl::Status {
    while (true) {
      std::string word;
      beside_->Tell(word);
      v1::RankRequest request;
      MASPO_CHECK(request.ParseFromString(word));
      Answer(request);
    }
  });
  spdlog::debug("no more requests of rank 0: {}", std::string(status.message()));
}

void RankBackground::Answer(const v1::RankRequest& request) {
  if (request.kind() == Request::KIND_OUTCOME) {
    Outcomes();
    return;
  }
  std::shared_ptr<Copy> copy;
  {
    const absl::MutexLock lock(&mutex_);  // Rank 0 may ask before this rank has got so far.
    const auto is_here = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
      return is_ending_ || kept_.contains(request.generation());
    };
    mutex_.Await(absl::Condition(&is_here));
    TORCH_CHECK(!is_ending_, "this rank ends");
    copy = kept_.at(request.generation());
  }
  if (request.kind() == Request::KIND_DIGESTS) {
    SumDigests(*copy);
    return;
  }
  torch::Tensor whole;
  GatherBucket(*copy, request.bucket(), whole).Wait();
}

Ranks::Pending RankBackground::GatherBucket(const Copy& copy, size_t bucket, torch::Tensor& whole) {
  const torch::Tensor& shard = copy.shards.at(bucket);
  if (beside_->is_alone()) {
    whole = shard;
    return {};
  }
  whole = torch::empty({shard.numel() * beside_->size()}, shard.options());
  return beside_->AllGather(absl::StrCat("collecting ", parameters_->buckets()[bucket].spec.name), whole, shard);
}

// Of every bucket: what this rank has of it, and the sum over all ranks.
std::vector<uint64_t> RankBackground::SumDigests(const Copy& copy) {
  const auto num_buckets = static_cast<int64_t>(copy.shards.size());
  const torch::Tensor mine = torch::zeros({num_buckets}, torch::kInt64);
  for (int64_t i = 0; i < num_buckets; ++i) {
    const BucketShards& shards = parameters_->buckets()[i].shards;
    const int64_t begin = shards.Begin(beside_->rank());
    const int64_t count = std::clamp<int64_t>(shards.num_elements - begin, 0, shards.shard);
    mine.data_ptr<int64_t>()[i] = static_cast<int64_t>(DigestOf(copy.shards[i].narrow(0, 0, count), begin));
  }
  torch::Tensor all = torch::empty({num_buckets * beside_->size()}, torch::kInt64);
  beside_->AllGather("digests", all, mine).Wait();
  std::vector<uint64_t> sums(num_buckets);
  for (int64_t i = 0; i < all.numel(); ++i) {
    sums[i % num_buckets] += static_cast<uint64_t>(all.const_data_ptr<int64_t>()[i]);
  }
  return sums;
}

// How each rank's work ended, in the order of ranks: empty, an error, or kUnderWay.
std::vector<std::string> RankBackground::Outcomes() {
  std::shared_future<absl::Status> work;
  {
    const absl::MutexLock lock(&mutex_);
    work = work_;
  }
  const bool is_over = !work.valid() || work.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  return beside_->AllTexts(is_over ? std::string(Await().message()) : kUnderWay);
}

void RankBackground::Begin(std::function<absl::Status()> work) {
  if (const absl::Status before = Await(); !before.ok()) spdlog::error("{}", std::string(before.message()));
  const absl::MutexLock lock(&mutex_);
  work_ = std::async(std::launch::async, [work = std::move(work)] { return CatchExceptions(work); }).share();
}

absl::Status RankBackground::Await() const {
  std::shared_future<absl::Status> work;
  {
    const absl::MutexLock lock(&mutex_);
    work = work_;
  }
  return work.valid() ? work.get() : absl::OkStatus();
}

absl::Status RankBackground::AwaitOthers() {
  if (beside_->is_alone()) return absl::OkStatus();
  std::vector<std::string> outcomes;
  while (true) {
    MASPO_RETURN_IF_ERROR(
        StatusOf("the other ranks' work", [&] { Ask(Request::KIND_OUTCOME, 0, 0, [&] { outcomes = Outcomes(); }); }));
    outcomes.front().clear();  // This rank's own is not asked for.
    if (std::count(outcomes.begin(), outcomes.end(), kUnderWay) == 0) break;
    absl::SleepFor(kTurn);
  }
  for (size_t rank = 1; rank < outcomes.size(); ++rank) {
    if (!outcomes[rank].empty()) return absl::UnavailableError(absl::StrCat("rank ", rank, ": ", outcomes[rank]));
  }
  return absl::OkStatus();
}

}  // namespace maspo
