#include "model/weight_digest.h"

#include <algorithm>
#include <cstring>

#include "services/base/status_macros.h"

namespace maspo {
namespace {

using torch::Tensor;

constexpr int64_t kWord = sizeof(uint64_t);
constexpr uint64_t kGolden = 0x9e3779b97f4a7c15, kFirst = 0xbf58476d1ce4e5b9, kSecond = 0x94d049bb133111eb;
constexpr int64_t kWordsAtOnce = int64_t{1} << 22;  // Of the temporaries of DigestByOperations().

uint64_t Mixed(uint64_t word, uint64_t index) {
  word ^= (index + 1) * kGolden;
  word = (word ^ (word >> 30)) * kFirst;
  word = (word ^ (word >> 27)) * kSecond;
  return word ^ (word >> 31);
}

int64_t Signed(uint64_t word) { return static_cast<int64_t>(word); }

// x ^ (x >>> bits); LibTorch's shift of int64 brings in the sign.
Tensor Folded(const Tensor& x, int bits) {
  return x.bitwise_xor(x.bitwise_right_shift(bits).bitwise_and_(Signed(~uint64_t{0} >> bits)));
}

int64_t FirstWord(const Tensor& values, int64_t first_element) {
  const int64_t byte = first_element * static_cast<int64_t>(values.element_size());
  MASPO_CHECK(values.is_contiguous() && byte % kWord == 0);
  return byte / kWord;
}

// The bytes after the last whole word, of which there are fewer than a word.
uint64_t DigestOfRest(const Tensor& values, int64_t first_word) {
  const int64_t bytes = static_cast<int64_t>(values.nbytes()), words = bytes / kWord;
  if (words * kWord == bytes) return 0;
  const int64_t elements = words * kWord / static_cast<int64_t>(values.element_size());
  const Tensor rest = values.narrow(0, elements, values.numel() - elements).cpu();
  uint64_t word = 0;
  std::memcpy(&word, rest.const_data_ptr(), rest.nbytes());
  return Mixed(word, static_cast<uint64_t>(first_word + words));
}

}  // namespace

uint64_t DigestByOperations(const Tensor& values, int64_t first_element) {
  const torch::NoGradGuard no_grad;
  const int64_t first_word = FirstWord(values, first_element);
  const int64_t words = static_cast<int64_t>(values.nbytes()) / kWord;
  uint64_t sum = DigestOfRest(values, first_word);
  const int64_t elements_of_word = kWord / static_cast<int64_t>(values.element_size());
  const Tensor all = values.narrow(0, 0, words * elements_of_word).view(torch::kInt64);
  for (int64_t begin = 0; begin < words; begin += kWordsAtOnce) {
    const int64_t count = std::min(kWordsAtOnce, words - begin), index = first_word + begin;
    const Tensor keys = torch::arange(index + 1, index + count + 1, all.options()).mul_(Signed(kGolden));
    Tensor x = Folded(keys.bitwise_xor_(all.narrow(0, begin, count)), 30).mul_(Signed(kFirst));
    x = Folded(x, 27).mul_(Signed(kSecond));
    sum += static_cast<uint64_t>(Folded(x, 31).sum().item<int64_t>());
  }
  return sum;
}

uint64_t DigestOf(const Tensor& values, int64_t first_element) {
  if (!values.is_cpu()) return DigestByOperations(values, first_element);
  const int64_t first_word = FirstWord(values, first_element);
  const int64_t words = static_cast<int64_t>(values.nbytes()) / kWord;
  uint64_t sum = DigestOfRest(values, first_word);
  const char* bytes = static_cast<const char*>(values.const_data_ptr());
  for (int64_t i = 0; i < words; ++i) {
    uint64_t word = 0;
    std::memcpy(&word, bytes + i * kWord, kWord);
    sum += Mixed(word, static_cast<uint64_t>(first_word + i));
  }
  return sum;
}

}  // namespace maspo
