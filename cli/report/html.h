#pragma once

#include <string>
#include <string_view>

namespace maspo {

// `text` as HTML that shows it literally, also inside a quoted attribute. Control characters other than newline and tab
// become U+FFFD, as does what is not UTF-8: model output may contain anything.
std::string EscapeHtml(std::string_view text);

}  // namespace maspo
