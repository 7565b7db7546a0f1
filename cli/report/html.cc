#include "cli/report/html.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "services/base/format.h"

namespace maspo {
namespace {

// Through a JSON string and back, which replaces every byte that is not UTF-8.
std::string ValidUtf8(std::string_view text) {
  const std::string quoted =
      nlohmann::json(std::string(text)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return nlohmann::json::parse(quoted).get<std::string>();
}

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string escaped;
  for (const char c : ValidUtf8(text)) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      case '\n':
      case '\t':
        escaped += c;
        break;
      default:
        if (byte < 0x20 || byte == 0x7f) {
          escaped += "\xef\xbf\xbd";
        } else {
          escaped += c;
        }
    }
  }
  return escaped;
}

std::string NumberIn(const std::map<std::string, double>& row, const std::string& name) {
  const auto value = row.find(name);
  if (value == row.end()) return "";
  return std::abs(value->second) >= 1000 ? HumanNumber(value->second) : absl::StrFormat("%.4g", value->second);
}

std::string TableRow(const std::string& what, const std::vector<std::string>& numbers) {
  std::string html = absl::StrCat("<tr><td>", EscapeHtml(what), "</td>");
  for (const std::string& number : numbers) absl::StrAppend(&html, "<td class='number'>", EscapeHtml(number), "</td>");
  return html + "</tr>";
}

}  // namespace maspo
