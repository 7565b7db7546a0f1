#include "cli/trace/group_timeline.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"

namespace maspo {
namespace {

using nlohmann::ordered_json;

constexpr char kLearner[] = "learner";

// "rollout-worker-1#18f2.3" -> "rollout-worker-1": a worker that registered anew is the same process to a reader.
std::string WorkerName(const std::string& worker_id) { return worker_id.substr(0, worker_id.rfind('#')); }

// The first lane that is free at `begin`; it is taken until `end`.
size_t TakeLane(std::vector<double>& busy_until, double begin, double end) {
  size_t lane = 0;
  while (lane < busy_until.size() && busy_until[lane] > begin) ++lane;
  if (lane == busy_until.size()) busy_until.push_back(0);
  busy_until[lane] = end;
  return lane;
}

double Microseconds(double seconds) { return std::round(seconds * 1e6); }

}  // namespace

void GroupTimeline::Add(const LedgerEvent& event) {
  OpenGroup& group = open_[event.group_id];
  switch (event.kind) {
    case LedgerEventKind::kIssued:
    case LedgerEventKind::kReissued:
      group.leased = event.time;
      group.arguments["group"] = event.group_id;
      group.arguments["attempt"] = event.attempt;
      if (!event.prompt_id.empty()) group.arguments["prompt"] = event.prompt_id;
      break;
    case LedgerEventKind::kGenerated:
      worker_of_[event.group_id] = event.worker_id;
      group.generate_seconds = event.seconds;
      group.arguments["responses"] = event.responses;
      group.arguments["tokens"] = event.response_tokens;
      break;
    case LedgerEventKind::kScored:
      group.arguments["verdicts"] = event.verdicts;
      AddWorkerSlices(worker_of_[event.group_id], group, event.time, event.seconds);
      break;
    case LedgerEventKind::kAdmitted:
      group.admitted = event.time;
      break;
    case LedgerEventKind::kTrained:
      group.arguments["step"] = event.step;
      slices_.push_back(
          {kLearner, absl::StrCat("queue and train, step ", event.step), group.admitted, event.time, group.arguments});
      break;
    case LedgerEventKind::kDropped:
      slices_.push_back({kLearner, absl::StrCat("dropped: ", event.reason), event.time, event.time, group.arguments});
      break;
  }
  if (event.kind == LedgerEventKind::kTrained || event.kind == LedgerEventKind::kDropped) {
    open_.erase(event.group_id);
    worker_of_.erase(event.group_id);
  }
}

void GroupTimeline::AddWorkerSlices(const std::string& worker_id, const OpenGroup& group, double verified,
                                    double verify_seconds) {
  const std::string worker = WorkerName(worker_id);
  const double generated = std::max(group.leased, verified - verify_seconds);
  const double begun = std::max(group.leased, generated - group.generate_seconds);
  slices_.push_back({worker, "lease", group.leased, begun, group.arguments});
  slices_.push_back({worker, "generate", begun, generated, group.arguments});
  slices_.push_back({worker, "verify", generated, verified, group.arguments});
}

ordered_json GroupTimeline::Trace() const {
  std::vector<const Slice*> ordered;
  for (const Slice& slice : slices_) ordered.push_back(&slice);
  std::stable_sort(ordered.begin(), ordered.end(), [](const Slice* a, const Slice* b) { return a->begin < b->begin; });

  std::map<std::string, int> processes;
  std::map<std::string, std::vector<double>> lanes;
  std::map<std::pair<std::string, std::string>, size_t> lane_of_group;  // A group's slices stay in one lane.
  std::map<std::pair<std::string, std::string>, double> last_end;
  for (const Slice* slice : ordered) {
    double& end = last_end[{slice->process, slice->arguments.value("group", "")}];
    end = std::max(end, slice->end);
  }
  ordered_json events = ordered_json::array();
  for (const Slice* slice : ordered) {
    const auto [process, is_new] = processes.try_emplace(slice->process, static_cast<int>(processes.size()) + 1);
    if (is_new) {
      events.push_back(
          {{"ph", "M"}, {"name", "process_name"}, {"pid", process->second}, {"args", {{"name", slice->process}}}});
    }
    const std::pair<std::string, std::string> key = {slice->process, slice->arguments.value("group", "")};
    const auto lane = lane_of_group.find(key);
    const size_t taken =
        lane != lane_of_group.end() ? lane->second : TakeLane(lanes[slice->process], slice->begin, last_end.at(key));
    lane_of_group[key] = taken;
    events.push_back({{"ph", "X"},
                      {"name", slice->name},
                      {"pid", process->second},
                      {"tid", taken},
                      {"ts", Microseconds(slice->begin)},
                      {"dur", Microseconds(slice->end - slice->begin)},
                      {"args", slice->arguments}});
  }
  return {{"displayTimeUnit", "ms"}, {"traceEvents", std::move(events)}};
}

}  // namespace maspo
