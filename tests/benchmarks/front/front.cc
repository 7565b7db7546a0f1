#include "tests/benchmarks/front/front.h"

#include <optional>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "learner/buffer/trajectory_buffer.h"
#include "learner/control/run_control.h"
#include "learner/prompts/lease_queue.h"
#include "learner/publish/broadcast_epochs.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"
#include "services/control/control_service.h"
#include "services/prompts/prompt_service.h"
#include "services/rpc/server_runner.h"
#include "services/trajectory/trajectory_service.h"
#include "services/weights/weight_service.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

constexpr int kProblems = 1000;
constexpr int kPromptTokens = 512;
// On a machine that is busy with something else a heartbeat may be late; that is not what is measured.
const absl::Duration kPatience = absl::Seconds(60);

PromptDataset Problems(const TempDir& dir) {
  std::string rows;
  for (int i = 0; i < kProblems; ++i) {
    absl::StrAppend(&rows, "{\"id\":\"p", i, "\",\"problem\":\"one of them\",\"answer\":\"1\"}\n");
  }
  PromptDataset dataset = *PromptDataset::Load({dir.Write("train.jsonl", rows)});
  const auto encode = [](const PromptProblem&) { return std::vector<int64_t>(kPromptTokens, 7); };
  MASPO_CHECK(dataset.Encode(encode, kPromptTokens).ok());
  return dataset;
}

GroupBook::Options BookOptions(const Front::Options& options) {
  GroupBook::Options book;
  book.gate = {.max_staleness = 0, .groups_per_step = options.groups_per_step, .total_steps = 1'000'000};
  book.group_size = options.group_size;
  book.sampling.set_max_new_tokens(options.response_tokens);
  return book;
}

}  // namespace

struct Front::Parts {
  explicit Parts(const Options& options)
      : options(options),
        ledger(*Ledger::Open(dir.File("ledger.jsonl"))),
        book(*GroupBook::Create(Problems(dir), ledger.get(), &fatal, 0, BookOptions(options))),
        queue(*LeaseQueue::Create(book.get(), &fatal, {.lease_ttl = kPatience})),
        buffer({.capacity_groups = 2 * options.groups_per_step}, 0, queue.get(), &evaluation),
        broadcaster([this] {
          while (const std::optional<BroadcastEpochs::Epoch> epoch = epochs.Next()) {
            epochs.End(*epoch, absl::OkStatus());
          }
        }) {}

  void Publish() {
    buffer.OnVersion(version);
    book->OnVersion(version);
    v1::WeightManifest manifest;
    manifest.set_policy_version(static_cast<int64_t>(version));
    epochs.Publish(std::move(manifest), nullptr, SteadyNow());
  }

  const Options options;
  TempDir dir;
  Metrics metrics{"learner", "0"};
  uint64_t version = 0;
  FatalCause fatal;
  EvaluationCollector evaluation;
  const std::unique_ptr<Ledger> ledger;
  const std::unique_ptr<GroupBook> book;
  const std::unique_ptr<LeaseQueue> queue;
  TrajectoryBuffer buffer;
  BroadcastEpochs epochs{{}};
  RunControl control{{.run_id = "front", .model_digest = "", .heartbeat_timeout = kPatience},
                     {.on_worker_registered =
                          [this](const std::string& id) {
                            queue->AddWorker(id);
                            epochs.AddWorker(id);
                          },
                      .on_heartbeat = [this](const std::string& id, const std::vector<std::string>& held,
                                             absl::Time now) { queue->RenewLeases(id, held, now); },
                      .on_worker_ended =
                          [this](const std::string& id) {
                            queue->EndWorker(id);
                            epochs.EndWorker(id);
                          },
                      .on_tick = [this](absl::Time now) { queue->ExpireLeases(now); }}};
  PromptService prompts{queue.get(), metrics};
  TrajectoryService trajectories{&buffer, metrics};
  WeightService weights{&epochs, metrics};
  ControlService membership{&control, metrics};
  std::unique_ptr<ServerRunner> server;
  std::string endpoint;
  std::thread broadcaster;
};

Front::Front(const Options& options) : parts_(std::make_unique<Parts>(options)) {
  parts_->Publish();
  parts_->server =
      *ServerRunner::Start({.key = "network.learner", .address = "127.0.0.1:0", .network = {}},
                           {&parts_->prompts, &parts_->trajectories, &parts_->weights, &parts_->membership});
  parts_->endpoint = parts_->server->address().ToString();
}

Front::~Front() {
  const absl::Status why = absl::UnavailableError("the front ends");
  parts_->queue->Close(why);
  parts_->buffer.Close(why);
  parts_->epochs.Close(why);
  parts_->server->Shutdown(absl::Seconds(1));
  parts_->broadcaster.join();
}

const std::string& Front::endpoint() const { return parts_->endpoint; }

std::optional<absl::Time> Front::Step(absl::Time deadline) {
  const auto groups = parts_->buffer.TakeStep(parts_->options.groups_per_step, deadline);
  if (!groups.ok()) return std::nullopt;
  std::vector<std::string> ids;
  for (const v1::TrajectoryGroup& group : *groups) ids.push_back(group.group_id());
  MASPO_CHECK(parts_->book->Trained(++parts_->version, ids).ok());
  MASPO_CHECK(parts_->book->Sync().ok());
  const absl::Time now = SteadyNow();
  parts_->Publish();
  return now;
}

uint64_t Front::asking() const { return parts_->queue->stats().askers; }
uint64_t Front::joining() const { return parts_->epochs.parked(); }
uint64_t Front::groups() const { return parts_->buffer.arrivals().groups; }

}  // namespace maspo
