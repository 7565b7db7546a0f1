#include "cli/report/run_sections.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/report/html.h"
#include "services/base/format.h"

namespace maspo {
namespace {

std::string SampleTitle(const RunFiles::Sample& sample) {
  const auto correct = std::count_if(sample.responses.begin(), sample.responses.end(),
                                     [](const RunFiles::Response& response) { return response.verdict == "correct"; });
  return absl::StrCat("Step ", sample.step, ": ", correct, " of ", sample.responses.size(), " correct");
}

std::string Card(const std::string& what, const std::string& value) {
  return absl::StrCat("<div class='card'>", EscapeHtml(what), "<b>", EscapeHtml(value), "</b></div>");
}

}  // namespace

std::string RunCards(const RunFiles& run) {
  const RunSummary& summary = run.summary;
  std::string html = "<div class='cards'>";
  if (!summary.evaluations.empty()) {
    absl::StrAppend(&html, Card("held-out Avg@k, first to last",
                                absl::StrCat(NumberIn(summary.evaluations.front(), "eval/avg_at_k"), " to ",
                                             NumberIn(summary.evaluations.back(), "eval/avg_at_k"))));
  }
  absl::StrAppend(
      &html, Card("mean reward, first to last", absl::StrCat(NumberIn(summary.steps.front(), "reward/mean"), " to ",
                                                             NumberIn(summary.steps.back(), "reward/mean"))));
  absl::StrAppend(&html, Card("steps", absl::StrCat(summary.steps.size())),
                  Card("updates", NumberIn(summary.steps.back(), "optim/updates")));
  double seconds = 0;
  for (const RunSummary::Row& row : summary.steps) seconds += row.contains("time/step_s") ? row.at("time/step_s") : 0;
  absl::StrAppend(&html, Card("training time", HumanDuration(absl::Seconds(seconds))),
                  Card("response tokens/s", NumberIn(summary.steps.back(), "throughput/response_tokens_per_s")));
  return html + "</div>";
}

std::string LedgerTable(const RunFiles& run) {
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

// The newest one stands open: it shows what the policy says now.
std::string SampledResponses(const RunFiles& run) {
  if (run.samples.empty()) return "";
  std::string html = absl::StrCat("<h2>Samples of ", EscapeHtml(run.name), "</h2>");
  for (const RunFiles::Sample& sample : run.samples) {
    const bool is_newest = &sample == &run.samples.back();
    absl::StrAppend(&html, is_newest ? "<details open>" : "<details>", "<summary>", SampleTitle(sample),
                    "</summary><pre>", EscapeHtml(sample.prompt), "</pre>");
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

}  // namespace maspo
