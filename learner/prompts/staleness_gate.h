#pragma once

#include <algorithm>
#include <cstdint>

namespace maspo {

// Decides whether one more training group may be issued. Pure arithmetic: the n-th group trained belongs to step
// n / groups_per_step, so holding issued groups below (max_staleness + version + 1) * groups_per_step bounds how many
// versions behind any of them can be when its turn comes. At max_staleness 0 exactly one step's groups exist at a time.
// Over a run total_steps * groups_per_step are issued, plus one for each group dropped.
struct StalenessGate {
  uint64_t max_staleness = 0;
  uint64_t groups_per_step = 1;
  uint64_t total_steps = 1;

  // How many more groups may be issued now. `taken` counts the groups that are accepted (trained ones included) or
  // running (leased, or waiting to be leased again): all that were ever issued, less the dropped ones.
  uint64_t Room(uint64_t taken, uint64_t policy_version) const {
    const uint64_t limit = std::min(max_staleness + policy_version + 1, total_steps) * groups_per_step;
    return taken < limit ? limit - taken : 0;
  }
};

}  // namespace maspo
