#include "learner/metrics/metrics_log.h"

#include <cmath>
#include <filesystem>
#include <limits>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

using nlohmann::ordered_json;

std::string Encode(const StepMetrics& row) {
  ordered_json object;
  object["step"] = row.step;
  for (const auto& [name, value] : row.values) {
    object[name] = std::isfinite(value) ? ordered_json(value) : ordered_json(nullptr);
  }
  return object.dump();
}

absl::StatusOr<uint64_t> StepOf(const std::string& line) {
  const ordered_json object = ordered_json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object() || !object.contains("step") || !object["step"].is_number_unsigned()) {
    return absl::InvalidArgumentError("a row of metrics must be an object with a step");
  }
  return object["step"].get<uint64_t>();
}

}  // namespace

absl::StatusOr<MetricsLog> MetricsLog::Open(const std::string& path) {
  MetricsLog log(path);
  MASPO_RETURN_IF_ERROR(log.KeepRowsUpTo(std::numeric_limits<uint64_t>::max()));
  return log;
}

absl::Status MetricsLog::TruncateAfter(uint64_t step) { return KeepRowsUpTo(step); }

absl::Status MetricsLog::Clear() { return KeepRowsUpTo(std::nullopt); }

// Checks the rows, cuts the file behind the last whole one of a step <= `step` (of none without one), and opens it for
// appending.
absl::Status MetricsLog::KeepRowsUpTo(std::optional<uint64_t> step) {
  std::string text;
  if (std::filesystem::exists(path_)) {
    MASPO_ASSIGN_OR_RETURN(text, ReadFile(path_));
  }
  empty_ = true;
  last_step_ = 0;
  size_t kept = 0;
  size_t line_number = 0;
  for (size_t newline; (newline = text.find('\n', kept)) != text.npos; kept = newline + 1) {
    const std::string where = absl::StrCat(path_, ":", ++line_number);
    const absl::StatusOr<uint64_t> row_step = StepOf(text.substr(kept, newline - kept));
    if (!row_step.ok()) return Annotate(row_step.status(), where);
    if (!empty_ && *row_step <= last_step_) {
      return absl::InvalidArgumentError(absl::StrCat(where, ": step ", *row_step, " comes after step ", last_step_));
    }
    if (!step || *row_step > *step) break;
    empty_ = false;
    last_step_ = *row_step;
  }
  if (kept < text.size()) MASPO_RETURN_IF_ERROR(WriteFileAtomically(path_, text.substr(0, kept)));
  out_ = std::ofstream(path_, std::ios::binary | std::ios::app);
  if (!out_) return absl::UnavailableError(absl::StrCat("cannot open ", path_));
  return absl::OkStatus();
}

absl::Status MetricsLog::Append(const StepMetrics& row) { return AppendObject(row.step, Encode(row)); }

absl::Status MetricsLog::AppendObject(uint64_t step, const std::string& json) {
  if (!empty_ && step <= last_step_) {
    return absl::AlreadyExistsError(
        absl::StrCat(path_, " has step ", last_step_, " already; step ", step, " cannot follow"));
  }
  out_ << json << '\n' << std::flush;
  if (!out_) return absl::UnavailableError(absl::StrCat("cannot write ", path_));
  empty_ = false;
  last_step_ = step;
  return absl::OkStatus();
}

}  // namespace maspo
