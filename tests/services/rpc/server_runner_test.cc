#include "services/rpc/server_runner.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "services/base/steady_clock.h"
#include "services/control/control_client.h"
#include "services/process/metrics_endpoint.h"
#include "services/prompts/prompt_client.h"
#include "services/rpc/health.h"
#include "tests/services/loopback.h"
#include "tests/support/certificates.h"
#include "tests/support/temp_dir.h"

namespace maspo {
namespace {

using ::testing::HasSubstr;

absl::Time In(double seconds) { return SteadyNow() + absl::Seconds(seconds); }

// One status of the simplest call.
absl::Status Ask(RpcChannel& channel) { return ControlClient(&channel, {}).GetStatus().status(); }

// A call by method name with raw bytes, as a foreign client would make it.
std::pair<grpc::Status, std::string> RawCall(const std::string& endpoint, const std::string& method,
                                             const std::string& request_bytes) {
  const auto channel = grpc::CreateChannel(endpoint, grpc::InsecureChannelCredentials());
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  context.set_deadline(ToSystemChrono(In(10)));
  grpc::CompletionQueue queue;
  const grpc::Slice slice(request_bytes);
  const grpc::ByteBuffer request(&slice, 1);
  auto call = stub.PrepareUnaryCall(&context, method, request, &queue);
  call->StartCall();
  grpc::ByteBuffer response;
  grpc::Status status;
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  std::vector<grpc::Slice> slices;
  if (status.ok()) response.Dump(&slices);
  std::string bytes;
  for (const grpc::Slice& part : slices) bytes.append(reinterpret_cast<const char*>(part.begin()), part.size());
  return {status, bytes};
}

TEST(ServerRunnerTest, TellsTheHealthOfTheProcess) {
  FakeLearner learner;
  const auto [status, response] = RawCall(learner.Start(), "/grpc.health.v1.Health/Check", "");
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response, "\x08\x01");  // HealthCheckResponse{status: SERVING}
}

TEST(HealthTest, AServerIsWellUntilItIsGone) {
  FakeLearner learner;
  const std::string endpoint = learner.Start();
  EXPECT_TRUE(CheckHealth(endpoint, {}, absl::Seconds(5)).ok());
  learner.server.reset();
  EXPECT_TRUE(absl::IsUnavailable(CheckHealth(endpoint, {}, absl::Milliseconds(300))));
}

TEST(HealthTest, APageIsWellWhenItIsAnsweredWith200) {
  const Metrics metrics("rollout-worker", "0");
  auto endpoint = MetricsEndpoint::Start({"127.0.0.1", 0}, metrics);
  ASSERT_TRUE(endpoint.ok());
  const std::string url = absl::StrCat("http://", (*endpoint)->address().ToString());
  EXPECT_TRUE(CheckHealth(url + "/metrics", {}, absl::Seconds(5)).ok());
  EXPECT_THAT(std::string(CheckHealth(url + "/nothing", {}, absl::Seconds(5)).message()), HasSubstr("404"));
  endpoint->reset();
  EXPECT_THAT(std::string(CheckHealth(url + "/metrics", {}, absl::Seconds(5)).message()), HasSubstr("does not answer"));
  EXPECT_TRUE(absl::IsInvalidArgument(CheckHealth("http://nowhere", {}, absl::Seconds(5))));
}

TEST(ServerRunnerTest, ReflectionListsTheServices) {
  FakeLearner learner;
  const std::string list_services("\x3a\x00", 2);  // ServerReflectionRequest{list_services: ""}
  const auto [status, response] =
      RawCall(learner.Start(), "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", list_services);
  ASSERT_TRUE(status.ok()) << status.error_message();
  for (const char* service : {"PromptService", "TrajectoryService", "WeightService", "ControlService"}) {
    EXPECT_THAT(response, HasSubstr(absl::StrCat("maspo.v1.", service)));
  }
}

TEST(ServerRunnerTest, PortInUseIsOneSentence) {
  FakeLearner learner;
  const std::string address = learner.Start();
  const auto second = ServerRunner::Start({.key = "network.learner", .address = address, .network = {}}, {});
  EXPECT_EQ(second.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(second.status().message(), absl::StrCat("cannot listen at ", address,
                                                    " (network.learner): the port is in use by another process; choose "
                                                    "another port, or 0 for any"));
}

TEST(ServerRunnerTest, RefusesPlaintextBeyondThisMachine) {
  const auto server = ServerRunner::Start({.key = "network.learner", .address = "0.0.0.0:0", .network = {}}, {});
  EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument);
  v1::NetworkSection allowed;
  allowed.set_allow_plaintext_on_any_address(true);
  EXPECT_TRUE(ServerRunner::Start({.key = "network.learner", .address = "0.0.0.0:0", .network = allowed}, {}).ok());
}

TEST(ServerRunnerTest, ShutdownFreesBlockedHandlersAfterTheGraceTime) {
  FakeLearner learner;
  v1::NetworkSection network;
  network.set_call_timeout_seconds(3600);  // So that only the shutdown can free the handler.
  const auto channel = Connect(learner.Start(), network);
  std::atomic<bool> closing{false};
  std::thread worker([&] {
    // The run is not over, so the worker must not hear that: it asks on until it closes by itself.
    PromptClient(channel.get()).Acquire("w", 1, In(3600)).status().IgnoreError();
    EXPECT_TRUE(closing);
  });
  while (learner.prompts.waiting() == 0) absl::SleepFor(absl::Milliseconds(5));
  learner.server->Shutdown(absl::Milliseconds(100));
  closing = true;
  channel->Close();
  worker.join();
}

TEST(ServerRunnerTest, RunningCallsFinishWithinTheGraceTime) {
  FakeLearner learner;
  const std::string endpoint = learner.Start();
  const auto channel = Connect(endpoint);
  std::thread worker([&] {
    const auto leases = PromptClient(channel.get()).Acquire("w", 1, In(300));
    ASSERT_TRUE(leases.ok()) << leases.status();
    EXPECT_EQ(leases->size(), 1u);
  });
  while (learner.prompts.waiting() == 0) absl::SleepFor(absl::Milliseconds(5));
  std::thread giver([&] {
    while (CheckHealth(endpoint, {}, absl::Seconds(60)).ok()) absl::SleepFor(absl::Milliseconds(5));  // Shutdown began.
    learner.prompts.Give("group");
  });
  learner.server->Shutdown(absl::Minutes(5));
  giver.join();
  worker.join();
}

class TokenTest : public ::testing::Test {
 protected:
  v1::NetworkSection WithToken(const std::string& content) {
    v1::NetworkSection network;
    network.set_token_file(dir_.Write(absl::StrCat("token", ++files_), content));
    return network;
  }
  TempDir dir_;
  int files_ = 0;
  FakeLearner learner_;
};

TEST_F(TokenTest, IsAskedForOnEveryCall) {
  const std::string endpoint = learner_.Start("127.0.0.1:0", WithToken("secret\n"));
  EXPECT_TRUE(Ask(*Connect(endpoint, WithToken("secret"))).ok());
  const absl::Status none = Ask(*Connect(endpoint));
  EXPECT_EQ(none.code(), absl::StatusCode::kUnauthenticated);
  EXPECT_THAT(std::string(none.message()), HasSubstr("carries no token"));
  for (const char* wrong : {"secreT", "secret2", "s"}) {
    EXPECT_EQ(Ask(*Connect(endpoint, WithToken(wrong))).code(), absl::StatusCode::kUnauthenticated);
  }
  EXPECT_EQ(RawCall(endpoint, "/grpc.health.v1.Health/Check", "").first.error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(learner_.membership.registrations().size(), 0u);
}

TEST_F(TokenTest, WithoutTheHandlerEverRunning) {
  const std::string endpoint = learner_.Start("127.0.0.1:0", WithToken("secret"));
  const auto channel = Connect(endpoint);
  EXPECT_EQ(ControlClient(channel.get(), {}).Register({}).status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(learner_.membership.registrations().size(), 0u);
}

TEST_F(TokenTest, IsNotSentToAServerThatNeedsNone) {
  EXPECT_TRUE(Ask(*Connect(learner_.Start(), WithToken("x"))).ok());
}

TEST_F(TokenTest, UnusableFilesAreNamed) {
  for (const char* content : {"", " \n", "two words"}) {
    const auto server =
        ServerRunner::Start({.key = "network.learner", .address = "127.0.0.1:0", .network = WithToken(content)}, {});
    EXPECT_EQ(server.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(server.status().message()), HasSubstr("network.token_file: " + dir_.path()));
  }
}

class TlsTest : public ::testing::Test {
 protected:
  static v1::NetworkSection With(const v1::TlsConfig& tls) {
    v1::NetworkSection network;
    *network.mutable_tls() = tls;
    network.set_call_timeout_seconds(5);
    return network;
  }
  TestAuthority ours_{"ours"};
  TestAuthority theirs_{"theirs"};
  FakeLearner learner_;
};

TEST_F(TlsTest, MutualTlsLetsOnlyOurCertificatesIn) {
  const std::string endpoint = learner_.Start("127.0.0.1:0", With(ours_.Tls(true)));
  EXPECT_TRUE(Ask(*Connect(endpoint, With(ours_.Tls(true)))).ok());

  v1::TlsConfig foreign = theirs_.Tls(true);
  foreign.set_ca_file(ours_.Tls(true).ca_file());  // Trusts the server, but is not trusted.
  EXPECT_EQ(Ask(*Connect(endpoint, With(foreign))).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Ask(*Connect(endpoint, With(ours_.Tls(false)))).code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Ask(*Connect(endpoint)).code(), absl::StatusCode::kUnavailable);  // Plaintext.
}

TEST_F(TlsTest, ServerTlsAsksClientsForNoCertificate) {
  const std::string endpoint = learner_.Start("127.0.0.1:0", With(ours_.Tls(false)));
  EXPECT_TRUE(Ask(*Connect(endpoint, With(ours_.Tls(false)))).ok());
}

TEST_F(TlsTest, ClientRefusesAServerOfAnotherAuthority) {
  const std::string endpoint = learner_.Start("127.0.0.1:0", With(theirs_.Tls(false)));
  EXPECT_EQ(Ask(*Connect(endpoint, With(ours_.Tls(false)))).code(), absl::StatusCode::kUnavailable);
}

TEST_F(TlsTest, TokenIsCheckedUnderTlsToo) {
  TempDir dir;
  v1::NetworkSection network = With(ours_.Tls(true));
  network.set_token_file(dir.Write("token", "secret"));
  const std::string endpoint = learner_.Start("127.0.0.1:0", network);
  EXPECT_TRUE(Ask(*Connect(endpoint, network)).ok());
  EXPECT_EQ(Ask(*Connect(endpoint, With(ours_.Tls(true)))).code(), absl::StatusCode::kUnauthenticated);
}

TEST_F(TlsTest, UnusableFilesAreNamed) {
  v1::TlsConfig tls = ours_.Tls(true);
  tls.set_key_file("/absent/key.pem");
  auto server = ServerRunner::Start({.key = "k", .address = "127.0.0.1:0", .network = With(tls)}, {});
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("network.tls.key_file: cannot open /absent/key.pem"));
  TempDir dir;
  tls.set_key_file(dir.Write("key.pem", "not a key"));
  server = ServerRunner::Start({.key = "k", .address = "127.0.0.1:0", .network = With(tls)}, {});
  EXPECT_THAT(std::string(server.status().message()), HasSubstr("key.pem is not a PEM file"));
}

}  // namespace
}  // namespace maspo
