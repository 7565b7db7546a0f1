#include "services/config/external_scorers.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/config/network_policy.h"

namespace maspo {
namespace {

using Scheme = ExternalScorerAddress::Scheme;

constexpr auto kSchemes = std::to_array<std::pair<std::string_view, Scheme>>({
    {"http://", Scheme::kHttp},
    {"https://", Scheme::kHttps},
    {"grpc://", Scheme::kGrpc},
});

absl::Status Refuse(const std::string& entry) {
  return absl::InvalidArgumentError(absl::StrCat(
      "reward.external_scorers: \"", entry,
      "\" must be SOURCE=http://HOST:PORT/PATH, SOURCE=https://HOST:PORT/PATH or SOURCE=grpc://HOST:PORT"));
}

absl::StatusOr<ExternalScorerAddress> Parse(const std::string& entry) {
  const size_t equals = entry.find('=');
  if (equals == std::string::npos || equals == 0) return Refuse(entry);
  ExternalScorerAddress address;
  address.source = entry.substr(0, equals);
  const std::string url = entry.substr(equals + 1);
  const auto* const scheme = std::find_if(kSchemes.begin(), kSchemes.end(), [&](const auto& known) {
    return url.compare(0, known.first.size(), known.first) == 0;
  });
  if (scheme == kSchemes.end()) return Refuse(entry);
  address.scheme = scheme->second;
  const std::string rest = url.substr(scheme->first.size());
  const size_t slash = std::min(rest.find('/'), rest.size());
  address.endpoint = rest.substr(0, slash);
  address.path = rest.substr(slash);
  const bool has_path = address.path.size() > 1;
  if (has_path && address.scheme == Scheme::kGrpc) return Refuse(entry);
  if (address.path.empty() && address.scheme != Scheme::kGrpc) address.path.push_back('/');
  return address;
}

// Neither certificates nor the token of the run are for an HTTP server: plaintext is judged as such.
absl::Status CheckAllowed(const ExternalScorerAddress& address, v1::NetworkSection network) {
  if (address.scheme != Scheme::kGrpc) network.clear_token_file();
  if (address.scheme == Scheme::kHttp) network.clear_tls();
  if (address.scheme == Scheme::kHttps) network.mutable_tls();
  return CheckEndpoint("reward.external_scorers", address.endpoint, network);
}

}  // namespace

absl::StatusOr<std::vector<ExternalScorerAddress>> ExternalScorersOf(const v1::RunConfig& config) {
  std::vector<ExternalScorerAddress> scorers;
  for (const std::string& entry : config.reward().external_scorers()) {
    MASPO_ASSIGN_OR_RETURN(ExternalScorerAddress address, Parse(entry));
    MASPO_RETURN_IF_ERROR(CheckAllowed(address, config.network()));
    for (const ExternalScorerAddress& other : scorers) {
      if (other.source != address.source) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("reward.external_scorers names the source ", address.source, " twice; a source has one scorer"));
    }
    scorers.push_back(std::move(address));
  }
  return scorers;
}

}  // namespace maspo
