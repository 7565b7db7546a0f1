#include "services/base/limited_log.h"

#include <algorithm>

namespace maspo {

LimitedLog::LimitedLog(Options options)
    : options_(std::move(options)), lines_(options_.burst), counted_(options_.now()) {}

bool LimitedLog::Admit(uint64_t& left_out) {
  absl::MutexLock lock(&mutex_);
  const absl::Time now = options_.now();
  lines_ = std::min<double>(lines_ + absl::FDivDuration(now - counted_, options_.interval), options_.burst);
  counted_ = now;
  if (lines_ < 1) {
    ++left_out_;
    return false;
  }
  --lines_;
  left_out = std::exchange(left_out_, 0);
  return true;
}

void LimitedLog::Write(spdlog::level::level_enum level, const std::string& line, uint64_t left_out) {
  if (left_out == 0) {
    spdlog::log(level, "{}", line);
  } else {
    spdlog::log(level, "{} (and {} more lines like this one, which are left out)", line, left_out);
  }
}

}  // namespace maspo
