#include "learner/ledger/group_events.h"

#include <utility>

#include "services/reward/verdict_name.h"

namespace maspo {
namespace {

LedgerEvent Event(LedgerEventKind kind, const std::string& group_id) {
  LedgerEvent event;
  event.kind = kind;
  event.group_id = group_id;
  return event;
}

}  // namespace

LedgerEvent IssuedEvent(const v1::PromptGroup& group, const std::string& worker_id) {
  LedgerEvent event = Event(LedgerEventKind::kIssued, group.group_id());
  event.prompt_id = group.prompt_id();
  event.visit = group.visit();
  event.attempt = 1;
  event.worker_id = worker_id;
  return event;
}

LedgerEvent ReissuedEvent(const std::string& group_id, const std::string& worker_id, uint32_t attempt,
                          const std::string& reason) {
  LedgerEvent event = Event(LedgerEventKind::kReissued, group_id);
  event.attempt = attempt;
  event.worker_id = worker_id;
  event.reason = reason;
  return event;
}

std::vector<LedgerEvent> ResultEvents(const v1::TrajectoryGroup& group) {
  LedgerEvent generated = Event(LedgerEventKind::kGenerated, group.group_id());
  LedgerEvent scored = Event(LedgerEventKind::kScored, group.group_id());
  generated.worker_id = group.worker_id();
  generated.seconds = group.generate_seconds();
  generated.prefill_seconds = group.prefill_seconds();
  scored.seconds = group.verify_seconds();
  generated.responses = static_cast<uint32_t>(group.trajectories_size());
  for (const v1::Trajectory& trajectory : group.trajectories()) {
    generated.response_tokens += trajectory.token_ids_size();
    ++scored.verdicts[VerdictName(trajectory.verdict())];
  }
  return {std::move(generated), std::move(scored), Event(LedgerEventKind::kAdmitted, group.group_id())};
}

LedgerEvent TrainedEvent(const std::string& group_id, uint64_t step) {
  LedgerEvent event = Event(LedgerEventKind::kTrained, group_id);
  event.step = step;
  return event;
}

LedgerEvent DroppedEvent(const std::string& group_id, const std::string& reason) {
  LedgerEvent event = Event(LedgerEventKind::kDropped, group_id);
  event.reason = reason;
  return event;
}

}  // namespace maspo
