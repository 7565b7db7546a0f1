#include "learner/advantage/advantage_parts.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace maspo {

bool IsZeroVariance(absl::Span<const double> rewards) {
  return std::all_of(rewards.begin(), rewards.end(), [&](double r) { return r == rewards.front(); });
}

std::vector<double> Scores(const AdvantageInputs& in) {
  std::vector<double> scores;
  for (const auto& row : in.rewards) scores.push_back(std::accumulate(row.begin(), row.end(), 0.0));
  return scores;
}

std::vector<double> ByGroup(const AdvantageInputs& in, const GroupRule& rule) {
  const std::vector<double> scores = Scores(in);
  std::map<int64_t, std::vector<size_t>> members_of;
  for (size_t i = 0; i < scores.size(); ++i) members_of[in.group[i]].push_back(i);
  std::vector<double> result(scores.size());
  for (const auto& [group, members] : members_of) {
    std::vector<double> of_group;
    for (const size_t i : members) of_group.push_back(scores[i]);
    const std::vector<double> advantages = rule(of_group, members);
    for (size_t k = 0; k < members.size(); ++k) result[members[k]] = advantages[k];
  }
  return result;
}

std::vector<double> Centred(absl::Span<const double> scores) {
  std::vector<double> centred(scores.begin(), scores.end());
  if (scores.size() == 1) return centred;
  const bool equal = IsZeroVariance(scores);
  const double mean = std::accumulate(scores.begin(), scores.end(), 0.0) / static_cast<double>(scores.size());
  for (double& x : centred) x = equal ? 0 : x - mean;
  return centred;
}

std::vector<std::vector<double>> SpreadOverTokens(const std::vector<double>& per_response, const AdvantageInputs& in) {
  std::vector<std::vector<double>> spread;
  for (size_t i = 0; i < per_response.size(); ++i) {
    std::vector<double>& row = spread.emplace_back();
    for (const bool is_token : in.is_token[i]) row.push_back(is_token ? per_response[i] : 0);
  }
  return spread;
}

void Whiten(std::vector<std::vector<double>>& x, const AdvantageInputs& in) {
  double sum = 0, squares = 0, tokens = 0;
  const auto for_each_token = [&](const auto& visit) {
    for (size_t i = 0; i < x.size(); ++i) {
      for (size_t t = 0; t < x[i].size(); ++t) {
        if (in.is_token[i][t]) visit(x[i][t]);
      }
    }
  };
  for_each_token([&](double value) { sum += value, ++tokens; });
  const double mean = tokens > 0 ? sum / tokens : 0;
  for_each_token([&](double value) { squares += (value - mean) * (value - mean); });
  const double scale = std::sqrt((tokens > 1 ? squares / (tokens - 1) : 0) + 1e-8);
  for (size_t i = 0; i < x.size(); ++i) {
    for (size_t t = 0; t < x[i].size(); ++t) x[i][t] = in.is_token[i][t] ? (x[i][t] - mean) / scale : 0;
  }
}

}  // namespace maspo
