#pragma once

#include <vector>

#include "services/base/scrape_sources.h"

namespace maspo {

// What this process uses of its machine, under the names that Prometheus' own client libraries give:
//
//   process_cpu_seconds_total  process_resident_memory_bytes  process_threads  process_open_fds
//   process_start_time_seconds (a change of it is a restart)
//
// A value that /proc does not tell is left out.
std::vector<MetricSample> ProcessSamples();

}  // namespace maspo
