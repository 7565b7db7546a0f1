#pragma once

#include <vector>

#include "absl/strings/str_cat.h"
#include "proto/reward.pb.h"

namespace maspo {

// Items "i0", "i1", ... whose responses are 0, 1, ... and whose gold answer is 1.
inline std::vector<v1::VerifyItem> Items(int count) {
  std::vector<v1::VerifyItem> items(count);
  for (int i = 0; i < count; ++i) {
    items[i].set_id(absl::StrCat("i", i));
    items[i].set_gold_answer("1");
    items[i].set_response(absl::StrCat(i));
  }
  return items;
}

}  // namespace maspo
