#pragma once

#include <set>
#include <string>
#include <vector>

#include "proto/run_config.pb.h"

namespace maspo {

// One sentence for each rule set, term or scorer of the reward section that is for a source which no problem has: its
// problems, under another name, would be judged by the default.
std::vector<std::string> UnknownSources(const v1::RewardSection& reward, const std::set<std::string>& sources);

}  // namespace maspo
