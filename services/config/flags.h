#pragma once

#include <CLI/CLI.hpp>
#include <optional>

#include "services/base/exit_code.h"

namespace maspo {

// Reads the command line. A value: the program ends here with it, after --help or --version, or a sentence about what
// is wrong with the flags.
inline std::optional<int> ParseFlags(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
    return std::nullopt;
  } catch (const CLI::ParseError& end) {
    return app.exit(end) == 0 ? kExitDone : kExitBadInput;
  }
}

}  // namespace maspo
