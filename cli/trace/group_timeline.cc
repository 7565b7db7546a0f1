#include "cli/trace/group_timeline.h"

#include <algorithm>
#include <utility>

namespace maspo {
namespace {

constexpr char kLearner[] = "learner";

// "rollout-worker-1#18f2.3" -> "rollout-worker-1": a worker that registered anew is the same process to a reader.
std::string WorkerName(const std::string& worker_id) { return worker_id.substr(0, worker_id.rfind('#')); }

void AddSlice(std::vector<GroupTimeline::Slice>& slices, const std::string& process, const std::string& name,
              double begin, double end) {
  if (end > begin) slices.push_back({process, name, begin, end, {}});
}

}  // namespace

void GroupTimeline::Add(const LedgerEvent& event) {
  OpenGroup& group = open_[event.group_id];
  switch (event.kind) {
    case LedgerEventKind::kIssued:
    case LedgerEventKind::kReissued:
      group.slices.clear();
      group.leased = event.time;
      group.arguments["group"] = event.group_id;
      group.arguments["attempt"] = event.attempt;
      if (!event.prompt_id.empty()) group.arguments["prompt"] = event.prompt_id;
      break;
    case LedgerEventKind::kGenerated:
      group.worker = WorkerName(event.worker_id);
      group.generate_seconds = event.seconds;
      group.prefill_seconds = event.prefill_seconds;
      group.arguments["responses"] = event.responses;
      group.arguments["tokens"] = event.response_tokens;
      break;
    case LedgerEventKind::kScored:
      group.arguments["verdicts"] = event.verdicts;
      AddWorkerSlices(group, event.time, event.seconds);
      break;
    case LedgerEventKind::kAdmitted:
      group.admitted = event.time;
      break;
    case LedgerEventKind::kTrained:
      group.arguments["step"] = event.step;
      AddLearnerSlices(group, event);
      break;
    case LedgerEventKind::kDropped:
      group.arguments["dropped"] = event.reason;
      group.slices.push_back({kLearner, "dropped", event.time, event.time, {}});
      break;
  }
  if (event.kind != LedgerEventKind::kTrained && event.kind != LedgerEventKind::kDropped) return;
  for (Slice& slice : group.slices) {
    slice.arguments = group.arguments;
    slices_.push_back(std::move(slice));
  }
  open_.erase(event.group_id);
}

void GroupTimeline::AddWorkerSlices(OpenGroup& group, double verified, double verify_seconds) {
  const double generated = std::max(group.leased, verified - verify_seconds);
  const double begun = std::max(group.leased, generated - group.generate_seconds);
  AddSlice(group.slices, group.worker, "lease", group.leased, begun);
  const double first_token = std::min(generated, begun + group.prefill_seconds);
  AddSlice(group.slices, group.worker, "prefill", begun, first_token);
  AddSlice(group.slices, group.worker, "decode", first_token, generated);
  AddSlice(group.slices, group.worker, "verify", generated, verified);
}

void GroupTimeline::AddLearnerSlices(OpenGroup& group, const LedgerEvent& trained) const {
  const auto seconds = train_seconds_.find(trained.step);
  const double begun =
      seconds == train_seconds_.end() ? trained.time : std::max(group.admitted, trained.time - seconds->second);
  AddSlice(group.slices, kLearner, "queue", group.admitted, begun);
  AddSlice(group.slices, kLearner, "train", begun, trained.time);
}

}  // namespace maspo
