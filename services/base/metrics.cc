#include "services/base/metrics.h"

#include <prometheus/exposer.h>

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"

namespace maspo {

namespace {

Metrics::Labels CommonLabels(const std::string& role, const std::string& name, const std::string& run) {
  Metrics::Labels labels = {{"role", role}, {"name", name}};
  if (!run.empty()) labels["run"] = run;
  return labels;
}

}  // namespace

Metrics::Metrics(const std::string& role, const std::string& name, const std::string& run)
    : common_(CommonLabels(role, name, run)),
      registry_(std::make_shared<prometheus::Registry>()),
      sources_(std::make_shared<ScrapeSources>(common_)) {}

prometheus::Counter& Metrics::AddCounter(const std::string& name, const std::string& help, const Labels& labels) {
  return prometheus::BuildCounter().Name(name).Help(help).Labels(common_).Register(*registry_).Add(labels);
}

prometheus::Gauge& Metrics::AddGauge(const std::string& name, const std::string& help, const Labels& labels) {
  return prometheus::BuildGauge().Name(name).Help(help).Labels(common_).Register(*registry_).Add(labels);
}

prometheus::Histogram& Metrics::AddHistogram(const std::string& name, const std::string& help,
                                             const std::vector<double>& bounds, const Labels& labels) {
  auto& family = prometheus::BuildHistogram().Name(name).Help(help).Labels(common_).Register(*registry_);
  return family.Add(labels, bounds);
}

std::vector<double> GeometricBounds(double first, double factor, int count) {
  std::vector<double> bounds;
  for (double bound = first; static_cast<int>(bounds.size()) < count; bound *= factor) bounds.push_back(bound);
  return bounds;
}

absl::StatusOr<std::unique_ptr<MetricsEndpoint>> MetricsEndpoint::Start(const Address& listen, const Metrics& metrics) {
  constexpr size_t kThreads = 1;  // A scrape every few seconds.
  try {
    auto exposer = std::make_unique<prometheus::Exposer>(listen.ToString(), kThreads);
    exposer->RegisterCollectable(metrics.registry());
    exposer->RegisterCollectable(metrics.sources());
    Address bound = listen;
    bound.port = exposer->GetListeningPorts().at(0);
    return std::unique_ptr<MetricsEndpoint>(new MetricsEndpoint(std::move(bound), metrics, std::move(exposer)));
  } catch (const std::exception&) {
    return absl::UnavailableError(absl::StrCat("cannot serve metrics at ", listen.ToString(), ": ",
                                               WhyCannotBind(listen), "; choose another metrics.port, or 0 for any"));
  }
}

MetricsEndpoint::MetricsEndpoint(Address address, const Metrics& metrics, std::unique_ptr<prometheus::Exposer> exposer)
    : address_(std::move(address)),
      registry_(metrics.registry()),
      sources_(metrics.sources()),
      exposer_(std::move(exposer)) {}

MetricsEndpoint::~MetricsEndpoint() = default;

}  // namespace maspo
