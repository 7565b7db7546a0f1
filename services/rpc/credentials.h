#pragma once

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "proto/run_config.pb.h"

namespace maspo {

// What a NetworkSection means for both ends of a connection:
//
//   tls unset, no token   plaintext
//   tls unset, token      plaintext between processes of this machine; the server refuses peers from elsewhere
//   tls                   TLS, or mTLS with client_authentication
//   tls, token            the same, and every call carries the token
//
// Errors name the file that cannot be used.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(const v1::NetworkSection& network);
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(const v1::NetworkSection& network);

// The metadata that proves to know the shared token.
inline constexpr char kAuthorizationKey[] = "authorization";
// "Bearer TOKEN"; empty when no token is configured.
absl::StatusOr<std::string> ReadAuthorization(const v1::NetworkSection& network);

}  // namespace maspo
