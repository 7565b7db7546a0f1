#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "cli/trace/trace_formats.h"

namespace maspo {
namespace {

using nlohmann::ordered_json;
using Slice = GroupTimeline::Slice;

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

ordered_json ChromeTrace(const std::vector<Slice>& slices) {
  std::vector<const Slice*> ordered;
  for (const Slice& slice : slices) ordered.push_back(&slice);
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
