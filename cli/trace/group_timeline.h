#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "learner/ledger/ledger_event.h"

namespace maspo {

// The life of every group as a timeline, in the trace format that chrome://tracing and ui.perfetto.dev read:
//
//   one process a worker   lease (until the first forward), generate, verify      of each group it finished
//   process "learner"      queue (until taken), a slice for each step's training   of each group
//
// Slices of one process that overlap lie in different lanes. Every slice's arguments name the group, so that a search
// for its id shows it in all roles. Times are the learner's: a result's way through the network counts as lease time.
class GroupTimeline {
 public:
  // Events of a ledger, in its order.
  void Add(const LedgerEvent& event);

  // {"traceEvents": [...], "displayTimeUnit": "ms"}
  nlohmann::ordered_json Trace() const;

 private:
  struct Slice {
    std::string process, name;
    double begin = 0, end = 0;  // Unix seconds.
    nlohmann::ordered_json arguments;
  };
  struct OpenGroup {
    double leased = 0;
    double generate_seconds = 0;
    double admitted = 0;
    nlohmann::ordered_json arguments;
  };
  void AddWorkerSlices(const std::string& worker_id, const OpenGroup& group, double verified, double verify_seconds);

  std::map<std::string, OpenGroup> open_;         // By group id.
  std::map<std::string, std::string> worker_of_;  // By group id.
  std::vector<Slice> slices_;
};

}  // namespace maspo
