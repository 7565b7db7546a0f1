#pragma once

#include <cstdint>

#include "model/torch.h"

namespace maspo {

// Whether weights arrived as they were sent; no protection from malice.
//
//   digest = sum over i of mix(word i xor (i + 1) * golden)   mod 2^64
//
// Words are 8 bytes of the values in memory, the last one filled up with zeros; mix is the finalizer of splitmix64
// (Steele, Lea & Flood 2014). Being a sum, it is added up over the parts of a tensor that lie on several ranks, and on
// a GPU it needs no order.
//
// Of values [N], contiguous, on any device, which are the elements from `first_element` on of the whole; that one
// begins a word.
uint64_t DigestOf(const torch::Tensor& values, int64_t first_element = 0);

// The same sum in torch operations, which is how it is computed on a GPU.
uint64_t DigestByOperations(const torch::Tensor& values, int64_t first_element = 0);

}  // namespace maspo
