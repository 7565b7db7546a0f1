#include "cli/train/run_summary.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "services/base/jsonl.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

using Row = RunSummary::Row;

absl::StatusOr<std::vector<Row>> LoadRows(const std::string& path) {
  MASPO_ASSIGN_OR_RETURN(JsonlReader reader, JsonlReader::Open(path));
  std::vector<Row> rows;
  nlohmann::json object;
  while (true) {
    MASPO_ASSIGN_OR_RETURN(const bool has_line, reader.Next(object));
    if (!has_line) return rows;
    Row& row = rows.emplace_back();
    for (const auto& [name, value] : object.items()) {
      if (value.is_number()) row[name] = value.get<double>();
    }
  }
}

double ValueOf(const Row& row, const std::string& name) {
  const auto it = row.find(name);
  return it == row.end() ? 0 : it->second;
}

// Over the rows that have the number; nullopt without one.
std::optional<double> MeanOf(const std::vector<Row>& rows, size_t first, size_t last, const std::string& name) {
  double sum = 0, count = 0;
  for (size_t i = first; i < last; ++i) {
    if (!rows[i].contains(name)) continue;
    sum += rows[i].at(name);
    ++count;
  }
  return count > 0 ? std::optional(sum / count) : std::nullopt;
}

double SumOf(const std::vector<Row>& rows, const std::string& name) {
  double sum = 0;
  for (const Row& row : rows) sum += ValueOf(row, name);
  return sum;
}

}  // namespace

absl::StatusOr<RunSummary> RunSummary::Load(const std::string& run_dir) {
  RunSummary summary;
  MASPO_ASSIGN_OR_RETURN(summary.steps, LoadRows(run_dir + "/metrics.jsonl"));
  MASPO_ASSIGN_OR_RETURN(summary.evaluations, LoadRows(run_dir + "/evaluations.jsonl"));
  if (summary.steps.empty()) return absl::NotFoundError(absl::StrCat(run_dir, "/metrics.jsonl has no rows"));
  return summary;
}

std::optional<double> RunSummary::Improvement() const {
  if (evaluations.size() < 2) return std::nullopt;
  return ValueOf(evaluations.back(), "eval/avg_at_k") - ValueOf(evaluations.front(), "eval/avg_at_k");
}

std::string RunSummary::Json(const std::string& run_dir) const {
  nlohmann::ordered_json end = {{"event", "end"},
                                {"run_dir", run_dir},
                                {"steps", steps.size()},
                                {"updates", static_cast<int64_t>(ValueOf(steps.back(), "optim/updates"))},
                                {"responses", static_cast<int64_t>(SumOf(steps, "response/count"))}};
  if (const std::optional<double> improvement = Improvement()) end["improvement"] = *improvement;
  return end.dump() + "\n";
}

std::string RunSummary::Table(const std::string& run_dir) const {
  std::string table;
  const auto line = [&table](const std::string& what, const std::string& before, const std::string& after) {
    absl::StrAppendFormat(&table, "  %-34s %12s %12s\n", what, before, after);
  };
  const auto number = [](std::optional<double> value) { return value ? absl::StrFormat("%.3f", *value) : "-"; };

  if (evaluations.size() >= 2) {
    const Row& before = evaluations.front();
    const Row& after = evaluations.back();
    line("held-out problems", "before", "after");
    const std::string problems = absl::StrFormat("  all (%d)", static_cast<int>(ValueOf(after, "eval/problems")));
    line(problems + " Avg@k", number(ValueOf(before, "eval/avg_at_k")), number(ValueOf(after, "eval/avg_at_k")));
    for (const auto& [name, value] : after) {
      int64_t k = 0;
      absl::string_view rest = name;
      if (absl::ConsumePrefix(&rest, "eval/pass_at_") && absl::SimpleAtoi(rest, &k)) {
        line(absl::StrCat("  all Pass@", k), number(ValueOf(before, name)), number(value));
      }
    }
    for (const auto& [name, value] : after) {
      absl::string_view source = name;
      if (absl::ConsumePrefix(&source, "eval/") && absl::ConsumeSuffix(&source, "/avg_at_k")) {
        line(absl::StrCat("  ", std::string(source), " Avg@k"), number(ValueOf(before, name)), number(value));
      }
    }
  }
  // A few steps at each end, because single steps are noisy.
  const size_t window = std::min<size_t>(5, (steps.size() + 1) / 2);
  line(absl::StrFormat("training (mean of %d steps)", window), "first", "last");
  for (const auto& [what, name] :
       {std::pair{"  reward", "reward/mean"}, std::pair{"  entropy, nats per token", "policy/entropy"},
        std::pair{"  response length, tokens", "response/length_mean"},
        std::pair{"  response tokens/s", "throughput/response_tokens_per_s"},
        std::pair{"  seconds per step", "time/step_s"}}) {
    line(what, number(MeanOf(steps, 0, window, name)),
         number(MeanOf(steps, steps.size() - window, steps.size(), name)));
  }
  absl::StrAppendFormat(&table, "  time by phase:");
  for (const auto& [what, name] :
       {std::pair{"waiting for rollouts", "time/rollout_wait_s"}, std::pair{"old log-probs", "time/old_logprobs_s"},
        std::pair{"updates", "time/update_s"}, std::pair{"publishing", "time/publish_s"},
        std::pair{"checkpoints", "time/checkpoint_s"}}) {
    absl::StrAppendFormat(&table, " %s %.1f s,", what, SumOf(steps, name));
  }
  absl::StrAppendFormat(&table, " evaluation %.1f s\n", SumOf(evaluations, "time/evaluate_s"));
  absl::StrAppendFormat(&table, "  %d steps, %d updates, %d responses; everything about the run: %s\n", steps.size(),
                        static_cast<int64_t>(ValueOf(steps.back(), "optim/updates")),
                        static_cast<int64_t>(SumOf(steps, "response/count")), run_dir);
  return table;
}

}  // namespace maspo
