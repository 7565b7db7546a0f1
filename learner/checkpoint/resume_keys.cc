#include "learner/checkpoint/resume_keys.h"

#include <google/protobuf/text_format.h>

#include "absl/strings/str_split.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// Key, rule, why.
constexpr char kTable[] = R"(
run.name                                    free
run.steps                                   handled  more steps go on and stretch a learning rate schedule that ends at run.steps; fewer than are done leave nothing to do
run.seed                                    kept     it keys every random stream of the run
run.eval_interval                           free
run.checkpoint_interval                     free
run.keep_checkpoints                        free
run.stall_seconds                           free
run.checkpoint_minutes                      free
run.stop_seconds                            free
run.record_groups                           free
model.path                                  compared the folder may move; configuration, tokenizer and weights must be those that the run began with
model.device                                free
model.tf32                                  free
model.dtype                                 kept     workers that wait for the run hold its weights and keys in it
data.train                                  compared the files may move; their problems, and the order of these, must be those that the run began with
data.eval                                   free     evaluations before and after are not comparable then
data.max_prompt_tokens                      free
data.system_prompt                          kept     it is part of every prompt
data.prompt_suffix                          kept     it is part of every prompt
data.shuffle                                kept     the run is somewhere in this order
rollout.workers                             free
rollout.prompts_per_step                    handled  the bound on staleness is counted from the steps and groups that are trained
rollout.group_size                          free     groups that were under way are sampled anew with the new size
rollout.max_new_tokens                      free
rollout.temperature                         free
rollout.top_p                               free
rollout.top_k                               free
rollout.max_running_sequences               free
rollout.kv_block_tokens                     free
rollout.kv_cache_tokens                     free
rollout.prefill_tokens_per_step             free
rollout.groups_in_flight                    free
rollout.threads                             free
rollout.scoring_concurrency                 free
reward.replicas                             free
reward.correct                              free
reward.incorrect                            free
reward.truncated_is_no_answer               free
reward.answer_deadline_ms                   free
reward.max_batch_items                      free
reward.threads                              free
reward.worker_memory_mib                    free
reward.terms                                free
reward.overlong_max_tokens                  free
reward.overlong_buffer_tokens               free
reward.repetition_words                     free
reward.rule_sets                            free
reward.cache_mib                            free
reward.external_scorers                     free
reward.external_timeout_seconds             free
reward.external_attempts                    free
reward.external_concurrency                 free
reward.external_batch_items                 free
reward.external_max_response_kib            free
reward.max_waiting_items                    free
learner.objective.name                      free
learner.objective.sigma_base                free
learner.objective.alpha                     free
learner.objective.beta_high                 free
learner.objective.beta_low                  free
learner.objective.mass_cap                  free
learner.objective.risk_low                  free
learner.objective.risk_high                 free
learner.objective.clip_low                  free
learner.objective.clip_high                 free
learner.objective.dual_clip                 free
learner.objective.gating                    free
learner.objective.log_ratio_clamp           free
learner.objective.ratio_high_cap            free
learner.objective.probability               free
learner.objective.kappa                     free
learner.objective.rho0                      free
learner.objective.a_plus                    free
learner.objective.b_plus                    free
learner.objective.delta_high                free
learner.objective.a_minus                   free
learner.objective.b_minus                   free
learner.objective.delta_low                 free
learner.objective.contribution              free
learner.objective.order                     free
learner.objective.tau_pos                   free
learner.objective.tau_neg                   free
learner.objective.select_ratio              free
learner.objective.cov_low                   free
learner.objective.cov_high                  free
learner.objective.kl_coef                   free
learner.objective.entropy_coef              free
learner.objective.reference_kl_coef         free
learner.objective.reference_kl_type         free
learner.advantage.name                      free
learner.advantage.normalization             free
learner.advantage.epsilon                   free
learner.advantage.gamma                     free
learner.advantage.lambda                    free
learner.loss_aggregation                    free
learner.mini_batch_groups                   free
learner.micro_batch_tokens                  free
learner.logits_mib                          free
learner.optimizer.name                      kept     the moments are this optimizer's
learner.optimizer.learning_rate             free
learner.optimizer.beta1                     free
learner.optimizer.beta2                     free
learner.optimizer.eps                       free
learner.optimizer.weight_decay              free
learner.optimizer.max_grad_norm             free
learner.optimizer.warmup_steps              free
learner.optimizer.schedule                  free
learner.optimizer.final_learning_rate_ratio free
learner.max_staleness                       free
learner.old_logprobs                        free
learner.shuffle                             free
learner.threads                             free
learner.dynamic_sampling                    free
learner.behavior_correction.truncate        free
learner.behavior_correction.sequence_low    free
learner.behavior_correction.sequence_high   free
learner.behavior_correction.geometric_low   free
learner.behavior_correction.geometric_high  free
learner.ranks                               free     any number of ranks reads the parts that another one wrote
learner.activation_mib                      free
learner.keep_gathered                       free
learner.min_micro_batches                   free
learner.reduction                           free
learner.reduce_dtype                        free
learner.rank_timeout_seconds                free
evaluation.samples                          free
evaluation.k                                free
evaluation.temperature                      free
evaluation.top_p                            free
evaluation.max_new_tokens                   free
weights.timeout_seconds                     free
weights.gather_seconds                      free
weights.listen_host                         free
weights.backend                             free
network.learner                             free
network.reward_servers                      free
network.call_timeout_seconds                free
network.heartbeat_seconds                   free
network.heartbeat_timeout_seconds           free
network.max_message_mib                     free
network.tls.certificate_file                free
network.tls.key_file                        free
network.tls.ca_file                         free
network.tls.client_authentication           free
network.allow_plaintext_on_any_address      free
network.token_file                          free
metrics.listen_host                         free
metrics.port                                free
metrics.tensorboard                         free
metrics.sample_interval                     free
)";

