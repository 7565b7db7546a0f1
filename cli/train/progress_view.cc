#include "cli/train/progress_view.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace maspo {

void ProgressView::Show(const v1::RunStatus& status) {
  std::string note = status.phase();
  if (!status.waiting_for().empty()) absl::StrAppend(&note, ", ", status.waiting_for());
  const auto& metrics = status.metrics();
  if (const auto reward = metrics.find("reward/mean"); reward != metrics.end()) {
    note = absl::StrFormat("reward %+.3f, entropy %.3f, %.0f tokens long, %.0f tokens/s (%s)", reward->second,
                           metrics.at("policy/entropy"), metrics.at("response/length_mean"),
                           metrics.at("throughput/response_tokens_per_s"), note);
  }
  progress_.Update(static_cast<double>(status.step()), note);
}

}  // namespace maspo
