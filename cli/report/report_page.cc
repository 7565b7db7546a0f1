#include "cli/report/report_page.h"

#include <array>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "cli/report/html.h"
#include "cli/report/line_chart.h"

namespace maspo {
namespace {

using Row = RunSummary::Row;

constexpr char kStyle[] = R"(
body{font:15px/1.45 system-ui,sans-serif;max-width:1340px;margin:24px auto;padding:0 16px;color:#1b1f24}
h1{font-size:24px}h2{font-size:19px;margin-top:32px;border-bottom:1px solid #d0d7de}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(380px,1fr));gap:12px}
.chart{border:1px solid #d0d7de;border-radius:6px;background:#fff}
.chart text{font:11px system-ui,sans-serif;fill:#57606a}.chart .title{font-size:13px;font-weight:600;fill:#1b1f24}
.chart .unit{font-weight:400;fill:#57606a}.chart .grid{stroke:#e7ebef}
.chart polyline{fill:none;stroke-width:1.6;stroke-linejoin:round}
table{border-collapse:collapse}td,th{padding:3px 14px 3px 0;text-align:left;vertical-align:top}
td.number,th.number{text-align:right;font-variant-numeric:tabular-nums}
pre{white-space:pre-wrap;background:#f6f8fa;border-radius:6px;padding:10px;margin:6px 0;overflow-wrap:anywhere}
.response{border-left:4px solid #8c959f;padding-left:10px;margin:10px 0}
.correct{border-color:#009e73}.wrong,.no_answer,.unparsable{border-color:#d55e00}
summary{cursor:pointer;font-weight:600;margin:8px 0}.quiet{color:#57606a}
)";

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
    {"Sampler against learner", "mean |difference|, nats", "mismatch/logprob_abs_mean"},
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
  std::string html = "<h2>Curves</h2><p class='quiet'>By training step.</p><div class='charts'>";
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

std::string Number(const Row& row, const std::string& name) {
  const auto value = row.find(name);
  return value == row.end() ? "" : absl::StrFormat("%.4g", value->second);
}

std::string TableRow(const std::string& what, const std::vector<std::string>& numbers) {
  std::string html = absl::StrCat("<tr><td>", EscapeHtml(what), "</td>");
  for (const std::string& number : numbers) absl::StrAppend(&html, "<td class='number'>", EscapeHtml(number), "</td>");
  return html + "</tr>";
}

// First and last row of each run side by side.
std::string Comparison(const std::string& title, const std::vector<RunFiles>& runs, std::vector<Row> RunSummary::*rows,
                       const std::vector<std::string>& metrics) {
  std::string html = absl::StrCat("<h2>", EscapeHtml(title), "</h2><table><tr><th></th>");
  for (const RunFiles& run : runs) {
    absl::StrAppend(&html, "<th class='number'>", EscapeHtml(run.name), ", first</th><th class='number'>last</th>");
  }
  absl::StrAppend(&html, "</tr>");
  for (const std::string& metric : metrics) {
    std::vector<std::string> numbers;
    for (const RunFiles& run : runs) {
      const std::vector<Row>& all = run.summary.*rows;
      numbers.push_back(all.empty() ? "" : Number(all.front(), metric));
      numbers.push_back(all.empty() ? "" : Number(all.back(), metric));
    }
    absl::StrAppend(&html, TableRow(metric, numbers));
  }
  return html + "</table>";
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

std::string Ledger(const RunFiles& run) {
  if (!run.ledger) return "";
  const LedgerCounts& counts = *run.ledger;
  std::string html = absl::StrCat("<h2>Ledger of ", EscapeHtml(run.name), "</h2><table>");
  const auto line = [&html](const std::string& what, uint64_t groups) {
    absl::StrAppend(&html, TableRow(what, {absl::StrCat(groups)}));
  };
  line("issued", counts.issued);
  line("issued again", counts.reissued);
  line("trained", counts.trained);
  line("dropped", counts.dropped());
  for (const auto& [reason, groups] : counts.dropped_by_reason) line("dropped: " + reason, groups);
  line("open", counts.open);
  return html + "</table>";
}

std::string Samples(const RunFiles& run) {
  if (run.samples.empty()) return "";
  std::string html = absl::StrCat("<h2>Samples of ", EscapeHtml(run.name), "</h2>");
  for (const RunFiles::Sample& sample : run.samples) {
    absl::StrAppend(&html, "<details><summary>Step ", sample.step, "</summary><pre>", EscapeHtml(sample.prompt),
                    "</pre>");
    for (const RunFiles::Response& response : sample.responses) {
      const std::string verdict = EscapeHtml(response.verdict);
      absl::StrAppend(&html, "<div class='response ", verdict, "'><b>", verdict, "</b>, reward ",
                      absl::StrFormat("%.3g", response.reward),
                      response.answer.empty() ? "" : absl::StrCat(", answer ", EscapeHtml(response.answer)), "<pre>",
                      EscapeHtml(response.text), "</pre></div>");
    }
    absl::StrAppend(&html, "</details>");
  }
  return html;
}

std::string Configuration(const RunFiles& run) {
  if (run.config.empty()) return "";
  return absl::StrCat("<details><summary>Configuration of ", EscapeHtml(run.name), "</summary><pre>",
                      EscapeHtml(run.config), "</pre></details>");
}

}  // namespace

std::string ReportPage(const std::vector<RunFiles>& runs) {
  std::vector<std::string> names;
  for (const RunFiles& run : runs) names.push_back(EscapeHtml(run.name));
  const std::string title = absl::StrJoin(names, ", ");
  // The policy forbids every load and script, should a response get past the escaping.
  std::string html = absl::StrCat(
      "<!doctype html><html lang='en'><head><meta charset='utf-8'><meta http-equiv='Content-Security-Policy' "
      "content=\"default-src 'none'; style-src 'unsafe-inline'\"><title>",
      title, "</title><style>", kStyle, "</style></head><body><h1>", title, "</h1>");
  for (const RunFiles& run : runs) {
    absl::StrAppend(&html, "<p>", EscapeHtml(run.name), ": ", run.summary.steps.size(), " steps recorded in <code>",
                    EscapeHtml(run.run_dir), "</code></p>");
  }
  absl::StrAppend(&html, Charts(runs));
  absl::StrAppend(&html, Comparison("Held-out problems", runs, &RunSummary::evaluations, EvaluationMetrics(runs)));
  absl::StrAppend(&html, Comparison("Training", runs, &RunSummary::steps,
                                    {"reward/mean", "reward/accuracy", "policy/entropy", "response/length_mean",
                                     "throughput/response_tokens_per_s", "time/step_s", "optim/updates"}));
  for (const RunFiles& run : runs) absl::StrAppend(&html, Ledger(run), Samples(run));
  absl::StrAppend(&html, "<h2>Configuration</h2>");
  for (const RunFiles& run : runs) absl::StrAppend(&html, Configuration(run));
  return html + "</body></html>\n";
}

}  // namespace maspo
