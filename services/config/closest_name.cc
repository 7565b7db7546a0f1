#include "services/config/closest_name.h"

#include <algorithm>

namespace maspo {
namespace {

// Optimal string alignment distance. distance[i][j] is that of the first i letters of a and the first j of b.
size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> distance(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) distance[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) distance[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = distance[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      distance[i][j] = std::min({replaced, distance[i - 1][j] + 1, distance[i][j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) distance[i][j] = std::min(distance[i][j], distance[i - 2][j - 2] + 1);
    }
  }
  return distance[a.size()][b.size()];
}

}  // namespace

std::string ClosestName(const std::string& mistyped, const std::vector<std::string>& known) {
  std::string closest;
  size_t fewest = std::max<size_t>(1, mistyped.size() / 3) + 1;
  for (const std::string& name : known) {
    const size_t edits = EditDistance(mistyped, name);
    if (edits < fewest) {
      fewest = edits;
      closest = name;
    }
  }
  return closest;
}

}  // namespace maspo
