#pragma once

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "services/base/scrape_sources.h"

namespace maspo {

// The metrics of one process. A component takes it in its constructor and owns its metrics as members, named with unit
// and help in one place:
//
//   explicit TrajectoryBuffer(Metrics& metrics)
//       : waiting_(metrics.AddGauge("maspo_buffer_groups", "Groups waiting for the learner")) {}
//   prometheus::Gauge& waiting_;   // waiting_.Set(n) anywhere
//
// What another object keeps anyway (a queue's length, the books) is not copied into a series but read at each scrape:
//
//   const auto samples = metrics.AddSource([&] { return std::vector<MetricSample>{...}; });
//
// Names are snake_case with a unit (_seconds, _bytes, _tokens) and, for counters, the suffix _total. Every series
// carries the labels `role`, `name` and, unless empty, `run`. The same name and labels give the same series.
//
// Thread-safe. Lives longer than the components that hold its series.
class Metrics {
 public:
  using Labels = std::map<std::string, std::string>;

  Metrics(const std::string& role, const std::string& name, const std::string& run = "");

  prometheus::Counter& AddCounter(const std::string& name, const std::string& help, const Labels& labels = {});
  prometheus::Gauge& AddGauge(const std::string& name, const std::string& help, const Labels& labels = {});
  // `bounds` are the buckets' upper bounds, increasing.
  prometheus::Histogram& AddHistogram(const std::string& name, const std::string& help,
                                      const std::vector<double>& bounds, const Labels& labels = {});

  // `source` is called at each scrape, on another thread, until the result is destroyed.
  [[nodiscard]] ScrapeSources::Handle AddSource(ScrapeSources::Source source) {
    return sources_->Add(std::move(source));
  }

  const std::shared_ptr<prometheus::Registry>& registry() const { return registry_; }
  const std::shared_ptr<ScrapeSources>& sources() const { return sources_; }

 private:
  const Labels common_;
  const std::shared_ptr<prometheus::Registry> registry_;
  const std::shared_ptr<ScrapeSources> sources_;
};

// `count` bounds that grow by `factor`, for instance seconds of calls: GeometricBounds(1e-3, 2, 16).
std::vector<double> GeometricBounds(double first, double factor, int count);

}  // namespace maspo
