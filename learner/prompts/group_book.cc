#include "learner/prompts/group_book.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "learner/ledger/group_events.h"
#include "learner/prompts/prompt_group.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"
#include "spdlog/spdlog.h"

namespace maspo {

absl::StatusOr<std::unique_ptr<GroupBook>> GroupBook::Create(PromptDataset dataset, Ledger* ledger, FatalCause* fatal,
                                                             uint64_t policy_version, Options options) {
  if (options.gate.groups_per_step == 0) {
    return absl::InvalidArgumentError("rollout.prompts_per_step must be at least 1");
  }
  if (options.group_size == 0) return absl::InvalidArgumentError("rollout.group_size must be at least 1");
  options.gate.first_version = policy_version;
  options.gate.first_trained = ledger->counts().trained;
  return std::unique_ptr<GroupBook>(
      new GroupBook(std::move(dataset), ledger, fatal, policy_version, std::move(options)));
}

GroupBook::GroupBook(PromptDataset dataset, Ledger* ledger, FatalCause* fatal, uint64_t policy_version, Options options)
    : dataset_(std::move(dataset)),
      ledger_(ledger),
      fatal_(fatal),
      options_(std::move(options)),
      order_(dataset_.size(), options_.seed, options_.shuffle),
      policy_version_(policy_version),
      issued_(ledger->counts().issued),
      dropped_(ledger->counts().dropped()) {}

absl::Status GroupBook::Append(std::vector<LedgerEvent> events) {
  return ReportUnwritable(ledger_->Append(std::move(events)));
}

absl::Status GroupBook::ReportUnwritable(const absl::Status& status) {
  if (absl::IsUnavailable(status)) {
    fatal_->Report(absl::UnavailableError(
        absl::StrCat(std::string(status.message()), "; make room there, then go on with --resume")));
  }
  return status;
}

uint64_t GroupBook::Room(uint64_t waiting) const {
  absl::MutexLock lock(&mutex_);
  return options_.gate.Room(issued_ - dropped_ - waiting, policy_version_);
}

uint64_t GroupBook::policy_version() const {
  absl::MutexLock lock(&mutex_);
  return policy_version_;
}

absl::StatusOr<v1::PromptGroup> GroupBook::Issue(const std::string& worker_id) {
  absl::MutexLock lock(&mutex_);
  MASPO_CHECK(options_.gate.Room(issued_ - dropped_, policy_version_) > 0);
  const PromptOrder::Place place = order_.At(issued_);
  v1::PromptGroup group = MakePromptGroup(dataset_.at(place.problem), TrainingGroupId(issued_), place.visit,
                                          v1::PURPOSE_TRAIN, options_.group_size, options_.sampling);
  MASPO_RETURN_IF_ERROR(Append({IssuedEvent(group, worker_id)}));
  ++issued_;
  return group;
}

absl::Status GroupBook::Reissue(const std::string& group_id, const std::string& worker_id, uint32_t attempt,
                                const std::string& reason) {
  return Append({ReissuedEvent(group_id, worker_id, attempt, reason)});
}

absl::Status GroupBook::Accept(const v1::TrajectoryGroup& group) { return Append(ResultEvents(group)); }

absl::Status GroupBook::Drop(const std::string& group_id, const std::string& reason) {
  return AppendDropped({group_id}, reason, /*given_up=*/true);
}

absl::Status GroupBook::AppendDropped(const std::vector<std::string>& group_ids, const std::string& reason,
                                      bool given_up) {
  std::vector<LedgerEvent> events;
  events.reserve(group_ids.size());
  for (const std::string& group_id : group_ids) events.push_back(DroppedEvent(group_id, reason));
  MASPO_RETURN_IF_ERROR(Append(std::move(events)));
  absl::MutexLock lock(&mutex_);
  dropped_ += group_ids.size();
  if (given_up) given_up_ += group_ids.size();
  return absl::OkStatus();
}

uint64_t GroupBook::given_up() const {
  absl::MutexLock lock(&mutex_);
  return given_up_;
}

absl::StatusOr<GroupBook::OpenGroup> GroupBook::FindOpen(const std::string& group_id) const {
  const std::optional<LedgerState::OpenGroup> open = ledger_->FindOpen(group_id);
  if (!open) return absl::NotFoundError(absl::StrCat("group ", group_id, " is not open"));
  return Rebuild(group_id, *open);
}

absl::StatusOr<std::vector<GroupBook::OpenGroup>> GroupBook::AllOpen() const {
  const LedgerState state = ledger_->state();
  std::vector<OpenGroup> groups;
  for (const std::string& group_id : state.OpenIds()) {
    MASPO_ASSIGN_OR_RETURN(OpenGroup group, Rebuild(group_id, *state.FindOpen(group_id)));
    groups.push_back(std::move(group));
  }
  return groups;
}

absl::StatusOr<GroupBook::OpenGroup> GroupBook::Rebuild(const std::string& group_id,
                                                        const LedgerState::OpenGroup& open) const {
  const PromptProblem* problem = dataset_.Find(open.prompt_id);
  if (problem == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("the ledger holds group ", group_id, " of prompt \"", open.prompt_id,
                     "\", which is not in data.train: the data set changed since the run began; restore it, or start a "
                     "new run"));
  }
  return OpenGroup{.group = MakePromptGroup(*problem, group_id, open.visit, v1::PURPOSE_TRAIN, options_.group_size,
                                            options_.sampling),
                   .attempts = open.attempt};
}

void GroupBook::OnVersion(uint64_t policy_version) {
  {
    absl::MutexLock lock(&mutex_);
    policy_version_ = policy_version;
  }
  on_room_();
}

absl::Status GroupBook::Trained(uint64_t step, const std::vector<std::string>& group_ids) {
  std::vector<LedgerEvent> events;
  events.reserve(group_ids.size());
  for (const std::string& group_id : group_ids) {
    events.push_back(TrainedEvent(group_id, step));
    const LogGroup about(group_id);
    spdlog::debug("group {} is trained in step {}", group_id, step);
  }
  return Append(std::move(events));
}

absl::Status GroupBook::Dropped(const std::vector<std::string>& group_ids, const std::string& reason) {
  MASPO_RETURN_IF_ERROR(AppendDropped(group_ids, reason, /*given_up=*/false));
  on_room_();
  return absl::OkStatus();
}

absl::StatusOr<TrainingBook::Mark> GroupBook::Sync() {
  MASPO_RETURN_IF_ERROR(ReportUnwritable(ledger_->Sync()));
  return Mark{.ledger_offset = ledger_->offset(), .groups_issued = ledger_->counts().issued};
}

}  // namespace maspo
