#include "rollout_worker/rollout/group_generator.h"

#include <spdlog/spdlog.h>

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/limited_log.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"
#include "services/prompts/prompt_source.h"

namespace maspo {

std::vector<std::string> GroupGenerator::BeginRegistration(const WorkerSession::Registration& registration) {
  registration_ = registration;
  std::vector<std::string> forgotten = assembler_.Clear();
  for (const std::string& id : forgotten) engine_->Cancel(id);
  for (const v1::Lease& lease : std::exchange(waiting_, {})) forgotten.push_back(lease.group().group_id());
  return forgotten;
}

absl::Status GroupGenerator::UseWeights(ReceivedWeights weights) {
  if (engine_ == nullptr) {
    MASPO_ASSIGN_OR_RETURN(engine_,
                           RolloutEngine::Create(config_, weights.parameters, weights.policy_version, options_));
  } else {
    engine_->SetParameters(weights.parameters, weights.policy_version);
  }
  weights_of_ = weights.worker_id;
  return absl::OkStatus();
}

absl::StatusOr<GroupGenerator::Output> GroupGenerator::Step() {
  Output output;
  // A restarted learner trains the versions after its checkpoint anew: what is here may be none of its own.
  if (HasWeights()) {
    std::vector<v1::Lease> later;
    for (v1::Lease& lease : std::exchange(waiting_, {})) {
      if (lease.min_policy_version() > engine_->stats().policy_version) {
        later.push_back(std::move(lease));
      } else {
        MASPO_RETURN_IF_ERROR(Begin(lease.group(), output));
      }
    }
    waiting_ = std::move(later);
  }
  if (!HasWork()) return output;
  for (GeneratedResponse& response : engine_->Step()) {
    std::optional<GeneratedGroup> group = assembler_.Add(std::move(response), SteadyNow());
    if (!group) continue;
    group->worker_id = registration_.worker_id;
    output.groups.push_back(*std::move(group));
  }
  if (engine_->stats().not_finite != not_finite_) GiveBackNotFinite(output);
  return output;
}

absl::Status GroupGenerator::Begin(const v1::PromptGroup& prompt, Output& output) {
  const LogGroup about(prompt.group_id());
  GenerationRequest request;
  request.request_id = prompt.group_id();
  request.prompt_token_ids.assign(prompt.prompt_token_ids().begin(), prompt.prompt_token_ids().end());
  request.num_samples = prompt.num_samples();
  request.sampling = prompt.sampling();
  request.stream = {registration_.run_seed, prompt.prompt_id(), prompt.visit()};
  const absl::Status anywhere = CheckRequest(request, config_, std::numeric_limits<int64_t>::max());
  if (!anywhere.ok()) {
    GiveBack(prompt.group_id(), "refused", std::string(anywhere.message()), output);
    return absl::OkStatus();
  }
  MASPO_RETURN_IF_ERROR(engine_->Submit(std::move(request)));
  assembler_.Begin(prompt, SteadyNow());
  spdlog::debug("group {} begins", prompt.group_id());
  return absl::OkStatus();
}

void GroupGenerator::GiveBack(const std::string& group_id, const std::string& reason, const std::string& message,
                              Output& output) {
  static LimitedLog log;
  log.Warn("group {} can be run by no worker: {}", group_id, message);
  output.given_back.push_back(ReleaseOf(registration_.worker_id, group_id, reason, message));
  output.given_back.back().set_impossible(true);
}

// The tokens that are not finite may be anybody's, and those before them are worth nothing more.
void GroupGenerator::GiveBackNotFinite(Output& output) {
  not_finite_ = engine_->stats().not_finite;
  std::vector<std::string> ids = assembler_.Clear();
  for (const std::string& id : ids) engine_->Cancel(id);
  for (const GeneratedGroup& group : std::exchange(output.groups, {})) ids.push_back(group.prompt.group_id());
  const std::string message =
      absl::StrCat("the weights of policy version ", engine_->stats().policy_version,
                   " give log-probabilities that are not finite; go on from an earlier checkpoint with a lower "
                   "learner.optimizer.learning_rate, or look at model.path when this is the first version");
  for (const std::string& id : ids) GiveBack(id, "not_finite", message, output);
}

std::string GroupGenerator::Phase() const {
  if (HasWork()) return "generating";
  if (!HasWeights()) return "waiting for weights";
  return waiting_.empty() ? "waiting for prompts" : "waiting for newer weights";
}

}  // namespace maspo
