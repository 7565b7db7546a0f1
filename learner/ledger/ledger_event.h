#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace maspo {

// The life of a training group, in this order; `reissued` leads back to the start, `dropped` may come at any time.
enum class LedgerEventKind { kIssued, kReissued, kGenerated, kScored, kAdmitted, kTrained, kDropped };

std::string NameOf(LedgerEventKind kind);  // "issued", "reissued", ...

// One line of the ledger: what happened to which group. Fields that a kind does not use stay at their defaults.
struct LedgerEvent {
  LedgerEventKind kind = LedgerEventKind::kIssued;
  std::string group_id;
  std::string prompt_id;                     // issued
  uint32_t visit = 0;                        // issued
  uint32_t attempt = 0;                      // issued (1), reissued
  std::string worker_id;                     // issued, reissued, generated
  uint32_t responses = 0;                    // generated
  uint64_t response_tokens = 0;              // generated
  std::map<std::string, uint32_t> verdicts;  // scored: verdict name -> responses
  double seconds = 0;                        // generated, scored: how long it took the worker
  double prefill_seconds = 0;                // generated: of its seconds, until the first token
  uint64_t step = 0;                         // trained
  std::string reason;                        // reissued, dropped: one word
  double time = 0;                           // Unix seconds; set by Ledger::Append.
};

// {"event":"issued","group":"g00000000",...,"sum":"0123456789abcdef"}\n where sum is the XXH3-64 of all before ,"sum".
std::string EncodeLedgerLine(const LedgerEvent& event);

// `line` comes without its newline. DataLoss: torn or altered. InvalidArgument: intact, but not an event this version
// knows.
absl::StatusOr<LedgerEvent> DecodeLedgerLine(std::string_view line);

}  // namespace maspo
