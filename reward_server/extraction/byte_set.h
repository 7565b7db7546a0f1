#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace maspo {

// Sixteen bytes of a text, looked at together. Where a comparison holds, its result has 0xff, elsewhere 0.
using ByteBlock = unsigned char __attribute__((vector_size(16)));
using BlockHalves = uint64_t __attribute__((vector_size(16)));
static_assert(std::endian::native == std::endian::little);

inline ByteBlock LoadBlock(const char* bytes) {
  ByteBlock block;
  std::memcpy(&block, bytes, sizeof(block));
  return block;
}

// The index of the first or last byte of a comparison's result that is not 0; npos: all are.
template <typename Result>
size_t FirstInBlock(Result result) {
  const uint64_t low = std::bit_cast<BlockHalves>(result)[0], high = std::bit_cast<BlockHalves>(result)[1];
  if (low != 0) return std::countr_zero(low) / 8;
  return high != 0 ? 8 + std::countr_zero(high) / 8 : std::string_view::npos;
}
template <typename Result>
size_t LastInBlock(Result result) {
  const uint64_t low = std::bit_cast<BlockHalves>(result)[0], high = std::bit_cast<BlockHalves>(result)[1];
  if (high != 0) return 15 - std::countl_zero(high) / 8;
  return low != 0 ? 7 - std::countl_zero(low) / 8 : std::string_view::npos;
}

// A set of bytes to look for: what string_view::find_first_of does, for up to four members a block at a time, otherwise
// at one table look-up a byte.
template <size_t kNumMembers>
class ByteSet {
 public:
  constexpr explicit ByteSet(const char (&members)[kNumMembers + 1]) {
    for (size_t i = 0; i < kNumMembers; ++i) {
      members_[i] = static_cast<unsigned char>(members[i]);
      contains_[members_[i]] = true;
    }
  }

  // npos: none at or after `from`.
  size_t FindFirst(std::string_view text, size_t from) const {
    for (; kInBlocks && from + sizeof(ByteBlock) <= text.size(); from += sizeof(ByteBlock)) {
      if (const size_t i = FirstInBlock(MembersIn(text.data() + from)); i != std::string_view::npos) return from + i;
    }
    while (from < text.size() && !Contains(text[from])) ++from;
    return from < text.size() ? from : std::string_view::npos;
  }

  // npos: none before `end`.
  size_t FindLast(std::string_view text, size_t end) const {
    for (; kInBlocks && end >= sizeof(ByteBlock); end -= sizeof(ByteBlock)) {
      const size_t begin = end - sizeof(ByteBlock);
      if (const size_t i = LastInBlock(MembersIn(text.data() + begin)); i != std::string_view::npos) return begin + i;
    }
    while (end > 0 && !Contains(text[end - 1])) --end;
    return end > 0 ? end - 1 : std::string_view::npos;
  }

  constexpr bool Contains(char c) const { return contains_[static_cast<unsigned char>(c)]; }

 private:
  static constexpr bool kInBlocks = kNumMembers <= 4;

  auto MembersIn(const char* bytes) const {
    const ByteBlock block = LoadBlock(bytes);
    auto found = block == members_[0];
    for (size_t i = 1; i < kNumMembers; ++i) found |= block == members_[i];
    return found;
  }

  std::array<unsigned char, kNumMembers> members_{};
  std::array<bool, 256> contains_{};
};

template <size_t kBytes>
ByteSet(const char (&)[kBytes]) -> ByteSet<kBytes - 1>;

// Two letters that follow one another, in any case.
class LetterPair {
 public:
  constexpr LetterPair(char first, char second)
      : first_(static_cast<unsigned char>(first)), second_(static_cast<unsigned char>(second)) {}

  // Where the last one that ends at or before `end` begins; npos: there is none.
  size_t FindLast(std::string_view text, size_t end) const {
    for (; end > sizeof(ByteBlock); end -= sizeof(ByteBlock)) {
      const size_t begin = end - sizeof(ByteBlock) - 1;
      const auto found = ((LoadBlock(text.data() + begin) | kLowerCase) == first_) &
                         ((LoadBlock(text.data() + begin + 1) | kLowerCase) == second_);
      if (const size_t i = LastInBlock(found); i != std::string_view::npos) return begin + i;
    }
    const auto is = [&](size_t at, unsigned char letter) {
      return (static_cast<unsigned char>(text[at]) | kLowerCase) == letter;
    };
    while (end >= 2 && !(is(end - 2, first_) && is(end - 1, second_))) --end;
    return end >= 2 ? end - 2 : std::string_view::npos;
  }

 private:
  static constexpr unsigned char kLowerCase = 0x20;

  const unsigned char first_, second_;  // In lower case.
};

}  // namespace maspo
