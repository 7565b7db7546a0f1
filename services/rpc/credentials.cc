#include "services/rpc/credentials.h"

#include <grpcpp/security/auth_metadata_processor.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/atomic_file.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

// Takes the same time wherever the texts differ, so that a guess learns nothing from the clock.
bool EqualInConstantTime(const grpc::string_ref& offered, const std::string& wanted) {
  if (offered.size() != wanted.size()) return false;
  unsigned char difference = 0;
  for (size_t i = 0; i < wanted.size(); ++i) difference |= static_cast<unsigned char>(offered.data()[i] ^ wanted[i]);
  return difference == 0;
}

// Lets a call through only if it carries the token. Runs before the handler, for health checks and reflection too.
class TokenCheck final : public grpc::AuthMetadataProcessor {
 public:
  explicit TokenCheck(std::string authorization) : authorization_(std::move(authorization)) {}

  bool IsBlocking() const override { return false; }

  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext*, OutputMetadata* consumed,
                       OutputMetadata*) override {
    const auto offered = metadata.find(kAuthorizationKey);
    if (offered == metadata.end()) {
      return {grpc::StatusCode::UNAUTHENTICATED, "the call carries no token; set network.token_file"};
    }
    if (!EqualInConstantTime(offered->second, authorization_)) {
      return {grpc::StatusCode::UNAUTHENTICATED,
              "the call carries another token than network.token_file of this server"};
    }
    consumed->insert({std::string(kAuthorizationKey), std::string(offered->second.data(), offered->second.size())});
    return grpc::Status::OK;
  }

 private:
  const std::string authorization_;
};

absl::StatusOr<std::string> ReadPem(const char* key, const std::string& path) {
  absl::StatusOr<std::string> pem = ReadFile(path);
  if (!pem.ok()) return Annotate(pem.status(), key);
  if (absl::StrContains(*pem, "-----BEGIN ")) return pem;
  return absl::InvalidArgumentError(absl::StrCat(key, ": ", path, " is not a PEM file"));
}

absl::StatusOr<grpc::SslServerCredentialsOptions> ServerTls(const v1::TlsConfig& tls) {
  grpc::SslServerCredentialsOptions options(tls.client_authentication()
                                                ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
                                                : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  grpc::SslServerCredentialsOptions::PemKeyCertPair pair;
  MASPO_ASSIGN_OR_RETURN(pair.private_key, ReadPem("network.tls.key_file", tls.key_file()));
  MASPO_ASSIGN_OR_RETURN(pair.cert_chain, ReadPem("network.tls.certificate_file", tls.certificate_file()));
  if (tls.client_authentication()) {
    MASPO_ASSIGN_OR_RETURN(options.pem_root_certs, ReadPem("network.tls.ca_file", tls.ca_file()));
  }
  options.pem_key_cert_pairs.push_back(std::move(pair));
  return options;
}

}  // namespace

absl::StatusOr<std::string> ReadAuthorization(const v1::NetworkSection& network) {
  if (!network.has_token_file()) return std::string();
  absl::StatusOr<std::string> content = ReadFile(network.token_file());
  if (!content.ok()) return Annotate(content.status(), "network.token_file");
  const std::string token(absl::StripAsciiWhitespace(*content));
  for (const char c : token) {
    if (!absl::ascii_isgraph(c)) {
      return absl::InvalidArgumentError(
          absl::StrCat("network.token_file: ", network.token_file(), " must hold one word of printable ASCII"));
    }
  }
  if (token.empty())
    return absl::InvalidArgumentError(absl::StrCat("network.token_file: ", network.token_file(), " is empty"));
  return absl::StrCat("Bearer ", token);
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(const v1::NetworkSection& network) {
  MASPO_ASSIGN_OR_RETURN(const std::string authorization, ReadAuthorization(network));
  std::shared_ptr<grpc::ServerCredentials> credentials;
  if (network.has_tls()) {
    MASPO_ASSIGN_OR_RETURN(const auto options, ServerTls(network.tls()));
    credentials = grpc::SslServerCredentials(options);
  } else if (!authorization.empty()) {
    // Insecure credentials cannot check calls; local ones are plaintext too, and can.
    credentials = grpc::experimental::LocalServerCredentials(LOCAL_TCP);
  } else {
    return grpc::InsecureServerCredentials();
  }
  if (!authorization.empty()) credentials->SetAuthMetadataProcessor(std::make_shared<TokenCheck>(authorization));
  return credentials;
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(const v1::NetworkSection& network) {
  if (!network.has_tls()) return grpc::InsecureChannelCredentials();
  const v1::TlsConfig& tls = network.tls();
  grpc::SslCredentialsOptions options;
  MASPO_ASSIGN_OR_RETURN(options.pem_root_certs, ReadPem("network.tls.ca_file", tls.ca_file()));
  if (tls.client_authentication()) {
    MASPO_ASSIGN_OR_RETURN(options.pem_private_key, ReadPem("network.tls.key_file", tls.key_file()));
    MASPO_ASSIGN_OR_RETURN(options.pem_cert_chain, ReadPem("network.tls.certificate_file", tls.certificate_file()));
  }
  return grpc::SslCredentials(options);
}

}  // namespace maspo
