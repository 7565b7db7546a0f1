#include "cli/report/report_page.h"

#include <array>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/report/comparison.h"
#include "cli/report/html.h"
#include "cli/report/line_chart.h"
#include "cli/report/page_style.h"
#include "cli/report/run_sections.h"

namespace maspo {
namespace {

using Row = RunSummary::Row;

struct Chart {
  const char* title;
  const char* unit;
  const char* metric;
};
// In the order in which a run is judged: does it learn, is it healthy, is it fast.
constexpr std::array<Chart, 16> kCharts = {{
    {"Reward", "mean of the step", "reward/mean"},
    {"Correct", "share of responses", "reward/accuracy"},
    {"Entropy", "nats a token", "policy/entropy"},
    {"Response length", "tokens", "response/length_mean"},
    {"Cut off", "share of responses", "response/truncated_fraction"},
    {"Groups without variance", "share of groups", "group/zero_variance_fraction"},
    {"Gate", "mean factor", "policy/gate_mean"},
    {"Gated", "share of tokens", "policy/gated_fraction"},
    {"KL to the old policy", "nats", "policy/kl_old"},
    {"Largest ratio", "current to old", "policy/ratio_max"},
    {"Gradient norm", "before clipping", "optim/grad_norm"},
    {"Sampler against learner", "|difference|, nats", "mismatch/logprob_abs_mean"},
    {"Staleness", "versions, mean over tokens", "rollout/staleness_mean"},
    {"Throughput", "response tokens/s", "throughput/response_tokens_per_s"},
    {"Step time", "seconds", "time/step_s"},
    {"Weight push", "seconds", "weights/push_s"},
}};

ChartSeries SeriesOf(const std::vector<Row>& rows, const std::string& name, const std::string& metric) {
  ChartSeries series{name, {}};
  for (const Row& row : rows) {
    const auto value = row.find(metric);
    if (value != row.end()) series.points.push_back({row.at("step"), value->second});
  }
  return series;
}

std::string Charts(const std::vector<RunFiles>& runs) {
  std::string html =
      "<h2>Curves</h2><p class='quiet'>By training step. Long curves are smoothed; the values "
      "themselves lie faintly behind.</p><div class='charts'>";
  std::vector<ChartSeries> held_out;
  for (const RunFiles& run : runs) held_out.push_back(SeriesOf(run.summary.evaluations, run.name, "eval/avg_at_k"));
  absl::StrAppend(&html, LineChart("Held-out accuracy", "Avg@k", held_out));
  for (const Chart& chart : kCharts) {
    std::vector<ChartSeries> series;
    for (const RunFiles& run : runs) series.push_back(SeriesOf(run.summary.steps, run.name, chart.metric));
    absl::StrAppend(&html, LineChart(chart.title, chart.unit, series));
  }
  return html + "</div>";
}

// The names in the last evaluation of any run, so that data sets and Pass@k of each are there.
std::vector<std::string> EvaluationMetrics(const std::vector<RunFiles>& runs) {
  std::map<std::string, bool> names;
  for (const RunFiles& run : runs) {
    if (run.summary.evaluations.empty()) continue;
    for (const auto& [name, value] : run.summary.evaluations.back()) names[name] = name != "step";
  }
  std::vector<std::string> metrics;
  for (const auto& [name, shown] : names) {
    if (shown) metrics.push_back(name);
  }
  return metrics;
}

}  // namespace

std::string ReportPage(const std::vector<RunFiles>& runs) {
  std::vector<std::string> names;
  for (const RunFiles& run : runs) names.push_back(EscapeHtml(run.name));
  const std::string title = absl::StrJoin(names, ", ");
  // The policy forbids every load and script, should a response get past the escaping.
  std::string html = absl::StrCat(
      "<!doctype html><html lang='en'><head><meta charset='utf-8'><meta name='viewport' "
      "content='width=device-width,initial-scale=1'><meta http-equiv='Content-Security-Policy' "
      "content=\"default-src 'none'; style-src 'unsafe-inline'\"><title>",
      title, "</title><style>", kPageStyle, "</style></head><body><h1>", title, "</h1>");
  for (const RunFiles& run : runs) {
    absl::StrAppend(&html, "<p>", EscapeHtml(run.name), " in <code>", EscapeHtml(run.run_dir), "</code></p>",
                    RunCards(run));
  }
  absl::StrAppend(&html, SettingsThatDiffer(runs), Charts(runs));
  absl::StrAppend(&html, Comparison("Held-out problems", runs, &RunSummary::evaluations, EvaluationMetrics(runs)));
  absl::StrAppend(&html, Comparison("Training", runs, &RunSummary::steps,
                                    {"reward/mean", "reward/accuracy", "policy/entropy", "response/length_mean",
                                     "throughput/response_tokens_per_s", "time/step_s", "optim/updates"}));
  for (const RunFiles& run : runs) absl::StrAppend(&html, LedgerTable(run), SampledResponses(run));
  absl::StrAppend(&html, "<h2>Configuration</h2>");
  for (const RunFiles& run : runs) absl::StrAppend(&html, Configuration(run));
  return html + "</body></html>\n";
}

}  // namespace maspo
