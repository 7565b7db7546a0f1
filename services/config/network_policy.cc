#include "services/config/network_policy.h"

#include "absl/strings/str_cat.h"
#include "services/base/address.h"
#include "services/base/status_macros.h"

namespace maspo {

absl::Status CheckEndpoint(const std::string& key, const std::string& endpoint, const v1::NetworkSection& network) {
  const absl::StatusOr<Address> address = ParseAddress(endpoint);
  if (!address.ok()) return Annotate(address.status(), key);
  if (network.has_tls() || address->IsLoopback()) return absl::OkStatus();
  if (network.has_token_file()) {
    return absl::InvalidArgumentError(
        absl::StrCat(key, " is ", endpoint, ", where network.token_file would travel in the clear; set network.tls"));
  }
  if (network.allow_plaintext_on_any_address()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(key, " is ", endpoint,
                   ", which is not a loopback address; set network.tls, or "
                   "network.allow_plaintext_on_any_address: true inside a network you trust"));
}

}  // namespace maspo
