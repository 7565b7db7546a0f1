#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "learner/ledger/ledger_event.h"

namespace maspo {

// The life of every group as slices of time, from the run's ledger:
//
//   the worker   lease (until the first forward), prefill (until the first token), decode, verify
//   "learner"    queue (until its step began), train
//
// Every slice's arguments name the group. Times are the learner's: a result's way through the network counts as lease.
class GroupTimeline {
 public:
  struct Slice {
    std::string process, name;
    double begin = 0, end = 0;  // Unix seconds.
    nlohmann::ordered_json arguments;
  };

  // `train_seconds` of a step end with its trained events. A step that is not there is queue alone.
  explicit GroupTimeline(std::map<uint64_t, double> train_seconds = {}) : train_seconds_(std::move(train_seconds)) {}

  // Events of a ledger, in its order.
  void Add(const LedgerEvent& event);

  // Those of a group lie together, in the order of its life, from its last lease on.
  const std::vector<Slice>& slices() const { return slices_; }

 private:
  struct OpenGroup {
    std::string worker;
    double leased = 0;
    double generate_seconds = 0, prefill_seconds = 0;
    double admitted = 0;
    nlohmann::ordered_json arguments;
    std::vector<Slice> slices;
  };
  static void AddWorkerSlices(OpenGroup& group, double verified, double verify_seconds);
  void AddLearnerSlices(OpenGroup& group, const LedgerEvent& trained) const;

  const std::map<uint64_t, double> train_seconds_;
  std::map<std::string, OpenGroup> open_;  // By group id.
  std::vector<Slice> slices_;
};

}  // namespace maspo
