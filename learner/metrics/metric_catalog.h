#pragma once

#include <string>
#include <vector>

namespace maspo {

// One metric of RUN_DIR/metrics.jsonl, RUN_DIR/evaluations.jsonl, TensorBoard and (as maspo_learner_...) Prometheus.
struct MetricInfo {
  std::string name;  // Parts in <> stand for any text without a slash: "verdict/<verdict>".
  std::string unit;
  std::string help;
};

// Every metric that a run writes, in the order of docs/metrics.md, whose tables are this list (a test compares them).
const std::vector<MetricInfo>& MetricCatalog();

// Whether the catalog has the name, as it is or by a pattern.
bool IsCatalogued(const std::string& name);

}  // namespace maspo
