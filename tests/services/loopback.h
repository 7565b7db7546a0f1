#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "services/base/metrics.h"
#include "services/base/status_macros.h"
#include "services/control/control_service.h"
#include "services/prompts/prompt_service.h"
#include "services/rpc/rpc_channel.h"
#include "services/rpc/server_runner.h"
#include "services/trajectory/trajectory_service.h"
#include "services/weights/weight_service.h"
#include "tests/support/fake_membership.h"
#include "tests/support/fake_prompt_source.h"
#include "tests/support/fake_trajectory_sink.h"
#include "tests/support/fake_weight_channel.h"

namespace maspo {

// A port of this process alone, on which nobody listens. Until the process ends it is bound by a socket that never
// listens: the kernel gives it to nobody who asks for any port, and a server of ours, which has SO_REUSEADDR too, may
// still take it by name, as often as it likes.
inline int FreePort() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int reuse = 1;
  MASPO_CHECK(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse) == 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  MASPO_CHECK(bind(fd, reinterpret_cast<sockaddr*>(&address), size) == 0);
  MASPO_CHECK(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return ntohs(address.sin_port);
}

inline std::string FreeEndpoint() { return absl::StrCat("127.0.0.1:", FreePort()); }

inline std::unique_ptr<ServerRunner> StartServer(const std::string& address,
                                                 const std::vector<grpc::Service*>& services,
                                                 const v1::NetworkSection& network = {}) {
  auto server = ServerRunner::Start({.key = "network.learner", .address = address, .network = network}, services);
  MASPO_CHECK(server.ok());
  return *std::move(server);
}

inline std::unique_ptr<RpcChannel> Connect(const std::string& endpoint, const v1::NetworkSection& network = {}) {
  auto channel =
      RpcChannel::Create({.peer = "the learner", .key = "network.learner", .endpoint = endpoint, .network = network});
  MASPO_CHECK(channel.ok());
  return *std::move(channel);
}

// The learner as its workers see it: four services on the loopback device, with fakes behind them.
struct FakeLearner {
  FakePromptSource prompts;
  FakeTrajectorySink trajectories;
  FakeWeightChannel weights;
  FakeMembership membership;
  Metrics metrics{"learner", "0"};
  PromptService prompt_service{&prompts, metrics};
  TrajectoryService trajectory_service{&trajectories, metrics};
  WeightService weight_service{&weights, metrics};
  ControlService control_service{&membership, metrics};
  std::unique_ptr<ServerRunner> server;

  std::string Start(const std::string& address = "127.0.0.1:0", const v1::NetworkSection& network = {}) {
    server = StartServer(address, {&prompt_service, &trajectory_service, &weight_service, &control_service}, network);
    return server->address().ToString();
  }
};

}  // namespace maspo
