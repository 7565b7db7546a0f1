#include "learner/ranks/leading_trainer.h"

#include <spdlog/spdlog.h>

#include "absl/strings/str_cat.h"
#include "services/base/exception_barrier.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

using Kind = v1::RankCommand;

std::string Encode(const TrainingGroup& group) {
  v1::RankGroup out;
  out.set_group_id(group.group_id);
  out.mutable_prompt()->Add(group.prompt.begin(), group.prompt.end());
  for (const TrainingResponse& response : group.responses) {
    v1::RankGroup::Response& to = *out.add_responses();
    to.mutable_token_ids()->Add(response.token_ids.begin(), response.token_ids.end());
    to.mutable_behavior_logprobs()->Add(response.behavior_logprobs.begin(), response.behavior_logprobs.end());
    to.mutable_old_logprobs()->Add(response.old_logprobs.begin(), response.old_logprobs.end());
    to.mutable_reference_logprobs()->Add(response.reference_logprobs.begin(), response.reference_logprobs.end());
    to.mutable_advantages()->Add(response.advantages.begin(), response.advantages.end());
    to.mutable_correction()->Add(response.correction.begin(), response.correction.end());
    to.set_rejected(response.rejected);
  }
  return out.SerializeAsString();
}

TrainingGroup Decode(const std::string& bytes) {
  v1::RankGroup in;
  MASPO_CHECK(in.ParseFromString(bytes));
  TrainingGroup group{.group_id = in.group_id(), .prompt = {in.prompt().begin(), in.prompt().end()}, .responses = {}};
  for (const v1::RankGroup::Response& from : in.responses()) {
    group.responses.push_back(
        {.token_ids = {from.token_ids().begin(), from.token_ids().end()},
         .behavior_logprobs = {from.behavior_logprobs().begin(), from.behavior_logprobs().end()},
         .old_logprobs = {from.old_logprobs().begin(), from.old_logprobs().end()},
         .reference_logprobs = {from.reference_logprobs().begin(), from.reference_logprobs().end()},
         .advantages = {from.advantages().begin(), from.advantages().end()},
         .correction = {from.correction().begin(), from.correction().end()},
         .rejected = from.rejected()});
  }
  return group;
}

v1::RankCommand Command(Kind::Kind kind) {
  v1::RankCommand command;
  command.set_kind(kind);
  return command;
}

// What `status` means for this rank: a stop that all agreed on is the end of the call alone.
absl::Status GoingOn(const absl::Status& status) { return absl::IsCancelled(status) ? absl::OkStatus() : status; }

absl::Status Obey(const v1::RankCommand& command, std::vector<TrainingGroup> groups, PolicyTrainer& trainer) {
  switch (command.kind()) {
    case Kind::KIND_COMPUTE_LOGPROBS:
      return GoingOn(trainer.ComputeLogprobs(groups, nullptr).status());
    case Kind::KIND_APPLY:
      return GoingOn(trainer.Apply(groups, command.learning_rate(), nullptr).status());
    case Kind::KIND_KEEP:
      return trainer.Keep();
    case Kind::KIND_GO_BACK:
      trainer.GoBack();
      return absl::OkStatus();
    case Kind::KIND_PUBLISH:
      return trainer.Publish(command.policy_version(), nullptr);
    case Kind::KIND_SAVE:
      // A full disk of one rank is known to all, and rank 0 decides what it means.
      if (const auto saved = trainer.Save(command.folder()); !saved.ok()) {
        spdlog::error("{}", std::string(saved.status().message()));
      }
      return absl::OkStatus();
    default:
      return absl::InternalError(absl::StrCat("rank 0 asks for ", command.kind(), ", which is not known here"));
  }
}

}  // namespace

LeadingTrainer::~LeadingTrainer() {
  if (const absl::Status told = Say(Command(Kind::KIND_END)); !told.ok()) {
    spdlog::warn("the other ranks could not be told of the end: {}", std::string(told.message()));
  }
}

absl::Status LeadingTrainer::Say(v1::RankCommand command, absl::Span<const TrainingGroup> groups) {
  return CatchExceptions([&] {
    command.set_num_groups(groups.size());
    std::string message = command.SerializeAsString();
    ranks_->Tell(message);
    for (const TrainingGroup& group : groups) {
      message = Encode(group);
      ranks_->Tell(message);
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<LogprobStatistics> LeadingTrainer::ComputeLogprobs(std::vector<TrainingGroup>& groups,
                                                                  const StopSignal* stop) {
  MASPO_RETURN_IF_ERROR(Say(Command(Kind::KIND_COMPUTE_LOGPROBS), groups));
  return own_->ComputeLogprobs(groups, stop);
}

absl::StatusOr<UpdateResult> LeadingTrainer::Apply(absl::Span<const TrainingGroup> mini_batch, double learning_rate,
                                                   const StopSignal* stop) {
  v1::RankCommand command = Command(Kind::KIND_APPLY);
  command.set_learning_rate(learning_rate);
  MASPO_RETURN_IF_ERROR(Say(command, mini_batch));
  return own_->Apply(mini_batch, learning_rate, stop);
}

absl::Status LeadingTrainer::Keep() {
  MASPO_RETURN_IF_ERROR(Say(Command(Kind::KIND_KEEP)));
  return own_->Keep();
}

void LeadingTrainer::GoBack() {
  if (const absl::Status told = Say(Command(Kind::KIND_GO_BACK)); !told.ok()) {
    spdlog::error("{}", std::string(told.message()));  // The next collective fails.
  }
  own_->GoBack();
}

absl::Status LeadingTrainer::Publish(int64_t policy_version, PolicyPublisher* publisher) {
  v1::RankCommand command = Command(Kind::KIND_PUBLISH);
  command.set_policy_version(policy_version);
  MASPO_RETURN_IF_ERROR(Say(command));
  return own_->Publish(policy_version, publisher);
}

absl::StatusOr<PolicyTrainer::FinishSave> LeadingTrainer::Save(const std::string& folder) {
  v1::RankCommand command = Command(Kind::KIND_SAVE);
  command.set_folder(folder);
  MASPO_RETURN_IF_ERROR(Say(command));
  return own_->Save(folder);
}

absl::Status Follow(PolicyTrainer& trainer, Ranks& ranks) {
  return CatchExceptions([&]() -> absl::Status {
    while (true) {
      std::string message;
      ranks.Tell(message);
      v1::RankCommand command;
      if (!command.ParseFromString(message)) return absl::InternalError("rank 0 says what cannot be read");
      if (command.kind() == Kind::KIND_END) return absl::OkStatus();
      std::vector<TrainingGroup> groups;
      for (uint64_t i = 0; i < command.num_groups(); ++i) {
        ranks.Tell(message);
        groups.push_back(Decode(message));
      }
      MASPO_RETURN_IF_ERROR(Obey(command, std::move(groups), trainer));
    }
  });
}

}  // namespace maspo
