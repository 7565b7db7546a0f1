#pragma once

#include "services/base/stop_signal.h"

namespace maspo {

// The first SIGTERM or SIGINT requests a stop, and the process ends gracefully in its own time; the second one ends it
// at once with exit code 128 + signal number. SIGPIPE is ignored: a peer that is gone shows as a failing write.
//
// Call it once, first thing in main; `stop` must live until the process ends. A child started by exec begins with the
// default handlers again.
void InstallStopSignals(StopSignal& stop);

}  // namespace maspo
