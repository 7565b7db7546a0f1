#pragma once

#include <string>
#include <vector>

#include "cli/report/run_files.h"

namespace maspo {

// One HTML page about a run, or several compared: curves, results, ledger, samples, configuration. Self-contained:
// styles and drawings are in it, and there is no script and no reference to another file. All text from the runs is
// escaped.
std::string ReportPage(const std::vector<RunFiles>& runs);

}  // namespace maspo
