#include "learner/ranks/rank_flags.h"

#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "collective/collective.h"
#include "learner/ranks/gang.h"
#include "services/base/address.h"
#include "services/base/exit_code.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

constexpr int kMostRanks = 1 << 14;

absl::StatusOr<Address> RendezvousOf(const RankFlags& flags) {
  if (flags.rendezvous.empty()) {
    return absl::InvalidArgumentError("--rank and --ranks-here need --rendezvous HOST:PORT, where the ranks meet");
  }
  return ParseAddress(flags.rendezvous);
}

// This program's file, wherever it was found, and its arguments.
std::vector<std::string> OwnCommandLine() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> command_line;
  for (std::string argument; std::getline(file, argument, '\0');) command_line.push_back(std::move(argument));
  command_line.front() = std::filesystem::read_symlink("/proc/self/exe");
  return command_line;
}

// "cuda:3" for the second one here of "cuda:2".
std::string DeviceOf(absl::string_view first, int i) {
  int index = 0;
  if (absl::ConsumePrefix(&first, "cuda:") && !absl::SimpleAtoi(first, &index)) return std::string(first);
  return absl::StrCat("cuda:", index + i);
}

}  // namespace

void RankFlags::AddTo(CLI::App& app) {
  app.add_option("--rank", rank, "Which of the learner's ranks this process is, from 0; it starts no others")
      ->check(CLI::Range(0, kMostRanks - 1));
  app.add_option("--ranks", ranks, "With --rank: how many there are. Default: learner.ranks")
      ->check(CLI::Range(1, kMostRanks));
  app.add_option("--ranks-here", ranks_here, "Start this many ranks, those of this machine. Default: all")
      ->check(CLI::Range(1, kMostRanks));
  app.add_option("--first-rank", first_rank, "With --ranks-here: the first of them")
      ->check(CLI::Range(0, kMostRanks - 1));
  app.add_option("--rendezvous", rendezvous, "Where the ranks meet: the machine of rank 0, a free port")
      ->type_name("HOST:PORT");
}

absl::StatusOr<std::unique_ptr<Ranks>> MeetRanks(const RankFlags& flags, torch::Device device, absl::Duration timeout,
                                                 const std::string& host) {
  if (!flags.is_one_rank()) return Ranks::Alone(device);
  if (flags.rank >= flags.ranks) {
    return absl::InvalidArgumentError(
        absl::StrCat("--rank ", flags.rank, " is not one of ", flags.ranks, " ranks, which count from 0"));
  }
  MASPO_ASSIGN_OR_RETURN(const Address at, RendezvousOf(flags));
  MASPO_ASSIGN_OR_RETURN(const auto store, ConnectStore(at.host, static_cast<uint16_t>(at.port), timeout));
  return Ranks::Meet({.device = device, .rank = flags.rank, .size = flags.ranks, .timeout = timeout, .host = host},
                     store);
}

int LaunchRanks(const RankFlags& flags, const Launch& launch, const StopSignal& stop) {
  const int here = flags.ranks_here > 0 ? flags.ranks_here : launch.num_ranks;
  absl::StatusOr<Address> meeting = flags.ranks_here > 0 ? RendezvousOf(flags) : Address{launch.host, 0};
  if (meeting.ok() && flags.first_rank + here > launch.num_ranks) {
    meeting = absl::InvalidArgumentError(absl::StrCat("--first-rank ", flags.first_rank, " --ranks-here ", here,
                                                      " goes beyond learner.ranks, which is ", launch.num_ranks));
  }
  if (!meeting.ok()) {
    spdlog::error("{}", std::string(meeting.status().message()));
    return kExitBadInput;
  }
  c10::intrusive_ptr<c10d::TCPStore> store;  // Lives as long as the gang.
  if (flags.first_rank == 0) {
    auto served = ServeStore(meeting->host, static_cast<uint16_t>(meeting->port));
    if (!served.ok()) {
      spdlog::error("{}", std::string(served.status().message()));
      return kExitFailed;
    }
    store = *std::move(served);
    meeting->port = store->getPort();
  }
  const std::vector<std::string> command_line = OwnCommandLine();
  Gang gang{.commands = {}, .first_rank = flags.first_rank, .frozen = launch.timeout};
  for (int i = 0; i < here; ++i) {
    const int rank = flags.first_rank + i;
    std::vector<std::string>& command = gang.commands.emplace_back(command_line);
    command.push_back(absl::StrCat("--rank=", rank));
    command.push_back(absl::StrCat("--rendezvous=", meeting->ToString()));
    if (launch.device != "cpu") command.push_back("--set=model.device=" + DeviceOf(launch.device, i));
    if (rank > 0) command.insert(command.end(), launch.others.begin(), launch.others.end());
  }
  return RunGang(gang, stop);
}

}  // namespace maspo
