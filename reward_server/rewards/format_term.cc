#include <string_view>

#include "reward_server/rewards/reward_term.h"

namespace maspo {
namespace {

class FormatTerm final : public RewardTerm {
 public:
  double Evaluate(const v1::VerifyItem& item, v1::Verdict) const override {
    const std::string_view response = item.response();
    const size_t box = response.rfind("\\boxed{");
    if (box == std::string_view::npos || response.find('}', box) == std::string_view::npos) return 0;
    const size_t opened = response.rfind("<think>"), closed = response.rfind("</think>");
    if (opened == std::string_view::npos) return 1;
    return closed != std::string_view::npos && opened < closed && closed < box ? 1 : 0;
  }
};

}  // namespace

std::unique_ptr<RewardTerm> MakeFormatTerm(const v1::RewardSection&) { return std::make_unique<FormatTerm>(); }

}  // namespace maspo
