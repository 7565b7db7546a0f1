#include "services/base/metrics.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <map>

#include "absl/time/clock.h"
#include "services/base/address.h"
#include "services/base/process_metrics.h"

namespace maspo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(MetricsTest, AProcessTellsWhatItUses) {
  std::map<std::string, double> values;
  for (const MetricSample& sample : ProcessSamples()) values[sample.name] = sample.value;
  EXPECT_GT(values.at("process_resident_memory_bytes"), 1e6);
  EXPECT_GE(values.at("process_threads"), 1);
  EXPECT_GE(values.at("process_open_fds"), 3);
  EXPECT_GE(values.at("process_cpu_seconds_total"), 0);
  const double age = absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()) - values.at("process_start_time_seconds");
  EXPECT_GT(age, -2);
  EXPECT_LT(age, 600);
}

TEST(MetricsTest, SameNameAndLabelsAreOneSeries) {
  Metrics metrics("learner", "0");
  EXPECT_EQ(&metrics.AddCounter("maspo_x_total", "X"), &metrics.AddCounter("maspo_x_total", "X"));
  EXPECT_NE(&metrics.AddCounter("maspo_x_total", "X", {{"a", "1"}}), &metrics.AddCounter("maspo_x_total", "X"));
}

TEST(MetricsTest, GeometricBoundsGrowByTheFactor) { EXPECT_THAT(GeometricBounds(1, 10, 3), ElementsAre(1, 10, 100)); }

TEST(AddressTest, ParsesNamesNumbersAndBracketedIpv6) {
  EXPECT_EQ(ParseAddress("learner-0.svc:50051")->host, "learner-0.svc");
  EXPECT_EQ(ParseAddress("[::1]:80")->host, "::1");
  EXPECT_EQ(ParseAddress("[::1]:80")->ToString(), "[::1]:80");
  EXPECT_EQ(ParseAddress("127.0.0.1:0")->port, 0);
}

TEST(AddressTest, RefusesWhatIsNotHostAndPort) {
  for (const char* text : {"", "host", "host:", ":80", "host:65536", "host:-1", "host:http", "::1:80", "[]:80"}) {
    EXPECT_FALSE(ParseAddress(text).ok()) << text;
  }
}

TEST(AddressTest, OnlyAddressesOfThisMachineAreLoopback) {
  EXPECT_TRUE((Address{"127.0.0.1", 1}.IsLoopback()));
  EXPECT_TRUE((Address{"127.8.9.1", 1}.IsLoopback()));
  EXPECT_TRUE((Address{"localhost", 1}.IsLoopback()));
  EXPECT_TRUE((Address{"::1", 1}.IsLoopback()));
  EXPECT_FALSE((Address{"0.0.0.0", 1}.IsLoopback()));
  EXPECT_FALSE((Address{"10.0.0.1", 1}.IsLoopback()));
}

TEST(AddressTest, AnEmptyHostIsThisMachinesOwnAddress) {
  EXPECT_EQ(*HostOrOwn("10.1.2.3"), "10.1.2.3");
  const auto own = HostOrOwn("");
  ASSERT_TRUE(own.ok()) << own.status();
  in6_addr address = {};
  EXPECT_TRUE(inet_pton(AF_INET, own->c_str(), &address) == 1 || inet_pton(AF_INET6, own->c_str(), &address) == 1)
      << *own;
}

TEST(AddressTest, SaysWhyAnAddressCannotBeBound) {
  EXPECT_EQ(WhyCannotBind({"192.0.2.1", 0}), "the address does not belong to this machine");
  EXPECT_THAT(WhyCannotBind({"no-such-host.invalid", 0}), HasSubstr("cannot be resolved"));
}

}  // namespace
}  // namespace maspo
