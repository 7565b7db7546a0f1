#include "services/process/metrics_endpoint.h"

#include <httplib.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>

#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

constexpr size_t kThreads = 2;  // A scrape every few seconds, and another while a client is slow.
constexpr int kTimeoutSeconds = 5;

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Start(const Address& listen, const Metrics& metrics) {
  std::unique_ptr<MetricsEndpoint> endpoint(new MetricsEndpoint(listen, metrics));
  MASPO_RETURN_IF_ERROR(endpoint->Bind());
  endpoint->Serve();
  return endpoint;
}

MetricsEndpoint::MetricsEndpoint(Address address, const Metrics& metrics)
    : address_(std::move(address)),
      registry_(metrics.registry()),
      sources_(metrics.sources()),
      server_(std::make_unique<httplib::Server>()) {
  server_->new_task_queue = [] { return new httplib::ThreadPool(kThreads); };  // The server deletes it.
  server_->set_keep_alive_max_count(1);  // A connection that stays would keep a thread.
  server_->set_read_timeout(kTimeoutSeconds);
  server_->set_write_timeout(kTimeoutSeconds);
  // The library's own choice would let a second process share the port.
  server_->set_socket_options([](socket_t socket) {
    const int on = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  server_->Get("/metrics", [this](const httplib::Request&, httplib::Response& response) {
    response.set_content(Page(), "text/plain; version=0.0.4");
  });
}

absl::Status MetricsEndpoint::Bind() {
  const int port = address_.port == 0                                    ? server_->bind_to_any_port(address_.host)
                   : server_->bind_to_port(address_.host, address_.port) ? address_.port
                                                                         : -1;
  if (port < 0) {
    return absl::UnavailableError(absl::StrCat("cannot serve metrics at ", address_.ToString(), ": ",
                                               WhyCannotBind(address_), "; choose another metrics.port, or 0 for any"));
  }
  address_.port = port;
  return absl::OkStatus();
}

void MetricsEndpoint::Serve() {
  thread_ = std::make_unique<WorkerThread>("metrics", [this] {
    return server_->listen_after_bind() ? absl::OkStatus() : absl::UnavailableError("the endpoint has ended");
  });
  // stop() has no effect before; the library tells of the beginning in no other way.
  while (!server_->is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

std::string MetricsEndpoint::Page() const {
  std::vector<prometheus::MetricFamily> families = registry_->Collect();
  std::vector<prometheus::MetricFamily> sampled = sources_->Collect();
  std::move(sampled.begin(), sampled.end(), std::back_inserter(families));
  return prometheus::TextSerializer().Serialize(families);
}

MetricsEndpoint::~MetricsEndpoint() {
  if (thread_ == nullptr) return;  // Never bound.
  server_->stop();
  thread_->Join().IgnoreError();
}

}  // namespace maspo
