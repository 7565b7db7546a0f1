#pragma once

#include <algorithm>
#include <cstdint>

namespace maspo {

// Decides whether one more training group may be leased. Pure arithmetic: the n-th group trained belongs to step
// n / groups_per_step, so holding groups below (max_staleness + version + 1) * groups_per_step bounds how many versions
// behind any of them can be when its turn comes. At max_staleness 0 exactly one step's groups exist at a time. Over a
// run total_steps * groups_per_step are issued, plus one for each group dropped.
//
// A run that is resumed may have another groups_per_step than before: steps and groups are counted from its checkpoint.
struct StalenessGate {
  uint64_t max_staleness = 0;
  uint64_t groups_per_step = 1;
  uint64_t total_steps = 1;
  uint64_t first_version = 0;  // Where counting starts,
  uint64_t first_trained = 0;  // and the groups that were trained until there.

  // How many more groups may be leased now. `taken` counts the groups that are accepted (trained ones included) or
  // leased: all that were ever issued, less the dropped ones and those that wait to be leased again.
  uint64_t Room(uint64_t taken, uint64_t policy_version) const {
    const uint64_t last_version = std::min(max_staleness + policy_version + 1, total_steps);
    const uint64_t steps = last_version - std::min(first_version, last_version);
    const uint64_t limit = first_trained + steps * groups_per_step;
    return taken < limit ? limit - taken : 0;
  }
};

}  // namespace maspo
