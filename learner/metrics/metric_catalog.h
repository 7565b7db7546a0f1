#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "learner/evaluation/held_out_evaluation.h"
#include "learner/metrics/step_report.h"

namespace maspo {

// The one place that gives numbers their names.

// One metric of RUN_DIR/metrics.jsonl, RUN_DIR/evaluations.jsonl, TensorBoard and (as maspo_learner_...) Prometheus.
struct MetricInfo {
  std::string name;  // Parts in <> stand for any text without a slash: "verdict/<verdict>".
  std::string unit;
  std::string help;
  // Of a step; nullopt: the step has none. Empty: not of a step, or of several numbers.
  std::function<std::optional<double>(const StepReport&)> value;
};

// Every metric that a run writes, in the order of docs/metrics.md, whose tables are this list (a test compares them).
const std::vector<MetricInfo>& MetricCatalog();

// What a step's row holds.
std::map<std::string, double> ValuesOf(const StepReport& report);
// What an evaluation's row holds.
std::map<std::string, double> ValuesOf(const EvaluationReport& report);
// The part of a step's row that an update measures, "policy/...".
std::map<std::string, double> ValuesOf(const PolicyMetrics& metrics);

// Whether the catalog has the name, as it is or by a pattern.
bool IsCatalogued(const std::string& name);

}  // namespace maspo
