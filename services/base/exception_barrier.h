#pragma once

#include <exception>
#include <string>

#include "absl/status/status.h"

namespace maspo {

// Runs `body`, which returns a Status. An exception that a library lets out of it becomes Internal with the exception's
// first line: LibTorch appends a stack to its own. For the top of a program; our own code does not throw.
template <typename Body>
absl::Status CatchExceptions(Body&& body) {
  try {
    return body();
  } catch (const std::exception& exception) {
    const std::string text = exception.what();
    return absl::InternalError(text.substr(0, text.find('\n')));
  }
}

}  // namespace maspo
