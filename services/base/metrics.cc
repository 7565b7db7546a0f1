#include "services/base/metrics.h"

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

}  // namespace maspo
