#pragma once

#include <string>
#include <vector>

namespace maspo {

// The known name that a mistyped one was probably meant to be: the fewest edits (insert, delete, replace, swap of
// neighbours), at most a third of its letters. Empty when none is that close.
std::string ClosestName(const std::string& mistyped, const std::vector<std::string>& known);

}  // namespace maspo
