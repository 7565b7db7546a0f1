#include "learner/ledger/ledger_event.h"

#include <array>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "xxhash.h"

namespace maspo {
namespace {

using nlohmann::ordered_json;

constexpr std::array<const char*, 7> kNames = {"issued",   "reissued", "generated", "scored",
                                               "admitted", "trained",  "dropped"};
constexpr char kSumKey[] = ",\"sum\":\"";
constexpr size_t kSumDigits = 16;

std::string SumOf(std::string_view text) { return absl::StrFormat("%016x", XXH3_64bits(text.data(), text.size())); }

// The line without its checksum and with the brace closed; DataLoss unless the checksum is right.
absl::StatusOr<std::string> CheckedJson(std::string_view line) {
  const size_t tail = sizeof(kSumKey) - 1 + kSumDigits + 2;  // ,"sum":"0123456789abcdef"}
  if (line.size() < tail) return absl::DataLossError("too short for an event");
  const std::string_view text = line.substr(0, line.size() - tail);
  if (line.substr(text.size()) != absl::StrCat(kSumKey, SumOf(text), "\"}")) {
    return absl::DataLossError("its checksum does not fit");
  }
  return std::string(text) + "}";
}

absl::StatusOr<LedgerEventKind> KindNamed(const std::string& name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<LedgerEventKind>(i);
  }
  return absl::InvalidArgumentError(absl::StrCat("unknown event \"", name, "\": written by a newer version?"));
}

}  // namespace

std::string NameOf(LedgerEventKind kind) { return kNames[static_cast<size_t>(kind)]; }

std::string EncodeLedgerLine(const LedgerEvent& event) {
  ordered_json row;
  row["event"] = NameOf(event.kind);
  row["group"] = event.group_id;
  if (!event.prompt_id.empty()) row["prompt"] = event.prompt_id;
  if (event.kind == LedgerEventKind::kIssued) row["visit"] = event.visit;
  if (event.attempt > 0) row["attempt"] = event.attempt;
  if (!event.worker_id.empty()) row["worker"] = event.worker_id;
  if (event.kind == LedgerEventKind::kGenerated) {
    row["responses"] = event.responses;
    row["tokens"] = event.response_tokens;
  }
  if (!event.verdicts.empty()) row["verdicts"] = event.verdicts;
  if (event.seconds > 0) row["seconds"] = event.seconds;
  if (event.prefill_seconds > 0) row["prefill_seconds"] = event.prefill_seconds;
  if (event.kind == LedgerEventKind::kTrained) row["step"] = event.step;
  if (!event.reason.empty()) row["reason"] = event.reason;
  row["time"] = event.time;
  // Names come from outside: invalid UTF-8 is replaced, never thrown about.
  std::string text = row.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  text.pop_back();  // The brace.
  return absl::StrCat(text, kSumKey, SumOf(text), "\"}\n");
}

absl::StatusOr<LedgerEvent> DecodeLedgerLine(std::string_view line) {
  absl::StatusOr<std::string> text = CheckedJson(line);
  if (!text.ok()) return text.status();
  try {
    const ordered_json row = ordered_json::parse(*text);
    LedgerEvent event;
    const absl::StatusOr<LedgerEventKind> kind = KindNamed(row.at("event").get<std::string>());
    if (!kind.ok()) return kind.status();
    event.kind = *kind;
    event.group_id = row.at("group").get<std::string>();
    event.prompt_id = row.value("prompt", "");
    event.visit = row.value("visit", 0u);
    event.attempt = row.value("attempt", 0u);
    event.worker_id = row.value("worker", "");
    event.responses = row.value("responses", 0u);
    event.response_tokens = row.value("tokens", uint64_t{0});
    event.verdicts = row.value("verdicts", event.verdicts);
    event.seconds = row.value("seconds", 0.0);
    event.prefill_seconds = row.value("prefill_seconds", 0.0);
    event.step = row.value("step", uint64_t{0});
    event.reason = row.value("reason", "");
    event.time = row.value("time", 0.0);
    return event;
  } catch (const nlohmann::json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("not an event: ", error.what()));
  }
}

}  // namespace maspo
