#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/trace/trace_formats.h"
#include "xxhash.h"

namespace maspo {
namespace {

using nlohmann::ordered_json;
using Slice = GroupTimeline::Slice;

constexpr int kInternal = 1, kError = 2;  // Of SpanKind and StatusCode.

std::string SpanId(const std::string& of) { return absl::StrFormat("%016x", XXH3_64bits(of.data(), of.size())); }

std::string TraceId(const std::string& of) {
  const XXH128_hash_t hash = XXH3_128bits(of.data(), of.size());
  return absl::StrFormat("%016x%016x", hash.high64, hash.low64);
}

// 64-bit numbers are strings in protobuf's JSON.
std::string Nanoseconds(double seconds) { return absl::StrCat(static_cast<uint64_t>(std::llround(seconds * 1e9))); }

ordered_json Attribute(const std::string& key, const ordered_json& value) {
  const ordered_json typed = value.is_number() ? ordered_json{{"intValue", absl::StrCat(value.get<int64_t>())}}
                                               : ordered_json{{"stringValue", value.get<std::string>()}};
  return {{"key", key}, {"value", typed}};
}

ordered_json Attributes(const ordered_json& arguments) {
  ordered_json attributes = ordered_json::array();
  for (const auto& [key, value] : arguments.items()) {
    if (!value.is_object()) {
      attributes.push_back(Attribute("maspo." + key, value));
      continue;
    }
    for (const auto& [inner, count] : value.items())
      attributes.push_back(Attribute("maspo." + key + "." + inner, count));
  }
  return attributes;
}

ordered_json Resource(const std::string& run, const std::string& process) {
  const bool is_learner = process == "learner";
  return {{"attributes",
           {Attribute("service.name", is_learner ? "maspo-learner" : "maspo-rollout-worker"),
            Attribute("service.instance.id", process), Attribute("maspo.run", run)}}};
}

ordered_json Span(const Slice& slice, const std::string& trace_id, const std::string& key, const std::string& parent) {
  ordered_json span = {{"traceId", trace_id}, {"spanId", SpanId(key)}};
  if (!parent.empty()) span["parentSpanId"] = parent;
  span["name"] = slice.name;
  span["kind"] = kInternal;
  span["startTimeUnixNano"] = Nanoseconds(slice.begin);
  span["endTimeUnixNano"] = Nanoseconds(slice.end);
  span["attributes"] = Attributes(slice.arguments);
  if (slice.name == "dropped") span["status"] = {{"code", kError}, {"message", slice.arguments.value("dropped", "")}};
  return span;
}

// The spans of one group: slices [first, last).
std::string Line(const Slice* first, const Slice* last, const std::string& run) {
  const std::string key = absl::StrCat(run, "/", first->arguments.value("group", ""));
  const std::string trace_id = TraceId(key);
  Slice root{"learner", "group", first->begin, first->end, first->arguments};
  std::map<std::string, ordered_json> spans;  // By process.
  for (const Slice* slice = first; slice != last; ++slice) {
    root.begin = std::min(root.begin, slice->begin);
    root.end = std::max(root.end, slice->end);
    spans[slice->process].push_back(Span(*slice, trace_id, absl::StrCat(key, "/", slice->name), SpanId(key)));
  }
  spans[root.process].push_back(Span(root, trace_id, key, ""));
  ordered_json resources = ordered_json::array();
  for (auto& [process, of_process] : spans) {
    resources.push_back({{"resource", Resource(run, process)},
                         {"scopeSpans", {{{"scope", {{"name", "maspo"}}}, {"spans", std::move(of_process)}}}}});
  }
  return ordered_json{{"resourceSpans", std::move(resources)}}.dump(-1, ' ', false,
                                                                    ordered_json::error_handler_t::replace);
}

}  // namespace

std::string OtlpTrace(const std::vector<Slice>& slices, const std::string& run) {
  std::string lines;
  for (size_t first = 0; first < slices.size();) {
    size_t last = first;
    while (last < slices.size() && slices[last].arguments["group"] == slices[first].arguments["group"]) ++last;
    absl::StrAppend(&lines, Line(&slices[first], slices.data() + last, run), "\n");
    first = last;
  }
  return lines;
}

}  // namespace maspo
