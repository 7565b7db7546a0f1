#include "services/process/metrics_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

namespace maspo {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// What a scraper receives; written on bare sockets, so that the endpoint is not tested with its own library.
std::string HttpGet(const Address& address, const std::string& path) {
  addrinfo hints = {}, *peer = nullptr;
  hints.ai_flags = AI_NUMERICHOST;
  hints.ai_socktype = SOCK_STREAM;
  EXPECT_EQ(getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &peer), 0);
  const int fd = socket(peer->ai_family, SOCK_STREAM, 0);
  EXPECT_EQ(connect(fd, peer->ai_addr, peer->ai_addrlen), 0);
  freeaddrinfo(peer);
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

TEST(MetricsEndpointTest, ServesEverySeriesWithRoleAndName) {
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

TEST(MetricsEndpointTest, ASourceIsAskedAtEachScrapeUntilItsHandleIsGone) {
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

TEST(MetricsEndpointTest, PortInUseIsOneSentence) {
  Metrics metrics("learner", "0");
  auto first = MetricsEndpoint::Start({"127.0.0.1", 0}, metrics);
  ASSERT_TRUE(first.ok());
  const auto second = MetricsEndpoint::Start((*first)->address(), metrics);
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("the port is in use by another process"));
}

TEST(MetricsEndpointTest, ServesIpv6) {
  Metrics metrics("learner", "0");
  metrics.AddGauge("maspo_waiting_groups", "Groups").Set(2);
  auto endpoint = MetricsEndpoint::Start({"::1", 0}, metrics);
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_THAT((*endpoint)->address().ToString(), ::testing::StartsWith("[::1]:"));
  EXPECT_THAT(HttpGet((*endpoint)->address(), "/metrics"), HasSubstr("maspo_waiting_groups"));
}

// A client that sends nothing does not keep the process from ending, or another scrape from being answered.
TEST(MetricsEndpointTest, ASilentClientIsInNobodysWay) {
  Metrics metrics("learner", "0");
  auto endpoint = MetricsEndpoint::Start({"127.0.0.1", 0}, metrics);
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  const int silent = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in peer = {};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(static_cast<uint16_t>((*endpoint)->address().port));
  peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(connect(silent, reinterpret_cast<sockaddr*>(&peer), sizeof peer), 0);
  EXPECT_THAT(HttpGet((*endpoint)->address(), "/metrics"), HasSubstr("200 OK"));
  endpoint->reset();
  close(silent);
}

}  // namespace
}  // namespace maspo
