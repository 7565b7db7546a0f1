#pragma once

#include <google/protobuf/message_lite.h>

#include "absl/status/status.h"

namespace maspo {

// Messages over a stream socket, each behind its length in four bytes, in the byte order of the machine: both ends are
// processes of one machine.
//
// Unavailable: the other end is gone. InvalidArgument: what came is no such message.
absl::Status WriteFramed(int socket, const google::protobuf::MessageLite& message);
absl::Status ReadFramed(int socket, google::protobuf::MessageLite& message);

}  // namespace maspo
