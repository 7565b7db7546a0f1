#include "services/base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace maspo {

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
  // In a pattern a per cent sign starts a flag; %^ and %$ enclose the coloured part.
  logger->set_pattern(absl::StrCat("%Y-%m-%d %H:%M:%S.%e %^%l%$ ", absl::StrReplaceAll(who, {{"%", "%%"}}), ": %v"));
  logger->set_level(level);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  return absl::OkStatus();
}

}  // namespace maspo
