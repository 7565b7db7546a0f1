#include "learner/metrics/metric_catalog.h"

#include <algorithm>

#include "absl/strings/str_split.h"

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

}  // namespace

const std::vector<MetricInfo>& MetricCatalog() {
  static const auto& catalog = *new std::vector<MetricInfo>{
      {"step", "count", "Finished training steps"},
      {"policy_version", "version", "Version published at the end of the step; version v is what v steps made"},

      {"reward/mean", "reward", "Mean reward of the step's responses"},
      {"reward/std", "reward", "Standard deviation of the step's rewards"},
      {"reward/accuracy", "share", "Responses judged correct"},
      {"verdict/<verdict>", "responses", "Responses with this verdict: correct, wrong, no_answer, unparsable"},
      {"group/zero_variance_fraction", "share", "Groups whose responses all got the same reward: they teach nothing"},
      {"group/replaced", "groups",
       "Groups of which all responses or none were correct, which dynamic sampling replaced"},

      {"response/count", "responses", "Responses of the step"},
      {"response/tokens", "tokens", "Their tokens"},
      {"response/length_mean", "tokens", "Mean length of a response"},
      {"response/length_max", "tokens", "Longest response"},
      {"response/truncated_fraction", "share", "Responses cut off at max_new_tokens"},

      {"policy/entropy", "nats", "Mean entropy of the policy before the step's updates, over its response tokens"},
      {"policy/gate_mean", "factor",
       "Mean of F, the objective's factor on ratio times advantage, over the tokens updated on"},
      {"policy/gate_mean_positive", "factor", "The same over tokens with A > 0"},
      {"policy/gate_mean_negative", "factor", "The same over tokens with A < 0"},
      {"policy/gated_fraction", "share", "Tokens on which the gate or clip acts"},
      {"policy/gated_fraction_positive", "share", "The same of the tokens with A > 0"},
      {"policy/gated_fraction_negative", "share", "The same of the tokens with A < 0"},
      {"policy/zero_gradient_fraction", "share", "Tokens whose log-probability has gradient 0"},
      {"policy/bounded_fraction", "share",
       "Tokens with A < 0 whose ratio is beyond the objective's own bound (dual_clip), which ends their gradient"},
      {"policy/clip_fraction", "share", "Tokens with A > 0 and ratio > 1 + high, or A < 0 and ratio < 1 - low"},
      {"policy/clip_fraction_lower", "share", "Tokens with A < 0 and ratio > the dual clip"},
      {"policy/ratio_p1", "ratio",
       "1st percentile of the ratio of current to old probability, to 1 % of its logarithm"},
      {"policy/ratio_p50", "ratio", "Median of it"},
      {"policy/ratio_p99", "ratio", "99th percentile of it"},
      {"policy/ratio_max", "ratio", "Largest ratio of current to old probability"},
      {"policy/effective_sample_share", "share", "(sum of ratios)^2 / (tokens * sum of squared ratios)"},
      {"policy/kl_old", "nats", "KL to the old policy: mean of -(log p - old log p), the exponent limited to 20"},
      {"policy/kl_old_k2", "nats", "The same estimated by half the square"},
      {"policy/kl_old_k3", "nats", "The same estimated by ratio - 1 - log ratio"},
      {"policy/abs_kl", "nats", "Mean of |log p - old log p|"},
      {"policy/update_entropy", "nats", "Mean entropy of the policy during the updates, over the tokens updated on"},

      {"mismatch/logprob_abs_mean", "nats", "Mean |sampler's log p - learner's log p| of the step's tokens"},
      {"mismatch/logprob_abs_max", "nats", "Largest such difference"},
      {"mismatch/correction_mean", "factor", "Mean behaviour correction of the tokens that are updated on"},
      {"mismatch/truncated_fraction", "share", "Of these tokens, those whose correction was cut to the limit"},
      {"mismatch/rejected_fraction", "share", "Responses that the sequence or geometric mask rejected"},

      {"optim/loss", "loss", "Mean loss of the step's updates"},
      {"optim/grad_norm", "norm", "Mean gradient norm before clipping"},
      {"optim/grad_norm_max", "norm", "Largest gradient norm before clipping"},
      {"optim/learning_rate", "rate", "Learning rate of the step"},
      {"optim/updates", "updates", "Optimizer updates since the run began"},
      {"optim/skipped_updates", "updates",
       "Updates left out because loss or gradient was not finite, since the run began"},

      {"rollout/staleness_mean", "versions", "How far behind the learner the tokens were sampled, mean over tokens"},
      {"rollout/staleness_max", "versions", "The same for the oldest token"},
      {"queue/depth", "groups", "Scored groups left waiting after the step took its own"},
      {"throughput/response_tokens_per_s", "tokens/s", "Response tokens of the step by its time"},

      {"weights/push_s", "seconds",
       "From publishing to the slowest worker's acknowledgement, of the version sampled from"},
      {"weights/receivers", "workers", "Workers that took that version"},
      {"weights/failed_epochs", "count", "Broadcasts that failed and were repeated, since the learner started"},

      {"time/step_s", "seconds", "The step, from waiting for groups to publishing"},
      {"time/<phase>_s", "seconds",
       "Part of it: rollout_wait, old_logprobs, update, publish; besides it: evaluate, and checkpoint (of the step "
       "before)"},

      {"eval/avg_at_k", "share", "Held-out accuracy: correct responses, averaged over problems"},
      {"eval/avg_at_k_stderr", "share", "Its standard error over problems"},
      {"eval/pass_at_<k>", "share", "Unbiased Pass@k; `pass_at_k` is the one of the largest k"},
      {"eval/problems", "problems", "Held-out problems that were scored"},
      {"eval/response_length_mean", "tokens", "Mean length of a held-out response"},
      {"eval/<source>/avg_at_k", "share", "The same for the problems of one data set"},
      {"eval/<source>/avg_at_k_stderr", "share", "The same for the problems of one data set"},
      {"eval/<source>/pass_at_<k>", "share", "The same for the problems of one data set"},
      {"eval/<source>/problems", "problems", "The same for the problems of one data set"},
  };
  return catalog;
}

bool IsCatalogued(const std::string& name) {
  const std::vector<MetricInfo>& catalog = MetricCatalog();
  return std::any_of(catalog.begin(), catalog.end(), [&](const MetricInfo& info) { return Fits(info.name, name); });
}

}  // namespace maspo
