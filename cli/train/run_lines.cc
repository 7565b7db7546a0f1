#include "cli/train/run_lines.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "services/base/format.h"

namespace maspo {
namespace {

constexpr int kBarWidth = 20;

double Metric(const v1::RunStatus& status, const std::string& name) {
  const auto it = status.metrics().find(name);
  return it == status.metrics().end() ? 0 : it->second;
}

std::string StepLine(const v1::RunStatus& status) {
  const double share =
      status.total_steps() == 0 ? 0 : static_cast<double>(status.step()) / static_cast<double>(status.total_steps());
  const int filled = std::clamp(static_cast<int>(share * kBarWidth), 0, kBarWidth);
  std::string line = absl::StrFormat("step %d/%d  %s%s  %.0f %%", status.step(), status.total_steps(),
                                     std::string(filled, '#'), std::string(kBarWidth - filled, '.'), 100 * share);
  const double step_seconds = Metric(status, "time/step_s");
  if (status.step() < status.total_steps() && step_seconds > 0) {
    const auto left = absl::Seconds(step_seconds * static_cast<double>(status.total_steps() - status.step()));
    absl::StrAppend(&line, ", ", HumanDuration(left), " left");
  }
  return line;
}

std::string RewardLine(const v1::RunStatus& status, const std::deque<double>& rewards) {
  std::string line = absl::StrFormat("reward %+.3f", Metric(status, "reward/mean"));
  if (rewards.size() > 1) {
    absl::StrAppendFormat(&line, " (%+.3f over the last %d steps)", rewards.back() - rewards.front(), rewards.size());
  }
  if (status.metrics().contains("policy/entropy")) {
    absl::StrAppendFormat(&line, ", entropy %.3f", Metric(status, "policy/entropy"));
  }
  absl::StrAppendFormat(&line, ", %s tokens long, %s tokens/s", HumanNumber(Metric(status, "response/length_mean")),
                        HumanNumber(Metric(status, "throughput/response_tokens_per_s")));
  return line;
}

std::string TimeLine(const v1::RunStatus& status) {
  const double step_seconds = Metric(status, "time/step_s");
  std::string bar;  // By the first letter of each phase.
  std::vector<std::string> parts;
  double seconds = 0;
  for (const auto& [what, name] :
       {std::pair{"rollout", "time/rollout_wait_s"}, std::pair{"old log-probs", "time/old_logprobs_s"},
        std::pair{"update", "time/update_s"}, std::pair{"publish", "time/publish_s"}}) {
    seconds += Metric(status, name);
    parts.push_back(absl::StrFormat("%s %.0f %%", what, 100 * Metric(status, name) / step_seconds));
    bar.resize(std::clamp<size_t>(std::lround(seconds / step_seconds * kBarWidth), bar.size(), kBarWidth), what[0]);
  }
  bar.resize(kBarWidth, '.');
  return absl::StrFormat("last step %s  %s  %s", HumanDuration(absl::Seconds(step_seconds)), bar,
                         absl::StrJoin(parts, ", "));
}

std::string NowLine(const v1::RunStatus& status) {
  std::string line = status.phase();
  if (!status.waiting_for().empty()) absl::StrAppend(&line, ", ", status.waiting_for());
  std::map<std::string, int> phases;
  for (const v1::WorkerSummary& worker : status.workers()) ++phases[worker.status().phase()];
  absl::StrAppend(&line, "; ", status.workers_size(), status.workers_size() == 1 ? " worker" : " workers");
  std::vector<std::string> parts;
  for (const auto& [phase, count] : phases) parts.push_back(absl::StrCat(count, " ", phase));
  if (!parts.empty()) absl::StrAppend(&line, ": ", absl::StrJoin(parts, ", "));
  return line;
}

}  // namespace

std::vector<std::string> RunLines(const v1::RunStatus& status, const std::deque<double>& rewards) {
  std::vector<std::string> lines = {StepLine(status)};
  if (status.metrics().contains("reward/mean")) {
    lines.push_back(RewardLine(status, rewards));
    lines.push_back(TimeLine(status));
  }
  lines.push_back(NowLine(status));
  return lines;
}

}  // namespace maspo
