#pragma once

#include <httplib.h>

#include <atomic>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"

namespace maspo {

// Stands for a researcher's own scorer behind HTTP, at POST /score: a response that equals the gold answer is correct,
// unless a test says otherwise.
class FakeHttpScorer {
 public:
  using Rule = std::function<void(const httplib::Request&, httplib::Response&)>;

  FakeHttpScorer() {
    server_.Post("/score", [this](const httplib::Request& request, httplib::Response& response) {
      ++calls_;
      Rule rule;
      {
        absl::MutexLock lock(&mutex_);
        rule = rule_;
      }
      rule(request, response);
    });
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
  }
  ~FakeHttpScorer() {
    while (!server_.is_running()) std::this_thread::yield();  // stop() before that is lost.
    server_.stop();
    thread_.join();
  }

  std::string origin() const { return absl::StrCat("http://127.0.0.1:", port_); }
  int calls() const { return calls_; }

  void Use(Rule rule) {
    absl::MutexLock lock(&mutex_);
    rule_ = std::move(rule);
  }
  // Every later call gets this body.
  void Answer(const std::string& body, int status = 200) {
    Use([=](const auto&, httplib::Response& response) {
      response.status = status;
      response.set_content(body, "application/json");
    });
  }

  // The rule that holds unless replaced.
  static void CompareTexts(const httplib::Request& request, httplib::Response& response) {
    nlohmann::json answers = nlohmann::json::array();
    const nlohmann::json asked = nlohmann::json::parse(request.body);
    for (const nlohmann::json& item : asked["items"]) {
      answers.push_back({{"verdict", item["response"] == item["gold_answer"] ? "correct" : "wrong"}});
    }
    response.set_content(nlohmann::json{{"answers", answers}}.dump(), "application/json");
  }

 private:
  httplib::Server server_;
  int port_ = 0;
  std::atomic<int> calls_{0};
  absl::Mutex mutex_;
  Rule rule_ ABSL_GUARDED_BY(mutex_) = CompareTexts;
  std::thread thread_;
};

}  // namespace maspo
