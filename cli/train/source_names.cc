#include "cli/train/source_names.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace maspo {
namespace {

// The part in front of `separator`; empty when the entry is for all sources.
std::string SourceOf(const std::string& entry, char separator) {
  const size_t end = entry.substr(0, entry.find("://")).find(separator);
  return end == entry.npos ? "" : entry.substr(0, end);
}

}  // namespace

std::vector<std::string> UnknownSources(const v1::RewardSection& reward, const std::set<std::string>& sources) {
  std::vector<std::string> sentences;
  const auto check = [&](const char* key, const auto& entries, char separator) {
    for (const std::string& entry : entries) {
      const std::string source = SourceOf(entry, separator);
      if (source.empty() || sources.contains(source)) continue;
      sentences.push_back(absl::StrCat(key, ": no problem of data.train or data.eval has the source ", source,
                                       " (they have: ", absl::StrJoin(sources, ", "), ")"));
    }
  };
  check("reward.rule_sets", reward.rule_sets(), '=');
  check("reward.terms", reward.terms(), '/');
  check("reward.external_scorers", reward.external_scorers(), '=');
  return sentences;
}

}  // namespace maspo
