#include "services/base/metrics.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <prometheus/text_serializer.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>

#include "absl/time/clock.h"
#include "services/base/process_metrics.h"

namespace maspo {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// What a scraper receives; written on bare sockets, so that the endpoint is not tested with its own library.
std::string HttpGet(const Address& address, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in peer = {};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(static_cast<uint16_t>(address.port));
  inet_pton(AF_INET, address.host.c_str(), &peer.sin_addr);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&peer), sizeof peer), 0);
  const std::string request = "GET " + path + " HTTP/1.0\r\n\r\n";
  EXPECT_EQ(write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  std::string response;
  char buffer[4096];
  for (ssize_t n = read(fd, buffer, sizeof buffer); n > 0; n = read(fd, buffer, sizeof buffer)) {
    response.append(buffer, static_cast<size_t>(n));
  }
  close(fd);
  return response;
}

TEST(MetricsTest, EndpointServesEverySeriesWithRoleAndName) {
  Metrics metrics("rollout-worker", "1");
  metrics.AddCounter("maspo_tokens_total", "Tokens", {{"kind", "prompt"}}).Increment(5);
  metrics.AddGauge("maspo_waiting_groups", "Groups").Set(2);
  metrics.AddHistogram("maspo_call_seconds", "Seconds", {0.1, 1}).Observe(0.5);
  auto endpoint = MetricsEndpoint::Start({"127.0.0.1", 0}, metrics);
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  ASSERT_GT((*endpoint)->address().port, 0);
  const std::string page = HttpGet((*endpoint)->address(), "/metrics");
  EXPECT_THAT(page, HasSubstr("maspo_tokens_total{name=\"1\",role=\"rollout-worker\",kind=\"prompt\"} 5"));
  EXPECT_THAT(page, HasSubstr("maspo_waiting_groups{name=\"1\",role=\"rollout-worker\"} 2"));
  EXPECT_THAT(page, HasSubstr("maspo_call_seconds_bucket{name=\"1\",role=\"rollout-worker\",le=\"1\"} 1"));
}

TEST(MetricsTest, ASourceIsAskedAtEachScrapeUntilItsHandleIsGone) {
  Metrics metrics("learner", "0", "my run");
  auto endpoint = MetricsEndpoint::Start({"127.0.0.1", 0}, metrics);
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  int asked = 0;
  auto handle = metrics.AddSource([&] {
    ++asked;
    return std::vector<MetricSample>{
        {MetricSample::Kind::kCounter, "maspo_groups_total", "Groups", 3, {{"stage", "issued"}}},
        {MetricSample::Kind::kCounter, "maspo_groups_total", "Groups", 1, {{"stage", "trained"}}},
        {MetricSample::Kind::kGauge, "maspo_step", "Step", 7}};
  });
  std::string page = HttpGet((*endpoint)->address(), "/metrics");
  EXPECT_THAT(page, HasSubstr("# TYPE maspo_groups_total counter"));
  EXPECT_THAT(page, HasSubstr("maspo_groups_total{name=\"0\",role=\"learner\",run=\"my run\",stage=\"trained\"} 1"));
  EXPECT_THAT(page, HasSubstr("maspo_step{name=\"0\",role=\"learner\",run=\"my run\"} 7"));
  handle.reset();
  page = HttpGet((*endpoint)->address(), "/metrics");
  EXPECT_THAT(page, Not(HasSubstr("maspo_step")));
  EXPECT_EQ(asked, 1);
}

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

TEST(MetricsTest, PortInUseIsOneSentence) {
  Metrics metrics("learner", "0");
  auto first = MetricsEndpoint::Start({"127.0.0.1", 0}, metrics);
  ASSERT_TRUE(first.ok());
  const auto second = MetricsEndpoint::Start((*first)->address(), metrics);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("the port is in use by another process"));
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
