#include "cli/train/local_run.h"

#include <poll.h>
#include <signal.h>
#include <spdlog/spdlog.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "services/base/exit_code.h"
#include "services/base/status_macros.h"
#include "services/base/steady_clock.h"
#include "services/process/ready.h"

namespace maspo {
namespace {

constexpr absl::Duration kStartTimeout = absl::Minutes(5);  // Loading a large model takes its time.
constexpr absl::Duration kObservation = absl::Milliseconds(500);

// The last line of a log that reports an error; empty if there is none.
std::string LastError(const std::string& log_file) {
  std::ifstream in(log_file);
  std::string line, last;
  while (std::getline(in, line)) {
    if (const auto json = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false); json.is_object()) {
      if (json.value("level", "") == "error") last = ": " + json.value("message", "");
      continue;
    }
    if (absl::StrContains(line, " error ") || absl::StrContains(line, "terminate called")) last = line;
  }
  const std::vector<std::string> parts = absl::StrSplit(last, absl::MaxSplits(": ", 1));
  return parts.size() == 2 ? parts[1] : last;
}

}  // namespace

LocalRun::~LocalRun() { EndAll(absl::Seconds(3)); }

std::string LocalRun::LogFile(const std::string& name) const {
  return absl::StrCat(options_.run_dir, "/logs/", name, ".log");
}

std::vector<std::string> LocalRun::Command(const std::string& program, const std::string& name) const {
  return {absl::StrCat(options_.program_folder, "/", program),
          "--config",
          options_.run_dir + "/config.yaml",
          "--name",
          name,
          "--ready-fd",
          absl::StrCat(ChildProcess::kReadyFd),
          "--log-format",
          options_.log_format,
          "--log-level",
          options_.log_level};
}

absl::Status LocalRun::Launch(Role& role, const StopSignal& stop) {
  MASPO_ASSIGN_OR_RETURN(ChildProcess process,
                         ChildProcess::Start({.command = role.command, .log_file = LogFile(role.name)}));
  role.process = std::make_unique<ChildProcess>(std::move(process));
  const auto ready = ReadReady(role.process->ready_fd(), SteadyNow() + kStartTimeout, stop);
  if (ready.ok()) {
    role.endpoint = ready->endpoint;
    return absl::OkStatus();
  }
  const std::optional<int> exit_code = role.process->WaitUntil(SteadyNow() + absl::Seconds(1));
  return exit_code ? WhyEnded(role, *exit_code) : Annotate(ready.status(), role.name);
}

absl::Status LocalRun::WhyEnded(const Role& role, int exit_code) const {
  const std::string reason = LastError(LogFile(role.name));
  const std::string how = exit_code > 128 ? absl::StrCat("was killed by signal ", exit_code - 128)
                                          : absl::StrCat("ended with exit code ", exit_code);
  const std::string message =
      absl::StrCat(role.name, " ", how, reason.empty() ? "" : ": ", reason, " (log: ", LogFile(role.name), ")");
  if (exit_code == kExitBadInput) return absl::InvalidArgumentError(message);
  return exit_code == kExitStopped ? absl::CancelledError(message) : absl::AbortedError(message);
}

void LocalRun::SetDevice(Role& role, const std::string& device) {
  role.command.insert(role.command.end(), {"--set", "model.device=" + device});
}

absl::Status LocalRun::LaunchRewardServers(const StopSignal& stop) {
  const auto& configured = options_.config.network().reward_servers();
  for (uint32_t i = 0; i < options_.config.reward().replicas(); ++i) {
    Role& role = reward_servers_.emplace_back();
    role.name = absl::StrCat("reward-server-", i);
    role.command = Command("maspo-reward-server", role.name);
    const std::string listen =
        static_cast<int>(i) < configured.size() ? configured[static_cast<int>(i)] : "127.0.0.1:0";
    role.command.insert(role.command.end(), {"--listen", listen});
    MASPO_RETURN_IF_ERROR(Launch(role, stop));
    role.command.back() = role.endpoint;  // A restarted one listens where the workers know it.
  }
  return absl::OkStatus();
}

