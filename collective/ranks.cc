#include "collective/ranks.h"

#include <spdlog/spdlog.h>

#include <cstring>
#include <limits>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "collective/collective.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

constexpr int64_t kTextBytes = 1000;

// Gloo's longest: rank 0 may have nothing to say for the whole of a rollout.
constexpr std::chrono::hours kNoLimit(24 * 365);

constexpr char kWord[] = "the word of rank 0";

std::string FirstLine(const std::exception& error) {
  const std::string text = error.what();
  return text.substr(0, text.find('\n'));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Ranks>> Ranks::Meet(const Options& options,
                                                   const c10::intrusive_ptr<c10d::Store>& store) {
  MASPO_ASSIGN_OR_RETURN(std::unique_ptr<Ranks> ranks, MeetOnce(options, store));
  MASPO_ASSIGN_OR_RETURN(ranks->beside_, MeetOnce(options, c10::make_intrusive<c10d::PrefixStore>("beside", store)));
  ranks->beside_->phase_ = "beside training";
  ranks->beside_->is_broken_ = ranks->is_broken_;
  return ranks;
}

absl::StatusOr<std::unique_ptr<Ranks>> Ranks::MeetOnce(const Options& options,
                                                       const c10::intrusive_ptr<c10d::Store>& store) {
  std::unique_ptr<Ranks> ranks(new Ranks(options));
  const auto meet = [&](const std::string& name, torch::Device device) {
    return MakeBackend(device, c10::make_intrusive<c10d::PrefixStore>(name, store), options.rank, options.size,
                       options.timeout, options.host);
  };
  MASPO_ASSIGN_OR_RETURN(ranks->control_, meet("control", torch::kCPU));
  ranks->gather_ = ranks->reduce_ = ranks->control_;
  if (!options.device.is_cpu()) {
    MASPO_ASSIGN_OR_RETURN(ranks->gather_, meet("gather", options.device));
    MASPO_ASSIGN_OR_RETURN(ranks->reduce_, meet("reduce", options.device));
  }
  return ranks;
}

std::unique_ptr<Ranks> Ranks::Alone(torch::Device device) {
  std::unique_ptr<Ranks> ranks(new Ranks({.device = device}));
  ranks->beside_.reset(new Ranks({.device = device}));
  return ranks;
}

Ranks::Phase::Phase(Ranks* ranks, const std::string& name) : ranks_(ranks), outer_(std::exchange(ranks->phase_, name)) {
  spdlog::debug("rank {} begins: {}", ranks->rank(), name);
}

Ranks::Phase::~Phase() { ranks_->phase_ = outer_; }

void Ranks::Fail(absl::string_view what, const std::string& cause) const {
  *is_broken_ = true;
  TORCH_CHECK(false, "rank ", rank(), " of ", size(), phase_.empty() ? "" : ", ", phase_, ": ", std::string(what), ": ",
              cause);
}

void Ranks::Pending::Wait() { Wait(kNoTimeout); }

void Ranks::Pending::Wait(std::chrono::milliseconds limit) {
  if (work_ == nullptr) return;
  try {
    std::exchange(work_, nullptr)->wait(limit);
  } catch (const std::exception& error) {
    ranks_->Fail(what_, FirstLine(error));
  }
}

Ranks::Pending Ranks::Begin(absl::string_view what, uint64_t bytes,
                            const std::function<c10::intrusive_ptr<c10d::Work>()>& start) {
  if (is_broken()) Fail(what, "a collective has failed before");
  bytes_sent_ += bytes;
  try {
    return Pending(this, std::string(what), StartCollective(start));
  } catch (const std::exception& error) {
    Fail(what, FirstLine(error));
  }
}

Ranks::Pending Ranks::AllGather(absl::string_view what, torch::Tensor whole, torch::Tensor part) {
  if (is_alone()) {
    whole.copy_(part);
    return {};
  }
  return Begin(what, part.nbytes() * (size() - 1), [&] {
    return (part.is_cpu() ? control_ : gather_)->_allgather_base(whole, part, c10d::AllgatherOptions());
  });
}

Ranks::Pending Ranks::AllToAll(absl::string_view what, torch::Tensor received, torch::Tensor send) {
  if (is_alone()) {
    received.copy_(send);
    return {};
  }
  return Begin(what, send.nbytes() / size() * (size() - 1), [&] {
    std::vector<int64_t> even;  // Empty: pieces of the same size.
    return reduce_->alltoall_base(received, send, even, even, c10d::AllToAllOptions());
  });
}

Ranks::Pending Ranks::ReduceScatter(absl::string_view what, torch::Tensor part, torch::Tensor whole) {
  if (is_alone()) {
    part.copy_(whole);
    return {};
  }
  return Begin(what, part.nbytes() * (size() - 1),
               [&] { return reduce_->_reduce_scatter_base(part, whole, c10d::ReduceScatterOptions()); });
}

void Ranks::AllReduce(absl::string_view what, torch::Tensor sum) {
  if (is_alone()) return;
  Begin(what, 2 * sum.nbytes() / size() * (size() - 1), [&] {
    std::vector<torch::Tensor> tensors{sum};
    return (sum.is_cpu() ? control_ : reduce_)->allreduce(tensors, c10d::AllreduceOptions());
  }).Wait();
}

void Ranks::Tell(std::string& message) {
  if (is_alone()) return;
  auto length = static_cast<int64_t>(message.size());
  TellLength(length);
  message.resize(length);
  if (message.empty()) return;
  const torch::Tensor bytes = torch::from_blob(message.data(), {length}, torch::kUInt8);
  Begin(kWord, rank() == 0 ? bytes.nbytes() * (size() - 1) : 0, [&] {
    std::vector<torch::Tensor> tensors{bytes};
    return control_->broadcast(tensors, c10d::BroadcastOptions());
  }).Wait();
}

// From rank 0 to each other rank by itself, as only such a receipt can be ended on this side.
void Ranks::TellLength(int64_t& length) {
  std::vector<torch::Tensor> number{torch::full({1}, length, torch::kInt64)};
  if (rank() == 0) {
    for (int other = 1; other < size(); ++other) {
      Begin(kWord, number.front().nbytes(), [&] { return control_->send(number, other, /*tag=*/0); }).Wait();
    }
    return;
  }
  Pending word = Begin(kWord, 0, [&] { return control_->recv(number, /*srcRank=*/0, /*tag=*/0); });
  {
    const absl::MutexLock lock(&listening_mutex_);
    TORCH_CHECK(!has_stopped_listening_, "rank ", rank(), " of ", size(), " does not listen any more");
    listening_ = word.work_;
  }
  word.Wait(kNoLimit);
  const absl::MutexLock lock(&listening_mutex_);
  listening_ = nullptr;
  TORCH_CHECK(!has_stopped_listening_, "rank ", rank(), " of ", size(), " does not listen any more");
  length = number.front().item<int64_t>();
}

void Ranks::StopListening() {
  const absl::MutexLock lock(&listening_mutex_);
  has_stopped_listening_ = true;
  if (listening_ != nullptr) listening_->abort();
}

bool Ranks::Agree(bool flag) {
  std::string word = flag ? "y" : "n";
  Tell(word);
  return word == "y";
}

std::vector<std::string> Ranks::AllTexts(const std::string& text) {
  if (is_alone()) return {text};
  torch::Tensor mine = torch::zeros({kTextBytes}, torch::kUInt8);
  std::memcpy(mine.data_ptr(), text.data(), std::min<size_t>(text.size(), kTextBytes));
  torch::Tensor all = torch::empty({kTextBytes * size()}, torch::kUInt8);
  Begin("texts of all ranks", mine.nbytes() * (size() - 1), [&] {
    return control_->_allgather_base(all, mine, c10d::AllgatherOptions());
  }).Wait();
  std::vector<std::string> texts;
  for (int r = 0; r < size(); ++r) {
    const char* begin = reinterpret_cast<const char*>(all.const_data_ptr<uint8_t>()) + r * kTextBytes;
    texts.emplace_back(begin, strnlen(begin, kTextBytes));
  }
  return texts;
}

}  // namespace maspo
