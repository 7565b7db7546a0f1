#pragma once

#include <deque>
#include <string>
#include <vector>

#include "proto/control.pb.h"

namespace maspo {

// A run's status for people, a few short lines:
//
//   step 42/100  ########............  42 %, 1 min 10 s left
//   reward +0.512 (+0.080 over the last 10 steps), entropy 0.123, 26.7 tokens long, 15900 tokens/s
//   last step 0.61 s  rroooooouuuuuuuuuuu.  rollout 12 %, old log-probs 28 %, update 57 %, publish 1 %
//   update; 2 workers: 2 generating
//
// `rewards` are the mean rewards of the last steps, the newest last. Pure.
std::vector<std::string> RunLines(const v1::RunStatus& status, const std::deque<double>& rewards);

}  // namespace maspo
