#pragma once

#include <grpcpp/server.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "proto/run_config.pb.h"
#include "services/base/address.h"

namespace maspo {

// A gRPC server from start to shutdown, with health service, reflection, credentials, keepalive and message limits:
//
//   Start() -> serves on its own threads -> Shutdown(grace): not healthy, no new calls, running ones get `grace` to
//   finish and are then cancelled
//
// Before Shutdown() the owner closes the cores behind the services, so that their long polls return at once.
class ServerRunner {
 public:
  struct Options {
    std::string key;             // What named the address, for messages: "network.learner".
    std::string address;         // host:port; port 0 = any free one.
    v1::NetworkSection network;  // Credentials and limits.
    // Clients are asked to connect anew after this long, whereupon those that call by a name find servers that were
    // added. Calls in progress are finished.
    absl::Duration max_connection_age = absl::InfiniteDuration();
  };

  // `services` must outlive the server. Unavailable: the address cannot be bound, in one sentence that says why.
  // InvalidArgument: plaintext is not allowed there, or a credentials file is unusable.
  static absl::StatusOr<std::unique_ptr<ServerRunner>> Start(const Options& options,
                                                             const std::vector<grpc::Service*>& services);
  ~ServerRunner();  // Shutdown(0).

  const Address& address() const { return address_; }  // With the port that was bound.

  // Returns when every handler has returned. Calling it again does nothing.
  void Shutdown(absl::Duration grace);

 private:
  ServerRunner(Address address, std::unique_ptr<grpc::Server> server)
      : address_(std::move(address)), server_(std::move(server)) {}

  const Address address_;
  std::unique_ptr<grpc::Server> server_;  // Null after Shutdown().
};

}  // namespace maspo
