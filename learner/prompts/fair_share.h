#pragma once

#include <algorithm>
#include <cstdint>

namespace maspo {

// How many groups a worker that asks may take now, so that a fast asker does not leave the others idle. Pure.
struct FairShare {
  uint64_t available = 0;           // Groups that could be leased now.
  uint64_t leased = 0;              // Groups leased to anybody.
  uint64_t held = 0;                // Groups leased to the asker.
  uint64_t workers = 1;             // Registered ones.
  bool others_below_share = false;  // Another worker is asking at this moment and holds less than its share.

  // An equal part of all that is leased or available, rounded up.
  uint64_t Share() const { return (available + leased + workers - 1) / workers; }

  // Up to the share at once; beyond it one group at a time, and none while another worker waits for its own share. Such
  // a worker is granted something whenever something is available, so nobody waits for a worker that does not ask.
  uint64_t Grant() const {
    if (available == 0) return 0;
    if (held < Share()) return std::min(available, Share() - held);
    return others_below_share ? 0 : 1;
  }
};

}  // namespace maspo
