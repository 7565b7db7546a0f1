#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/base/address.h"
#include "services/base/metrics.h"
#include "services/base/worker_thread.h"

namespace httplib {
class Server;
}

namespace maspo {

// Serves the metrics of a process to Prometheus at http://HOST:PORT/metrics until destroyed.
class MetricsEndpoint {
 public:
  // Port 0 = any free one. Unavailable: one sentence that says why the address cannot be bound.
  static absl::StatusOr<std::unique_ptr<MetricsEndpoint>> Start(const Address& listen, const Metrics& metrics);
  ~MetricsEndpoint();

  // With the port that was bound.
  const Address& address() const { return address_; }

 private:
  MetricsEndpoint(Address address, const Metrics& metrics);
  absl::Status Bind();
  void Serve();
  std::string Page() const;

  Address address_;
  const std::shared_ptr<prometheus::Registry> registry_;
  const std::shared_ptr<ScrapeSources> sources_;
  const std::unique_ptr<httplib::Server> server_;
  std::unique_ptr<WorkerThread> thread_;
};

}  // namespace maspo
