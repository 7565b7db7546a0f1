#pragma once

#include <string>

#include "cli/report/run_files.h"

namespace maspo {

// The parts of the report page that are about one run, as HTML; empty for what the run's folder does not have.
std::string RunCards(const RunFiles& run);  // What a reader wants to know before any curve.
std::string LedgerTable(const RunFiles& run);
std::string SampledResponses(const RunFiles& run);
std::string Configuration(const RunFiles& run);

}  // namespace maspo
