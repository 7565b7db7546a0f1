#include "services/rpc/grpc_log.h"

#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

#include <cstdlib>

namespace maspo {

void RouteGrpcLog() {
  static const bool routed = [] {
    spdlog::debug(
        "gRPC logs here");  // Makes spdlog's registry older than the exit handler, which so runs before it ends.
    gpr_set_log_function([](gpr_log_func_args* line) { spdlog::debug("gRPC: {}", line->message); });
    std::atexit([] { gpr_set_log_function([](gpr_log_func_args*) {}); });
    return true;
  }();
  static_cast<void>(routed);
}

}  // namespace maspo
