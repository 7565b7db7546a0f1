#pragma once

#include "services/base/stop_signal.h"

namespace maspo {

// The first SIGTERM, SIGINT or SIGHUP (a terminal or connection that closed) requests a stop, and the process ends
// gracefully in its own time; a second SIGTERM or SIGINT ends it at once with exit code 128 + signal number. A SIGHUP
// that is ignored already, as under nohup, stays so. SIGPIPE and SIGXFSZ are ignored: a peer that is gone and a file
// that may not grow show as failing writes.
//
// Call it once, first thing in main; `stop` must live until the process ends. A child started by exec begins with the
// default handlers again.
void InstallStopSignals(StopSignal& stop);

}  // namespace maspo
