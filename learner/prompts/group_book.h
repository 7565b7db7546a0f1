#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "learner/fatal_cause.h"
#include "learner/ledger/ledger.h"
#include "learner/prompts/prompt_dataset.h"
#include "learner/prompts/prompt_order.h"
#include "learner/prompts/staleness_gate.h"
#include "learner/prompts/training_book.h"
#include "proto/prompt.pb.h"
#include "proto/trajectory.pb.h"

namespace maspo {

// The books of a run's training groups, and the only writer of the ledger: which prompt is next and whether it may be
// issued yet, what came in, what became of it.
//
//   Room() -> Issue -> [leased] -> Accept -> Trained
//                ^ '-- Reissue <------'   '-> Drop, at any time
//
// Every move is in the ledger before it is answered. A ledger that holds groups already (a resumed run) says where to
// go on: the cursor is the number of groups issued, and AllOpen() are to be issued again. Unavailable: the ledger
// cannot be written, nothing changed; that is a fatal cause.
//
// Thread-safe. The listener is called without a lock held.
class GroupBook final : public TrainingBook {
 public:
  struct Options {
    uint64_t seed = 0;
    bool shuffle = true;  // A new permutation of the data set each pass.
    StalenessGate gate;
    uint32_t group_size = 8;          // G, responses per training group.
    v1::SamplingParameters sampling;  // Of training groups.
  };

  // `dataset` is encoded; `policy_version` is the one that is published first. InvalidArgument: an option is out of
  // range. `ledger` and `fatal` outlive the book.
  static absl::StatusOr<std::unique_ptr<GroupBook>> Create(PromptDataset dataset, Ledger* ledger, FatalCause* fatal,
                                                           uint64_t policy_version, Options options);

  // `listener` hears when the training loop made room for new groups. Set before other threads call.
  void SetOnRoom(std::function<void()> listener) { on_room_ = std::move(listener); }

  // How many groups may be leased now, new ones or of the `waiting` that were issued before.
  uint64_t Room(uint64_t waiting) const;
  uint64_t policy_version() const;

  // The next new group, issued to the worker; there is room.
  absl::StatusOr<v1::PromptGroup> Issue(const std::string& worker_id);
  absl::Status Reissue(const std::string& group_id, const std::string& worker_id, uint32_t attempt,
                       const std::string& reason);

  // The group's result is in: generated, scored and admitted.
  absl::Status Accept(const v1::TrajectoryGroup& group);
  absl::Status Drop(const std::string& group_id, const std::string& reason);  // Given up.

  struct OpenGroup {
    v1::PromptGroup group;
    uint32_t attempts = 0;  // Leases so far.
  };
  // Groups that are neither trained nor dropped. FailedPrecondition: the group's prompt is not in the data set, which
  // changed since the run began.
  absl::StatusOr<OpenGroup> FindOpen(const std::string& group_id) const;
  absl::StatusOr<std::vector<OpenGroup>> AllOpen() const;  // In order of id.
  Ledger::Standing StandingOf(const std::string& group_id) const { return ledger_->StandingOf(group_id); }

  void OnVersion(uint64_t policy_version) override;
  absl::Status Trained(uint64_t step, const std::vector<std::string>& group_ids) override;
  absl::Status Dropped(const std::vector<std::string>& group_ids, const std::string& reason) override;
  uint64_t given_up() const override;
  absl::StatusOr<Mark> Sync() override;
  absl::Status Balance() const override { return ledger_->Balance(); }

 private:
  GroupBook(PromptDataset dataset, Ledger* ledger, FatalCause* fatal, uint64_t policy_version, Options options);

  absl::Status Append(std::vector<LedgerEvent> events);
  absl::Status ReportUnwritable(const absl::Status& status);
  absl::Status AppendDropped(const std::vector<std::string>& group_ids, const std::string& reason, bool given_up);
  absl::StatusOr<OpenGroup> Rebuild(const std::string& group_id, const LedgerState::OpenGroup& open) const;

  const PromptDataset dataset_;
  Ledger* const ledger_;
  FatalCause* const fatal_;
  const Options options_;
  std::function<void()> on_room_ = [] {};

  mutable absl::Mutex mutex_;  // Guards everything below.
  PromptOrder order_ ABSL_GUARDED_BY(mutex_);
  uint64_t policy_version_ ABSL_GUARDED_BY(mutex_);
  uint64_t issued_ ABSL_GUARDED_BY(mutex_);   // Training groups ever = index of the next one.
  uint64_t dropped_ ABSL_GUARDED_BY(mutex_);  // Of them.
  uint64_t given_up_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace maspo
