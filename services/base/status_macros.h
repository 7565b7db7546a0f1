#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

// Returns from the function when `expr` (a Status) is not ok.
#define MASPO_RETURN_IF_ERROR(expr)                                                     \
  do {                                                                                  \
    if (absl::Status maspo_status_ = (expr); !maspo_status_.ok()) return maspo_status_; \
  } while (false)

// MASPO_ASSIGN_OR_RETURN(auto x, MakeX()): declares x, or returns the error.
#define MASPO_ASSIGN_OR_RETURN(lhs, expr) MASPO_ASSIGN_OR_RETURN_IMPL_(MASPO_CONCAT_(maspo_or_, __LINE__), lhs, expr)
#define MASPO_ASSIGN_OR_RETURN_IMPL_(tmp, lhs, expr) \
  auto tmp = (expr);                                 \
  if (!tmp.ok()) return std::move(tmp).status();     \
  lhs = *std::move(tmp)
#define MASPO_CONCAT_(a, b) MASPO_CONCAT_IMPL_(a, b)
#define MASPO_CONCAT_IMPL_(a, b) a##b

// For bugs, never for bad input: prints the place and aborts.
#define MASPO_CHECK(condition)                                                           \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: check failed: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)

namespace maspo {

// Puts "context: " in front of an error's message; an ok status passes through.
inline absl::Status Annotate(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  return absl::Status(status.code(), absl::StrCat(std::string(context), ": ", status.message()));
}

}  // namespace maspo
