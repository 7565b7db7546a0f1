#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/trace/group_timeline.h"

namespace maspo {

// {"traceEvents": [...]}, which chrome://tracing and ui.perfetto.dev read. Every process of the timeline is a process;
// slices of one process that overlap lie in different lanes.
nlohmann::ordered_json ChromeTrace(const std::vector<GroupTimeline::Slice>& slices);

// OTLP/JSON lines as OpenTelemetry's file exporter writes them: a line a group, which is a trace of its own. Its root
// span is "group"; resources tell the run and the process; every span has maspo.group. The ids are hashes of `run` and
// the group, so that a second export of the same ledger names the same traces.
std::string OtlpTrace(const std::vector<GroupTimeline::Slice>& slices, const std::string& run);

}  // namespace maspo
