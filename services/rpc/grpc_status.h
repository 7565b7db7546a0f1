#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace maspo {

// The only translation between the two kinds of status. Codes have the same numbers and meanings, so nothing is lost.
grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

}  // namespace maspo
