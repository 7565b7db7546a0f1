#pragma once

#include <string>
#include <vector>

#include "cli/report/run_files.h"

namespace maspo {

// First and last row of each run side by side, as an HTML table with a line a metric.
std::string Comparison(const std::string& title, const std::vector<RunFiles>& runs,
                       std::vector<RunSummary::Row> RunSummary::*rows, const std::vector<std::string>& metrics);

// The keys whose values are not the same in all runs, as an HTML table; empty for a single run.
std::string SettingsThatDiffer(const std::vector<RunFiles>& runs);

}  // namespace maspo
