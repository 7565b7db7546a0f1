#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace maspo {

// `text` as HTML that shows it literally, also inside a quoted attribute. Control characters other than newline and tab
// become U+FFFD, as does what is not UTF-8: model output may contain anything.
std::string EscapeHtml(std::string_view text);

// "<tr><td>what</td><td class='number'>...": all escaped.
std::string TableRow(const std::string& what, const std::vector<std::string>& numbers);

// A row's value with four digits; empty when it has none of that name.
std::string NumberIn(const std::map<std::string, double>& row, const std::string& name);

}  // namespace maspo
