#include "learner/metrics/metric_catalog.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/reward/verdict_name.h"

namespace maspo {
namespace {

bool PartFits(const std::string& pattern, const std::string& part) {
  const size_t open = pattern.find('<');
  if (open == pattern.npos) return pattern == part;
  const std::string before = pattern.substr(0, open);
  const std::string after = pattern.substr(pattern.find('>') + 1);
  return part.size() > before.size() + after.size() && part.starts_with(before) && part.ends_with(after);
}

bool Fits(const std::string& pattern, const std::string& name) {
  const std::vector<std::string> patterns = absl::StrSplit(pattern, '/');
  const std::vector<std::string> parts = absl::StrSplit(name, '/');
  return std::equal(patterns.begin(), patterns.end(), parts.begin(), parts.end(), PartFits);
}

using Step = StepReport;  // Short, for the table.

using Maybe = std::optional<double>;

// A mean over nothing is no number: not 0, which would read as a collapse.
Maybe Mean(double sum, int64_t count) { return count > 0 ? Maybe(sum / static_cast<double>(count)) : std::nullopt; }
Maybe If(int64_t tokens, double value) { return tokens > 0 ? Maybe(value) : std::nullopt; }

// A mean over the tokens that were updated on.
template <typename Number>
auto PerToken(Number PolicyMetrics::*sum) {
  return [sum](const Step& r) { return Mean(static_cast<double>(r.update.metrics.*sum), r.update.metrics.tokens); };
}

Maybe GateMean(const PolicyMetrics::Gate& gate) { return Mean(gate.sum, gate.tokens); }
Maybe GatedShare(const PolicyMetrics::Gate& gate) { return Mean(static_cast<double>(gate.gated), gate.tokens); }

auto RatioAt(double quantile) {
  return
      [quantile](const Step& r) { return If(r.update.metrics.tokens, r.update.metrics.log_ratios.RatioAt(quantile)); };
}

Maybe EffectiveSampleShare(const PolicyMetrics& m) {
  const double squares = static_cast<double>(m.tokens) * m.ratio_squares;
  return squares > 0 ? Maybe(m.ratio_sum * m.ratio_sum / squares) : std::nullopt;
}

// Of updates on nothing there is neither loss nor gradient.
Maybe PerUpdate(double sum, const UpdateStatistics& update) {
  return If(update.metrics.tokens, sum / static_cast<double>(update.updates));
}

// Of the behaviour correction; none where it is off.
auto Correction(double BehaviorCorrection::Statistics::*member) {
  return [member](const Step& r) { return r.correction ? Maybe((*r.correction).*member) : std::nullopt; };
}

double ThroughputOf(const Step& r) { return r.groups.tokens / r.times.step; }

// The rows whose names are made of something else.
void AddPatterns(const Step& r, std::map<std::string, double>& values) {
  for (const auto verdict : {v1::VERDICT_CORRECT, v1::VERDICT_WRONG, v1::VERDICT_NO_ANSWER, v1::VERDICT_UNPARSABLE}) {
    values[absl::StrCat("verdict/", VerdictName(verdict))] = r.groups.verdicts[verdict];
  }
  for (const auto& [phase, seconds] :
       {std::pair{"rollout_wait", r.times.rollout_wait}, std::pair{"old_logprobs", r.times.old_logprobs},
        std::pair{"update", r.times.update}, std::pair{"publish", r.times.publish}}) {
    values[absl::StrCat("time/", phase, "_s")] = seconds;
  }
  if (r.times.checkpoint) values["time/checkpoint_s"] = *r.times.checkpoint;
}

// Puts scores under PREFIX...
void AddScores(const EvaluationScores& scores, const std::string& prefix, std::map<std::string, double>& values) {
  values[prefix + "avg_at_k"] = scores.average.mean;
  values[prefix + "avg_at_k_stderr"] = scores.average.standard_error;
  values[prefix + "problems"] = static_cast<double>(scores.average.problems);
  for (const auto& [k, estimate] : scores.pass_at) values[absl::StrCat(prefix, "pass_at_", k)] = estimate.mean;
  if (!scores.pass_at.empty()) values[prefix + "pass_at_k"] = scores.pass_at.rbegin()->second.mean;
}

}  // namespace

const std::vector<MetricInfo>& MetricCatalog() {
  static const auto& catalog = *new std::vector<MetricInfo>{
      {"step", "count", "Finished training steps", {}},
      {"policy_version", "version", "Version published at the end of the step; version v is what v steps made",
       [](const Step& r) { return static_cast<double>(r.step); }},

      {"reward/mean", "reward", "Mean reward of the step's responses",
       [](const Step& r) { return r.groups.reward_mean; }},
      {"reward/std", "reward", "Standard deviation of the step's rewards",
       [](const Step& r) { return r.groups.reward_std; }},
      {"reward/accuracy", "share", "Responses judged correct", [](const Step& r) { return r.groups.accuracy; }},
      {"verdict/<verdict>", "responses", "Responses with this verdict: correct, wrong, no_answer, unparsable", {}},
      {"group/zero_variance_fraction", "share", "Groups whose responses all got the same reward: they teach nothing",
       [](const Step& r) { return r.groups.zero_variance_fraction; }},
      {"group/replaced", "groups",
       "Groups of which all responses or none were correct, which dynamic sampling replaced",
       [](const Step& r) { return r.replaced_groups; }},

      {"response/count", "responses", "Responses of the step", [](const Step& r) { return r.groups.responses; }},
      {"response/tokens", "tokens", "Their tokens", [](const Step& r) { return r.groups.tokens; }},
      {"response/length_mean", "tokens", "Mean length of a response",
       [](const Step& r) { return r.groups.length_mean; }},
      {"response/length_max", "tokens", "Longest response", [](const Step& r) { return r.groups.length_max; }},
      {"response/truncated_fraction", "share", "Responses cut off at max_new_tokens",
       [](const Step& r) { return r.groups.truncated_fraction; }},

      {"policy/entropy", "nats", "Mean entropy of the policy before the step's updates, over its response tokens",
       [](const Step& r) { return If(r.logprobs.tokens, r.logprobs.entropy_mean); }},
      {"policy/gate_mean", "factor",
       "Mean of F, the objective's factor on ratio times advantage, over the tokens updated on",
       [](const Step& r) { return GateMean(r.update.metrics.all()); }},
      {"policy/gate_mean_positive", "factor", "The same over tokens with A > 0",
       [](const Step& r) { return GateMean(r.update.metrics.positive); }},
      {"policy/gate_mean_negative", "factor", "The same over tokens with A < 0",
       [](const Step& r) { return GateMean(r.update.metrics.negative); }},
      {"policy/gated_fraction", "share", "Tokens on which the gate or clip acts",
       [](const Step& r) { return GatedShare(r.update.metrics.all()); }},
      {"policy/gated_fraction_positive", "share", "The same of the tokens with A > 0",
       [](const Step& r) { return GatedShare(r.update.metrics.positive); }},
      {"policy/gated_fraction_negative", "share", "The same of the tokens with A < 0",
       [](const Step& r) { return GatedShare(r.update.metrics.negative); }},
      {"policy/zero_gradient_fraction", "share", "Tokens whose log-probability has gradient 0",
       PerToken(&PolicyMetrics::zero_gradient)},
      {"policy/bounded_fraction", "share",
       "Tokens with A < 0 whose ratio is beyond the objective's own bound (dual_clip), which ends their gradient",
       PerToken(&PolicyMetrics::bounded)},
      {"policy/clip_fraction", "share", "Tokens with A > 0 and ratio > 1 + high, or A < 0 and ratio < 1 - low",
       PerToken(&PolicyMetrics::clipped)},
      {"policy/clip_fraction_lower", "share", "Tokens with A < 0 and ratio > the dual clip",
       PerToken(&PolicyMetrics::clipped_lower)},
      {"policy/ratio_p1", "ratio", "1st percentile of the ratio of current to old probability, to 1 % of its logarithm",
       RatioAt(0.01)},
      {"policy/ratio_p50", "ratio", "Median of it", RatioAt(0.50)},
      {"policy/ratio_p99", "ratio", "99th percentile of it", RatioAt(0.99)},
      {"policy/ratio_max", "ratio", "Largest ratio of current to old probability",
       [](const Step& r) { return If(r.update.metrics.tokens, r.update.metrics.ratio_max); }},
      {"policy/effective_sample_share", "share", "(sum of ratios)^2 / (tokens * sum of squared ratios)",
       [](const Step& r) { return EffectiveSampleShare(r.update.metrics); }},
      {"policy/kl_old", "nats", "KL to the old policy: mean of -(log p - old log p), the exponent limited to 20",
       PerToken(&PolicyMetrics::k1_sum)},
      {"policy/kl_old_k2", "nats", "The same estimated by half the square", PerToken(&PolicyMetrics::k2_sum)},
      {"policy/kl_old_k3", "nats", "The same estimated by ratio - 1 - log ratio", PerToken(&PolicyMetrics::k3_sum)},
      {"policy/abs_kl", "nats", "Mean of |log p - old log p|", PerToken(&PolicyMetrics::abs_kl_sum)},
      {"policy/update_entropy", "nats", "Mean entropy of the policy during the updates, over the tokens updated on",
       PerToken(&PolicyMetrics::entropy_sum)},

      {"mismatch/logprob_abs_mean", "nats", "Mean |sampler's log p - learner's log p| of the step's tokens",
       [](const Step& r) { return If(r.logprobs.tokens, r.logprobs.mismatch_abs_mean); }},
      {"mismatch/logprob_abs_max", "nats", "Largest such difference",
       [](const Step& r) { return If(r.logprobs.tokens, r.logprobs.mismatch_abs_max); }},
      {"mismatch/correction_mean", "factor", "Mean behaviour correction of the tokens that are updated on",
       Correction(&BehaviorCorrection::Statistics::weight_mean)},
      {"mismatch/truncated_fraction", "share", "Of these tokens, those whose correction was cut to the limit",
       Correction(&BehaviorCorrection::Statistics::truncated_fraction)},
      {"mismatch/rejected_fraction", "share", "Responses that the sequence or geometric mask rejected",
       Correction(&BehaviorCorrection::Statistics::rejected_fraction)},

      {"optim/loss", "loss", "Mean loss of the step's updates",
       [](const Step& r) { return PerUpdate(r.update.loss_sum, r.update); }},
      {"optim/grad_norm", "norm", "Mean gradient norm before clipping",
       [](const Step& r) { return PerUpdate(r.update.grad_norm_sum, r.update); }},
      {"optim/grad_norm_max", "norm", "Largest gradient norm before clipping",
       [](const Step& r) { return If(r.update.metrics.tokens, r.update.grad_norm_max); }},
      {"optim/learning_rate", "rate", "Learning rate of the step", [](const Step& r) { return r.learning_rate; }},
      {"optim/updates", "updates", "Optimizer updates since the run began",
       [](const Step& r) { return static_cast<double>(r.total_updates); }},
      {"optim/skipped_updates", "updates",
       "Updates left out because loss or gradient was not finite, since the run began",
       [](const Step& r) { return static_cast<double>(r.skipped_updates); }},

      {"rollout/staleness_mean", "versions", "How far behind the learner the tokens were sampled, mean over tokens",
       [](const Step& r) { return If(static_cast<int64_t>(r.groups.tokens), r.groups.staleness_mean); }},
      {"rollout/staleness_max", "versions", "The same for the oldest token",
       [](const Step& r) { return r.groups.staleness_max; }},
      {"queue/depth", "groups", "Scored groups left waiting after the step took its own",
       [](const Step& r) { return static_cast<double>(r.queue_depth); }},
      {"throughput/response_tokens_per_s", "tokens/s", "Response tokens of the step by its time", ThroughputOf},

      {"weights/push_s", "seconds",
       "From publishing to the slowest worker's acknowledgement, of the version sampled from",
       [](const Step& r) { return r.push.push_seconds_max; }},
      {"weights/receivers", "workers", "Workers that took that version",
       [](const Step& r) { return static_cast<double>(r.push.acknowledged); }},
      {"weights/failed_epochs", "count", "Broadcasts that failed and were repeated, since the learner started",
       [](const Step& r) { return static_cast<double>(r.push.failed_epochs); }},

      {"time/step_s", "seconds", "The step, from waiting for groups to publishing",
       [](const Step& r) { return r.times.step; }},
      {"time/<phase>_s",
       "seconds",
       "Part of it: rollout_wait, old_logprobs, update, publish; besides it: evaluate, and checkpoint (of the step "
       "before: what training waited for; the writing goes on beside it)",
       {}},

      {"eval/avg_at_k", "share", "Held-out accuracy: correct responses, averaged over problems", {}},
      {"eval/avg_at_k_stderr", "share", "Its standard error over problems", {}},
      {"eval/pass_at_<k>", "share", "Unbiased Pass@k; `pass_at_k` is the one of the largest k", {}},
      {"eval/problems", "problems", "Held-out problems that were scored", {}},
      {"eval/response_length_mean", "tokens", "Mean length of a held-out response", {}},
      {"eval/<source>/avg_at_k", "share", "The same for the problems of one data set", {}},
      {"eval/<source>/avg_at_k_stderr", "share", "The same for the problems of one data set", {}},
      {"eval/<source>/pass_at_<k>", "share", "The same for the problems of one data set", {}},
      {"eval/<source>/problems", "problems", "The same for the problems of one data set", {}},
  };
  return catalog;
}

std::map<std::string, double> ValuesOf(const StepReport& report) {
  std::map<std::string, double> values;
  for (const MetricInfo& info : MetricCatalog()) {
    const std::optional<double> value = info.value ? info.value(report) : std::nullopt;
    if (value) values[info.name] = *value;
  }
  AddPatterns(report, values);
  return values;
}

std::map<std::string, double> ValuesOf(const EvaluationReport& report) {
  std::map<std::string, double> values{{"eval/response_length_mean", report.response_length_mean},
                                       {"time/evaluate_s", report.seconds}};
  AddScores(report.table.all, "eval/", values);
  for (const auto& [source, scores] : report.table.by_source) {
    AddScores(scores, absl::StrCat("eval/", source, "/"), values);
  }
  return values;
}

std::map<std::string, double> ValuesOf(const PolicyMetrics& metrics) {
  StepReport report;
  report.update.metrics = metrics;
  std::map<std::string, double> values = ValuesOf(report);
  std::erase_if(values, [](const auto& value) { return !value.first.starts_with("policy/"); });
  values.erase("policy/entropy");  // Of the policy before the update.
  return values;
}

bool IsCatalogued(const std::string& name) {
  const std::vector<MetricInfo>& catalog = MetricCatalog();
  return std::any_of(catalog.begin(), catalog.end(), [&](const MetricInfo& info) { return Fits(info.name, name); });
}

}  // namespace maspo
