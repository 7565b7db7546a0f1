#pragma once

#include <string>
#include <vector>

#include "learner/ledger/ledger_event.h"
#include "proto/prompt.pb.h"
#include "proto/trajectory.pb.h"

namespace maspo {

// The events of a group's life, from what is at hand when they happen.
LedgerEvent IssuedEvent(const v1::PromptGroup& group, const std::string& worker_id);
LedgerEvent ReissuedEvent(const std::string& group_id, const std::string& worker_id, uint32_t attempt,
                          const std::string& reason);
std::vector<LedgerEvent> ResultEvents(const v1::TrajectoryGroup& group);  // generated, scored, admitted
LedgerEvent TrainedEvent(const std::string& group_id, uint64_t step);
LedgerEvent DroppedEvent(const std::string& group_id, const std::string& reason);

}  // namespace maspo
