#include "services/base/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"

namespace maspo {
namespace {

thread_local std::string_view current_group;  // The loggers format in the calling thread.

std::unique_ptr<spdlog::formatter> TextFormatter(const std::string& who) {
  // In a pattern a per cent sign starts a flag; %^ and %$ enclose the coloured part.
  return std::make_unique<spdlog::pattern_formatter>(
      absl::StrCat("%Y-%m-%d %H:%M:%S.%e %^%l%$ ", absl::StrReplaceAll(who, {{"%", "%%"}}), ": %v"));
}

// A pattern cannot escape what a message contains.
class JsonFormatter final : public spdlog::formatter {
 public:
  JsonFormatter(std::string role, std::string name) : role_(std::move(role)), name_(std::move(name)) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    nlohmann::ordered_json line;
    line["time"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromChrono(message.time), absl::UTCTimeZone());
    const spdlog::string_view_t level = spdlog::level::to_string_view(message.level);
    line["level"] = std::string(level.data(), level.size());
    line["role"] = role_;
    line["name"] = name_;
    if (!current_group.empty()) line["group"] = std::string(current_group);
    line["message"] = std::string(message.payload.data(), message.payload.size());
    const std::string text = line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
    out.append(text.data(), text.data() + text.size());
  }

  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(role_, name_); }

 private:
  const std::string role_, name_;
};

}  // namespace

absl::Status InitLogging(const LogOptions& options) {
  const auto level = spdlog::level::from_str(options.level);
  if (level == spdlog::level::off && options.level != "off") {
    return absl::InvalidArgumentError(absl::StrCat("unknown log level \"", options.level,
                                                   "\" (known: trace, debug, info, warning, error, critical, off)"));
  }
  std::vector<spdlog::sink_ptr> sinks = {std::make_shared<spdlog::sinks::stderr_color_sink_mt>()};
  if (!options.file.empty()) {
    try {
      sinks.push_back(std::make_shared<spdlog::sinks::basic_file_sink_mt>(options.file));
    } catch (const spdlog::spdlog_ex& error) {
      return absl::UnavailableError(absl::StrCat("cannot open the log file ", options.file, ": ", error.what()));
    }
  }
  const std::string who = options.name.empty() ? options.role : absl::StrCat(options.role, "/", options.name);
  auto logger = std::make_shared<spdlog::logger>(who, sinks.begin(), sinks.end());
  if (options.json) {
    logger->set_formatter(std::make_unique<JsonFormatter>(options.role, options.name));
  } else {
    logger->set_formatter(TextFormatter(who));
  }
  logger->set_level(level);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  return absl::OkStatus();
}

LogGroup::LogGroup(std::string_view group_id) : outer_(std::exchange(current_group, group_id)) {}

LogGroup::~LogGroup() { current_group = outer_; }

}  // namespace maspo
