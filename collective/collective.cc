#include "collective/collective.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "collective/device.h"
#include "services/base/address.h"
#include "services/base/descriptor_limit.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// Groups of different threads note their collectives in one recorder of the process, which takes no lock of its own for
// the first one of a group.
absl::Mutex flight_recorder;

std::chrono::milliseconds Milliseconds(absl::Duration duration) { return absl::ToChronoMilliseconds(duration); }

absl::string_view FirstLine(absl::string_view text) { return text.substr(0, text.find('\n')); }

c10::intrusive_ptr<c10d::Backend> MakeGloo(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size,
                                           absl::Duration timeout, const std::string& host) {
  auto options = c10d::ProcessGroupGloo::Options::create(Milliseconds(timeout));
  options->devices.push_back(host.empty() ? c10d::ProcessGroupGloo::createDefaultDevice()
                                          : c10d::ProcessGroupGloo::createDeviceForHostname(host));
  return c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, size, options);
}

// A listening TCP socket; whoever takes `fd` closes it.
struct ListeningSocket {
  int fd;
  uint16_t port;
};

// c10d by itself would listen on every interface.
absl::StatusOr<ListeningSocket> Listen(const std::string& host, uint16_t port) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found); error != 0) {
    return absl::UnavailableError(absl::StrCat("cannot resolve ", host, ": ", gai_strerror(error)));
  }
  const int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  sockaddr_storage bound{};
  socklen_t length = sizeof(bound);
  const bool listens = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
                       bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0 &&
                       getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) == 0;
  const int error = errno;
  freeaddrinfo(found);
  if (!listens) {
    if (fd >= 0) close(fd);
    return NameDescriptorLimit(absl::UnavailableError(
        absl::StrCat("cannot listen on ", Address{host, port}.ToString(), ": ", std::strerror(error))));
  }
  const uint16_t bound_port = bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                                          : reinterpret_cast<const sockaddr_in&>(bound).sin_port;
  return ListeningSocket{fd, ntohs(bound_port)};
}

}  // namespace

c10::intrusive_ptr<c10d::Work> StartCollective(const std::function<c10::intrusive_ptr<c10d::Work>()>& start) {
  const absl::MutexLock lock(&flight_recorder);
  return start();
}

absl::Status StatusOf(absl::string_view what, const std::function<void()>& body) {
  try {
    body();
    return absl::OkStatus();
  } catch (const c10::Error& error) {
    return NameDescriptorLimit(
        absl::UnavailableError(absl::StrCat(what, ": ", FirstLine(error.what_without_backtrace()))));
  } catch (const std::exception& error) {
    return NameDescriptorLimit(absl::UnavailableError(absl::StrCat(what, ": ", FirstLine(error.what()))));
  }
}

absl::StatusOr<c10::intrusive_ptr<c10d::TCPStore>> ServeStore(const std::string& host, uint16_t port) {
  MASPO_ASSIGN_OR_RETURN(const ListeningSocket socket, Listen(host, port));
  c10::intrusive_ptr<c10d::TCPStore> store;
  MASPO_RETURN_IF_ERROR(StatusOf(absl::StrCat("rendezvous store at ", Address{host, socket.port}.ToString()), [&] {
    store = c10::make_intrusive<c10d::TCPStore>(
        host, c10d::TCPStoreOptions{
                  .port = socket.port, .isServer = true, .waitWorkers = false, .masterListenFd = socket.fd});
  }));
  return store;
}

absl::StatusOr<c10::intrusive_ptr<c10d::TCPStore>> ConnectStore(const std::string& host, uint16_t port,
                                                                absl::Duration timeout) {
  c10::intrusive_ptr<c10d::TCPStore> store;
  MASPO_RETURN_IF_ERROR(StatusOf(absl::StrCat("rendezvous store at ", Address{host, port}.ToString()), [&] {
    store = c10::make_intrusive<c10d::TCPStore>(
        host, c10d::TCPStoreOptions{.port = port, .waitWorkers = false, .timeout = Milliseconds(timeout)});
  }));
  return store;
}

absl::StatusOr<c10::intrusive_ptr<c10d::Backend>> MakeBackend(torch::Device device,
                                                              const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                                              int size, absl::Duration timeout,
                                                              const std::string& host) {
  c10::intrusive_ptr<c10d::Backend> backend;
  const CudaLibrary* cuda = nullptr;
  if (!device.is_cpu()) {
    cuda = LoadedCudaLibrary();
    if (cuda == nullptr) return absl::FailedPreconditionError("collectives on cuda need LoadDevice() first");
  }
  MASPO_RETURN_IF_ERROR(StatusOf(absl::StrCat("collective group of ", size, ", rank ", rank), [&] {
    backend = device.is_cpu() ? MakeGloo(store, rank, size, timeout, host)
                              : cuda->make_nccl_backend(store, rank, size, Milliseconds(timeout),
                                                        device.has_index() ? device.index() : 0);
  }));
  return backend;
}

absl::Status Broadcast(c10d::Backend& backend, torch::Tensor tensor, int root) {
  return StatusOf("broadcast", [&] {
    std::vector<torch::Tensor> tensors{std::move(tensor)};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    StartCollective([&] { return backend.broadcast(tensors, options); })->wait();
  });
}

}  // namespace maspo
