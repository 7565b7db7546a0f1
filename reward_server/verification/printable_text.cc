#include "reward_server/verification/printable_text.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "reward_server/text.h"

namespace maspo {
namespace {

constexpr size_t kMaxBytes = 1024;

// Bytes of the well-formed UTF-8 sequence at the front of `text` (not empty), or 0.
size_t SequenceBytes(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) return 1;
  const size_t count = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < count) return 0;
  for (size_t i = 1; i < count; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
  const bool surrogate = lead == 0xed && byte(1) >= 0xa0;
  const bool beyond_unicode = lead == 0xf4 && byte(1) >= 0x90;
  return overlong || surrogate || beyond_unicode ? 0 : count;
}

}  // namespace

std::string PrintableText(std::string_view text) {
  text = Stripped(text);
  std::string printable;
  while (!text.empty()) {
    const size_t bytes = SequenceBytes(text);
    const std::string_view next = bytes == 0 ? "\ufffd" : text.substr(0, bytes);
    if (printable.size() + next.size() > kMaxBytes - 3) return printable + "...";
    printable += next;
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  return printable;
}

}  // namespace maspo
