#pragma once

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <string>

namespace maspo {

// Collects what is logged while it lives. Read it when the threads that log have ended.
class CapturedLog {
 public:
  CapturedLog() : before_(spdlog::default_logger()) {
    auto sink = std::make_shared<spdlog::sinks::ostream_sink_mt>(text_);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("test", std::move(sink)));
  }
  ~CapturedLog() { spdlog::set_default_logger(before_); }

  // How many times a text occurs.
  int Count(const std::string& what) const {
    const std::string all = text_.str();
    int count = 0;
    for (size_t at = all.find(what); at != all.npos; at = all.find(what, at + what.size())) ++count;
    return count;
  }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  const std::shared_ptr<spdlog::logger> before_;
};

}  // namespace maspo