ResumeRule RuleOf(absl::string_view name) {
  if (name == "free") return ResumeRule::kFree;
  if (name == "handled") return ResumeRule::kHandled;
  if (name == "kept") return ResumeRule::kKept;
  MASPO_CHECK(name == "compared");
  return ResumeRule::kCompared;
}

std::vector<ResumeKey> ParseTable() {
  std::vector<ResumeKey> keys;
  for (const absl::string_view line : absl::StrSplit(kTable, '\n', absl::SkipEmpty())) {
    // Blanks between the columns, one between the words of the last.
    const std::vector<std::string> words = absl::StrSplit(line, ' ', absl::SkipEmpty());
    MASPO_CHECK(words.size() >= 2);
    ResumeKey& key = keys.emplace_back(ResumeKey{words[0], RuleOf(words[1]), ""});
    if (words.size() > 2) key.why = std::string(line.substr(line.find(words[2], words[0].size() + words[1].size())));
  }
  return keys;
}

// The value of "section.key" as text; empty when it is not set.
std::string TextOf(const v1::RunConfig& config, const std::string& key) {
  const google::protobuf::Message* message = &config;
  const std::vector<std::string> path = absl::StrSplit(key, '.');
  for (size_t i = 0; i + 1 < path.size(); ++i) {
    const auto* field = message->GetDescriptor()->FindFieldByName(path[i]);
    message = &message->GetReflection()->GetMessage(*message, field);
  }
  const auto* field = message->GetDescriptor()->FindFieldByName(path.back());
  MASPO_CHECK(field != nullptr && !field->is_repeated());
  std::string text;
  google::protobuf::TextFormat::PrintFieldValueToString(*message, field, -1, &text);
  return text;
}

}  // namespace

const std::vector<ResumeKey>& ResumeKeys() {
  static const auto& keys = *new std::vector<ResumeKey>(ParseTable());
  return keys;
}

std::map<std::string, std::string> KeptSettings(const v1::RunConfig& config) {
  std::map<std::string, std::string> kept;
  for (const ResumeKey& key : ResumeKeys()) {
    if (key.rule == ResumeRule::kKept) kept[key.key] = TextOf(config, key.key);
  }
  return kept;
}

}  // namespace maspo
