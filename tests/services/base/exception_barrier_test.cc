#include "services/base/exception_barrier.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace maspo {
namespace {

TEST(ExceptionBarrierTest, AStatusPassesUnchanged) {
  EXPECT_TRUE(CatchExceptions([] { return absl::OkStatus(); }).ok());
  EXPECT_EQ(CatchExceptions([] { return absl::NotFoundError("no file x"); }), absl::NotFoundError("no file x"));
}

TEST(ExceptionBarrierTest, AnExceptionBecomesItsFirstLine) {
  const absl::Status status =
      CatchExceptions([]() -> absl::Status { throw std::runtime_error("out of memory\nstack"); });
  EXPECT_EQ(status, absl::InternalError("out of memory"));
}

}  // namespace
}  // namespace maspo
