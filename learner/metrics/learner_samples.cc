#include "learner/metrics/learner_samples.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace maspo {
namespace {

using Labels = std::map<std::string, std::string>;

class Samples {
 public:
  void Gauge(const std::string& name, const std::string& help, double value, Labels labels = {}) {
    samples_.push_back({MetricSample::Kind::kGauge, name, help, value, std::move(labels)});
  }
  void Counter(const std::string& name, const std::string& help, uint64_t value, Labels labels = {}) {
    samples_.push_back({MetricSample::Kind::kCounter, name, help, static_cast<double>(value), std::move(labels)});
  }
  std::vector<MetricSample> Take() { return std::move(samples_); }

 private:
  std::vector<MetricSample> samples_;
};

void AddProgress(const v1::RunStatus& status, Samples& out) {
  out.Gauge("maspo_learner_step", "Finished training steps", static_cast<double>(status.step()));
  out.Gauge("maspo_learner_planned_steps", "run.steps", static_cast<double>(status.total_steps()));
  out.Gauge("maspo_learner_seconds_since_step", "Since the last step was finished, or the learner started",
            status.seconds_since_step());
  for (const char* phase : {"evaluate", "rollout", "old_logprobs", "update", "publish", "checkpoint", "done"}) {
    out.Gauge("maspo_learner_phase", "1 for what the learner is doing", status.phase() == phase, {{"phase", phase}});
  }
}

void AddWorkers(const v1::RunStatus& status, Samples& out) {
  out.Gauge("maspo_learner_workers", "Registered rollout workers", status.workers_size());
  for (const v1::WorkerSummary& worker : status.workers()) {
    const Labels labels = {{"worker", worker.worker_name()}};
    out.Gauge("maspo_learner_worker_heartbeat_age_seconds", "Since the worker's last heartbeat",
              worker.seconds_since_heartbeat(), labels);
    out.Gauge("maspo_learner_worker_leased_groups", "Groups that the worker holds", worker.status().groups_in_flight(),
              labels);
  }
}

void AddQueues(const LeaseQueue::Stats& leases, const TrajectoryBuffer::Stats& buffer, Samples& out) {
  out.Gauge("maspo_learner_leased_groups", "Groups held by workers, evaluation included",
            static_cast<double>(leases.leased));
  out.Gauge("maspo_learner_returned_groups", "Training groups waiting to be issued again",
            static_cast<double>(leases.returned));
  out.Gauge("maspo_learner_evaluation_waiting_groups", "Held-out groups waiting to be leased",
            static_cast<double>(leases.evaluation_waiting));
  out.Gauge("maspo_learner_buffered_groups", "Scored groups waiting to be trained on",
            static_cast<double>(buffer.waiting));
  out.Gauge("maspo_learner_buffer_oldest_seconds", "How long the oldest of them has waited",
            absl::ToDoubleSeconds(buffer.oldest_wait));
  for (const auto& [reason, groups] :
       {std::pair{"too_old_on_arrival", buffer.refused_too_old}, std::pair{"too_old_in_queue", buffer.evicted_too_old},
        std::pair{"duplicate", buffer.duplicates}}) {
    out.Counter("maspo_learner_refused_groups_total", "Groups that were not taken, since the learner started", groups,
                {{"reason", reason}});
  }
  for (const auto& [versions, groups] : buffer.taken_by_staleness) {
    out.Counter("maspo_learner_taken_groups_total",
                "Groups taken for training, by versions between their oldest token and the learner", groups,
                {{"versions_behind", absl::StrCat(versions)}});
  }
}

void AddLedger(const LedgerCounts& ledger, Samples& out) {
  for (const auto& [stage, groups] : {std::pair{"issued", ledger.issued}, std::pair{"reissued", ledger.reissued},
                                      std::pair{"generated", ledger.generated}, std::pair{"scored", ledger.scored},
                                      std::pair{"admitted", ledger.admitted}, std::pair{"trained", ledger.trained},
                                      std::pair{"dropped", ledger.dropped()}}) {
    out.Counter("maspo_ledger_groups_total", "Groups that reached the stage; reissued counts leases", groups,
                {{"stage", stage}});
  }
  out.Gauge("maspo_ledger_open_groups", "Groups that are neither trained nor dropped",
            static_cast<double>(ledger.open));
}

}  // namespace

std::vector<MetricSample> LearnerSamples(const LearnerSnapshot& snapshot) {
  Samples out;
  AddProgress(snapshot.status, out);
  AddWorkers(snapshot.status, out);
  AddQueues(snapshot.leases, snapshot.buffer, out);
  AddLedger(snapshot.ledger, out);
  out.Counter("maspo_learner_push_bytes_total", "Weights sent, counted once a receiver", snapshot.push_bytes);
  out.Gauge("maspo_learner_checkpoint_step", "Step of the newest checkpoint; 0 before the first",
            static_cast<double>(snapshot.checkpoint_step));
  if (snapshot.run_dir_free_bytes) {
    out.Gauge("maspo_learner_run_dir_free_bytes", "Free space where ledger and checkpoints are written",
              static_cast<double>(*snapshot.run_dir_free_bytes));
  }
  return out.Take();
}

}  // namespace maspo
