#pragma once

#include <memory>
#include <string>

#include "reward_server/verification/answer_verifier.h"
#include "services/base/status_macros.h"

namespace maspo {

inline std::unique_ptr<AnswerVerifier> MakeVerifier(const AnswerVerifier::Options& options = {}) {
  auto verifier = AnswerVerifier::Create(options);
  MASPO_CHECK(verifier.ok());
  return *std::move(verifier);
}

// The deadline that is configured by default, longer where a sanitizer makes the code many times slower.
inline absl::Duration UsualDeadline() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 20 * AnswerVerifier::Options().answer_deadline;
#else
  return AnswerVerifier::Options().answer_deadline;
#endif
}

inline v1::VerifyItem MakeItem(const std::string& gold, const std::string& response) {
  v1::VerifyItem item;
  item.set_id("item");
  item.set_gold_answer(gold);
  item.set_response(response);
  return item;
}

// With a deadline that a busy machine does not reach.
inline v1::VerifiedAnswer VerifyCalmly(const std::string& gold, const std::string& response) {
  static const auto* const verifier = MakeVerifier({.answer_deadline = absl::Seconds(10)}).release();
  return verifier->Verify(MakeItem(gold, response));
}

inline std::string Boxed(const std::string& answer) { return "\\boxed{" + answer + "}"; }

}  // namespace maspo
