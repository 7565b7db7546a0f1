#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <torch/csrc/distributed/c10d/Backend.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "model/torch.h"

namespace maspo {

// Collectives between processes: c10d's rendezvous store and its backends behind one interface, Gloo between CPUs and
// NCCL between GPUs.
//
//   ServeStore() in one process, ConnectStore() in the others -> c10d::PrefixStore per group -> MakeBackend() in each
//
// c10d reports trouble by throwing; here and in what callers run under StatusOf() it becomes Unavailable with the first
// line of c10d's message. After an error a backend is of no more use: drop it and make a new group.
//
// A store or backend serves one thread at a time; different objects are independent.

// The rendezvous store, served by this process on `host` alone. port 0 = any free one, told by getPort(). Unavailable:
// the address cannot be bound.
absl::StatusOr<c10::intrusive_ptr<c10d::TCPStore>> ServeStore(const std::string& host, uint16_t port);

// A client of that store. `timeout` also bounds each later wait for a key.
absl::StatusOr<c10::intrusive_ptr<c10d::TCPStore>> ConnectStore(const std::string& host, uint16_t port,
                                                                absl::Duration timeout);

// Meets the other members in `store` and connects to them; returns when all `size` are there (Gloo), or at once with
// the meeting left to the first collective (NCCL). `timeout` bounds the meeting and every collective. `host` is the
// name or address that Gloo listens on, which the other members must reach; empty = what this machine's own name
// resolves to. A cuda device must have been made usable by LoadDevice().
absl::StatusOr<c10::intrusive_ptr<c10d::Backend>> MakeBackend(torch::Device device,
                                                              const c10::intrusive_ptr<c10d::Store>& store, int rank,
                                                              int size, absl::Duration timeout,
                                                              const std::string& host);

// Sends root's tensor (contiguous) into everybody's tensor of that shape, and waits for it.
absl::Status Broadcast(c10d::Backend& backend, torch::Tensor tensor, int root);

// Starts a collective: `start` calls a backend and throws as it does. Collectives of groups of different threads are
// started through this alone.
c10::intrusive_ptr<c10d::Work> StartCollective(const std::function<c10::intrusive_ptr<c10d::Work>()>& start);

// Runs `body`, which may throw as LibTorch does; what it throws becomes Unavailable "WHAT: first line of the message".
absl::Status StatusOf(absl::string_view what, const std::function<void()>& body);

}  // namespace maspo
