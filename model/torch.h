#pragma once

// The one door to LibTorch. Its headers define LOG and CHECK, which glog users and Abseil also do; ours are MASPO_*.
#include <torch/torch.h>