absl::Status LocalRun::Start(const StopSignal& stop) {
  MASPO_RETURN_IF_ERROR(LaunchRewardServers(stop));
  learner_.name = "learner";
  learner_.command = Command("maspo-learner", learner_.name);
  learner_.command.insert(learner_.command.end(), {"--run-dir", options_.run_dir});
  SetDevice(learner_, options_.placement.learner);
  if (options_.placement.shares_a_gpu)
    learner_.command.insert(learner_.command.end(), {"--set", "weights.backend=gloo"});
  if (options_.resume) learner_.command.push_back("--resume");
  MASPO_RETURN_IF_ERROR(Launch(learner_, stop));
  if (!options_.resume) learner_.command.push_back("--resume");
  // One that is started again listens where the workers know it.
  learner_.command.insert(learner_.command.end(), {"--set", "network.learner=" + learner_.endpoint});

  std::vector<std::string> rewards;
  for (const Role& role : reward_servers_)
    rewards.push_back(absl::StrCat("\"", role.endpoint, "\""));  // [::1]:1 is one.
  for (uint32_t i = 0; i < options_.config.rollout().workers(); ++i) {
    Role& role = workers_.emplace_back();
    role.name = absl::StrCat("rollout-worker-", i);
    role.command = Command("maspo-rollout-worker", role.name);
    role.command.insert(role.command.end(),
                        {"--set", "network.learner=" + learner_.endpoint, "--set",
                         absl::StrCat("network.reward_servers=[", absl::StrJoin(rewards, ", "), "]")});
    SetDevice(role, options_.placement.workers[i]);
    MASPO_RETURN_IF_ERROR(Launch(role, stop));
  }
  MASPO_ASSIGN_OR_RETURN(channel_, RpcChannel::Create({.peer = "the learner",
                                                       .key = "network.learner",
                                                       .endpoint = learner_.endpoint,
                                                       .network = options_.config.network()}));
  control_ = std::make_unique<ControlClient>(channel_.get(), ControlClient::Options{});
  return absl::OkStatus();
}

absl::Status LocalRun::Supervise(const StopSignal& stop, const Observer& observe) {
  bool asked_to_stop = false, is_done = false;
  while (true) {
    if (const std::optional<int> exit_code = learner_.process->ExitCode()) {
      // It, or one of its ranks, was ended by a signal, or its ranks lost each other.
      if ((*exit_code > 128 || *exit_code == kExitLostRanks) && !asked_to_stop) {
        MASPO_RETURN_IF_ERROR(Restart({&learner_}, stop));
        continue;
      }
      EndAll(absl::Seconds(5));
      return *exit_code == kExitDone ? absl::OkStatus() : WhyEnded(learner_, *exit_code);
    }
    if (stop.stop_requested() && !asked_to_stop) {
      asked_to_stop = true;
      learner_.process->Signal(SIGTERM);
    }
    // Who is dead before the learner says how far it is, has ended before that.
    const std::vector<Role*> dead = asked_to_stop || is_done ? std::vector<Role*>() : Dead();
    if (!is_done) {
      const auto status = control_->GetStatus();
      if (status.ok()) observe(*status);
      if (status.ok() && status->step() > most_steps_) {
        most_steps_ = status->step();
        restarts_ = 0;
      }
      is_done = status.ok() && status->phase() == "done";  // It is leaving: nobody answers much longer.
      if (status.ok() && !is_done) MASPO_RETURN_IF_ERROR(Restart(dead, stop));
    }
    pollfd watched[] = {{learner_.process->exit_fd(), POLLIN, 0}, {asked_to_stop ? -1 : stop.fd(), POLLIN, 0}};
    poll(watched, 2, static_cast<int>(absl::ToInt64Milliseconds(kObservation)));
  }
}

std::vector<LocalRun::Role*> LocalRun::Dead() {
  std::vector<Role*> dead;
  for (std::vector<Role>* roles : {&reward_servers_, &workers_}) {
    for (Role& role : *roles) {
      if (role.process->ExitCode()) dead.push_back(&role);
    }
  }
  return dead;
}

absl::Status LocalRun::Restart(const std::vector<Role*>& dead, const StopSignal& stop) {
  for (Role* role : dead) {
    const int exit_code = *role->process->ExitCode();
    const absl::Status why = WhyEnded(*role, exit_code);
    if (exit_code == kExitBadInput) return why;  // Again would be the same.
    if (++restarts_ > options_.max_restarts) {
      return Annotate(absl::AbortedError(why.message()),
                      "too many processes ended without a new step in between; the last one");
    }
    spdlog::warn("{}; starting it again", std::string(why.message()));
    const absl::Status launched = Launch(*role, stop);
    if (stop.stop_requested()) return absl::OkStatus();  // The learner is asked to end next.
    MASPO_RETURN_IF_ERROR(launched);
  }
  return absl::OkStatus();
}

void LocalRun::EndAll(absl::Duration grace) {
  std::vector<ChildProcess*> processes;
  for (std::vector<Role>* roles : {&workers_, &reward_servers_}) {
    for (Role& role : *roles) {
      if (role.process != nullptr) processes.push_back(role.process.get());
    }
  }
  if (learner_.process != nullptr) processes.push_back(learner_.process.get());
  for (ChildProcess* process : processes) process->Signal(SIGTERM);
  const absl::Time deadline = SteadyNow() + grace;
  for (ChildProcess* process : processes) {
    if (!process->WaitUntil(deadline)) process->Signal(SIGKILL);
  }
}

}  // namespace maspo
