#pragma once

#include <string>
#include <string_view>

namespace maspo {

// Untrusted text made fit for messages and files: valid UTF-8, at most 1024 bytes, without blanks at both ends. Bytes
// that are not UTF-8 become U+FFFD; a text that was cut ends with "...".
std::string PrintableText(std::string_view text);

}  // namespace maspo
