#include "cli/report/comparison.h"

#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "cli/report/html.h"

namespace maspo {
namespace {

// "learner.optimizer.learning_rate" -> "1e-5", from the YAML that WriteResolvedConfig makes: nested maps by
// indentation.
std::map<std::string, std::string> FlatConfig(const std::string& yaml) {
  std::map<std::string, std::string> values;
  std::vector<std::pair<size_t, std::string>> path;  // Indentation and key of the enclosing maps.
  for (const absl::string_view line : absl::StrSplit(yaml, '\n')) {
    const size_t indent = line.find_first_not_of(' ');
    const std::pair<std::string, std::string> parts = absl::StrSplit(line, absl::MaxSplits(':', 1));
    if (indent == absl::string_view::npos || line[indent] == '#') continue;
    while (!path.empty() && path.back().first >= indent) path.pop_back();
    std::vector<std::string> keys;
    for (const auto& [outer, key] : path) keys.push_back(key);
    keys.emplace_back(absl::StripAsciiWhitespace(parts.first));
    const absl::string_view value = absl::StripAsciiWhitespace(parts.second);
    if (!value.empty()) values[absl::StrJoin(keys, ".")] = std::string(value);
    path.push_back({indent, keys.back()});
  }
  return values;
}

}  // namespace

std::string Comparison(const std::string& title, const std::vector<RunFiles>& runs,
                       std::vector<RunSummary::Row> RunSummary::*rows, const std::vector<std::string>& metrics) {
  std::string html = absl::StrCat("<h2>", EscapeHtml(title), "</h2><div class='wide'><table><tr><th></th>");
  for (const RunFiles& run : runs) {
    absl::StrAppend(&html, "<th class='number'>", EscapeHtml(run.name), ", first</th><th class='number'>last</th>");
  }
  absl::StrAppend(&html, "</tr>");
  for (const std::string& metric : metrics) {
    std::vector<std::string> numbers;
    for (const RunFiles& run : runs) {
      const std::vector<RunSummary::Row>& all = run.summary.*rows;
      numbers.push_back(all.empty() ? "" : NumberIn(all.front(), metric));
      numbers.push_back(all.empty() ? "" : NumberIn(all.back(), metric));
    }
    absl::StrAppend(&html, TableRow(metric, numbers));
  }
  return html + "</table></div>";
}

std::string SettingsThatDiffer(const std::vector<RunFiles>& runs) {
  if (runs.size() < 2) return "";
  std::vector<std::map<std::string, std::string>> configs;
  std::set<std::string> keys;
  for (const RunFiles& run : runs) {
    configs.push_back(FlatConfig(run.config));
    for (const auto& [key, value] : configs.back()) keys.insert(key);
  }
  std::string html = "<h2>Settings that differ</h2><div class='wide'><table><tr><th></th>";
  for (const RunFiles& run : runs) absl::StrAppend(&html, "<th class='number'>", EscapeHtml(run.name), "</th>");
  absl::StrAppend(&html, "</tr>");
  for (const std::string& key : keys) {
    std::vector<std::string> values;
    for (const auto& config : configs) values.push_back(config.contains(key) ? config.at(key) : "");
    if (std::set<std::string>(values.begin(), values.end()).size() > 1) absl::StrAppend(&html, TableRow(key, values));
  }
  return html + "</table></div>";
}

}  // namespace maspo
