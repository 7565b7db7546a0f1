#include "reward_server/worker/framed_messages.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "services/base/status_macros.h"

namespace maspo {
namespace {

constexpr uint32_t kMaxBytes = 256u << 20;  // Above any batch that the server accepts.

absl::Status Gone() { return absl::UnavailableError("the other process is gone"); }

absl::Status SendAll(int socket, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t sent = send(socket, data, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return Gone();
    data += sent;
    size -= static_cast<size_t>(sent);
  }
  return absl::OkStatus();
}

absl::Status ReceiveAll(int socket, char* data, size_t size) {
  while (size > 0) {
    const ssize_t received = recv(socket, data, size, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return Gone();
    data += received;
    size -= static_cast<size_t>(received);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status WriteFramed(int socket, const google::protobuf::MessageLite& message) {
  std::string frame(sizeof(uint32_t), '\0');
  if (!message.AppendToString(&frame)) return absl::InvalidArgumentError("a message that cannot be written");
  const uint32_t bytes = static_cast<uint32_t>(frame.size() - sizeof(uint32_t));
  std::memcpy(frame.data(), &bytes, sizeof(bytes));
  return SendAll(socket, frame.data(), frame.size());
}

absl::Status ReadFramed(int socket, google::protobuf::MessageLite& message) {
  uint32_t bytes = 0;
  MASPO_RETURN_IF_ERROR(ReceiveAll(socket, reinterpret_cast<char*>(&bytes), sizeof(bytes)));
  if (bytes > kMaxBytes) return absl::InvalidArgumentError("a message that is too long");
  std::string data(bytes, '\0');
  MASPO_RETURN_IF_ERROR(ReceiveAll(socket, data.data(), data.size()));
  if (!message.ParseFromString(data)) return absl::InvalidArgumentError("a message that cannot be read");
  return absl::OkStatus();
}

}  // namespace maspo
