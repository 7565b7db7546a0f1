#include "services/base/scrape_sources.h"

#include <utility>

namespace maspo {
namespace {

prometheus::ClientMetric ToClientMetric(const MetricSample& sample, const ScrapeSources::Labels& common) {
  prometheus::ClientMetric metric;
  for (const ScrapeSources::Labels* labels : {&common, &sample.labels}) {
    for (const auto& [name, value] : *labels) metric.label.push_back({name, value});
  }
  if (sample.kind == MetricSample::Kind::kCounter) {
    metric.counter.value = sample.value;
  } else {
    metric.gauge.value = sample.value;
  }
  return metric;
}

}  // namespace

ScrapeSources::Handle ScrapeSources::Add(Source source) {
  absl::MutexLock lock(&mutex_);
  const auto place = sources_.insert(sources_.end(), std::move(source));
  return Handle(nullptr, [self = shared_from_this(), place](void*) {
    absl::MutexLock lock(&self->mutex_);
    self->sources_.erase(place);
  });
}

std::vector<prometheus::MetricFamily> ScrapeSources::Collect() const {
  std::vector<prometheus::MetricFamily> families;
  std::map<std::string, size_t> place;  // Of a family, by name.
  absl::MutexLock lock(&mutex_);
  for (const Source& source : sources_) {
    for (const MetricSample& sample : source()) {
      const auto [it, is_new] = place.try_emplace(sample.name, families.size());
      if (is_new) {
        prometheus::MetricFamily& family = families.emplace_back();
        family.name = sample.name;
        family.help = sample.help;
        family.type = sample.kind == MetricSample::Kind::kCounter ? prometheus::MetricType::Counter
                                                                  : prometheus::MetricType::Gauge;
      }
      families[it->second].metric.push_back(ToClientMetric(sample, common_));
    }
  }
  return families;
}

}  // namespace maspo
