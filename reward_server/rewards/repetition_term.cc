#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/ascii.h"
#include "reward_server/rewards/reward_term.h"

namespace maspo {
namespace {

std::vector<uint64_t> HashesOfWords(std::string_view text) {
  std::vector<uint64_t> hashes;
  for (size_t at = 0; at < text.size();) {
    size_t end = at;
    while (end < text.size() && !absl::ascii_isspace(text[end])) ++end;
    if (end > at) hashes.push_back(std::hash<std::string_view>()(text.substr(at, end - at)));
    at = end + 1;
  }
  return hashes;
}

class RepetitionTerm final : public RewardTerm {
 public:
  explicit RepetitionTerm(size_t words) : words_(words) {}

  double Evaluate(const v1::VerifyItem& item, v1::Verdict) const override {
    const std::vector<uint64_t> hashes = HashesOfWords(item.response());
    if (hashes.size() < words_) return 0;
    absl::flat_hash_set<uint64_t> seen;
    const size_t runs = hashes.size() - words_ + 1;
    for (size_t begin = 0; begin < runs; ++begin) {
      uint64_t run = 0;
      for (size_t i = begin; i < begin + words_; ++i) run = run * 0x9e3779b97f4a7c15 + hashes[i];
      seen.insert(run);
    }
    return -static_cast<double>(runs - seen.size()) / static_cast<double>(runs);
  }

 private:
  const size_t words_;
};

}  // namespace

std::unique_ptr<RewardTerm> MakeRepetitionTerm(const v1::RewardSection& reward) {
  return std::make_unique<RepetitionTerm>(reward.repetition_words());
}

}  // namespace maspo
