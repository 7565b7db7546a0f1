#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace maspo {

// A value that is read when Prometheus asks for it.
struct MetricSample {
  enum class Kind { kGauge, kCounter };

  Kind kind = Kind::kGauge;
  std::string name;
  std::string help;
  double value = 0;
  std::map<std::string, std::string> labels = {};
};

// Asks its sources for samples at each scrape. A source is asked until its handle is destroyed, which waits for a
// scrape in progress: what the source refers to may be destroyed afterwards.
//
// Thread-safe. A source must not add or remove sources.
class ScrapeSources final : public prometheus::Collectable, public std::enable_shared_from_this<ScrapeSources> {
 public:
  using Labels = std::map<std::string, std::string>;
  using Source = std::function<std::vector<MetricSample>()>;
  using Handle = std::shared_ptr<void>;

  explicit ScrapeSources(Labels common) : common_(std::move(common)) {}

  Handle Add(Source source);

  // Samples of the same name become one family, whose kind and help are those of the first.
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const Labels common_;  // Of every sample.
  mutable absl::Mutex mutex_;
  std::list<Source> sources_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace maspo
