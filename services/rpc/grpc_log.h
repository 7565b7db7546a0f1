#pragma once

namespace maspo {

// gRPC's own log lines go to our log, at level debug: what a user must know reaches him as a status, but behind, say, a
// refused TLS handshake they hold the reason. Called by whatever makes a server or a channel; the first call counts.
void RouteGrpcLog();

}  // namespace maspo
