#include "reward_server/normalization/latex_normalizer.h"

#include "reward_server/text.h"

namespace maspo {
namespace {

constexpr std::string_view kSpaces[] = {"\\,", "\\;", "\\:", "\\quad", "\\qquad"};

// Without space at both ends and the period that ends the sentence around an answer.
std::string_view Trimmed(std::string_view text) {
  for (size_t size = text.size() + 1; text.size() < size;) {
    size = text.size();
    text = Stripped(text);
    if (text.ends_with(".")) text.remove_suffix(1);
    for (const std::string_view space : kSpaces) {
      Consume(text, space);
      if (text.ends_with(space)) text.remove_suffix(space.size());
    }
  }
  return text;
}

}  // namespace

std::string NormalizeLatex(std::string_view text) {
  const std::string plain = ReplaceCommands(ReplaceUnicode(text));
  const std::string_view answer = Trimmed(WithoutFinalUnit(Trimmed(plain)));
  return answer == "0.5" ? "\\frac{1}{2}" : std::string(answer);  // Then 50%, 1/2 and 0.5 are one exact number.
}

}  // namespace maspo
