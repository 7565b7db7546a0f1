#include "reward_server/worker/supervised_verifier.h"

#include <spdlog/spdlog.h>

#include <string>
#include <string_view>
#include <utility>

#include "services/base/limited_log.h"
#include "services/base/log.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

v1::VerifiedAnswer Failure(const v1::VerifyItem& item, v1::Verdict verdict, const absl::Status& why) {
  v1::VerifiedAnswer answer;
  answer.set_id(item.id());
  answer.set_verdict(verdict);
  answer.set_decided_by("worker");
  answer.set_detail(std::string(why.message()));
  return answer;
}

}  // namespace

SupervisedVerifier::SupervisedVerifier(const WorkerProcess::Options& options, Metrics& metrics)
    : options_(options),
      restarts_(metrics.AddCounter("maspo_reward_worker_restarts_total", "Worker processes lost to an answer")) {}

absl::StatusOr<std::unique_ptr<SupervisedVerifier>> SupervisedVerifier::Create(const WorkerProcess::Options& options,
                                                                               Metrics& metrics) {
  std::unique_ptr<SupervisedVerifier> verifier(new SupervisedVerifier(options, metrics));
  MASPO_ASSIGN_OR_RETURN(std::unique_ptr<WorkerProcess> first, WorkerProcess::Start(options));
  absl::MutexLock lock(&verifier->mutex_);
  verifier->idle_.push_back(std::move(first));
  return verifier;
}

v1::VerifiedAnswer SupervisedVerifier::Verify(const v1::VerifyItem& item) {
  absl::StatusOr<std::unique_ptr<WorkerProcess>> worker = TakeWorker();
  if (!worker.ok()) return Failure(item, v1::VERDICT_CRASHED, worker.status());
  absl::StatusOr<v1::VerifiedAnswer> answer = (*worker)->Verify(item);
  if (!answer.ok()) {
    restarts_.Increment();
    const LogGroup about(std::string_view(item.id()).substr(0, item.id().find('/')));
    static LimitedLog log;
    log.Warn("response {} ended its verifier: {}", item.id(), std::string(answer.status().message()));
    return Failure(item, absl::IsDeadlineExceeded(answer.status()) ? v1::VERDICT_TIMEOUT : v1::VERDICT_CRASHED,
                   answer.status());
  }
  absl::MutexLock lock(&mutex_);
  idle_.push_back(*std::move(worker));
  return *std::move(answer);
}

absl::StatusOr<std::unique_ptr<WorkerProcess>> SupervisedVerifier::TakeWorker() {
  {
    absl::MutexLock lock(&mutex_);
    if (!idle_.empty()) {
      std::unique_ptr<WorkerProcess> worker = std::move(idle_.back());
      idle_.pop_back();
      return worker;
    }
  }
  return WorkerProcess::Start(options_);
}

}  // namespace maspo
