#include "services/base/jsonl.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/base/status_macros.h"

namespace maspo {
namespace {

using nlohmann::json;

// "a number", "an array": how messages name what was found.
std::string KindOf(const json& value) {
  if (value.is_null()) return "null";
  const bool vowel = value.is_array() || value.is_object();
  return absl::StrCat(vowel ? "an " : "a ", value.type_name());
}

absl::Status WrongKind(const std::string& name, const std::string& where, const char* wanted, const json& value) {
  return absl::InvalidArgumentError(
      absl::StrCat(where, ": field \"", name, "\" must be ", wanted, ", not ", KindOf(value)));
}

absl::StatusOr<const json*> Find(const json& object, const std::string& name, const std::string& where) {
  const auto it = object.find(name);
  if (it == object.end()) return absl::InvalidArgumentError(absl::StrCat(where, ": field \"", name, "\" is missing"));
  return &*it;
}

// nlohmann's messages read "[json.exception.parse_error.101] parse error at line 1, column 5: syntax error ...".
std::string WithoutTag(const std::string& message) {
  const size_t tag_end = message.find("] ");
  return tag_end == message.npos ? message : message.substr(tag_end + 2);
}

}  // namespace

absl::StatusOr<JsonlReader> JsonlReader::Open(const std::string& path) {
  std::ifstream in(path);
  if (!in) return absl::NotFoundError(absl::StrCat("cannot open ", path));
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is a folder, not a JSON Lines file"));
  }
  return JsonlReader(path, std::move(in));
}

absl::StatusOr<bool> JsonlReader::Next(json& object) {
  std::string line;
  while (std::getline(in_, line)) {
    ++line_;
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    try {
      object = json::parse(line);
    } catch (const json::exception& error) {
      return absl::InvalidArgumentError(absl::StrCat(where(), ": not valid JSON: ", WithoutTag(error.what())));
    }
    if (!object.is_object()) {
      return absl::InvalidArgumentError(absl::StrCat(where(), ": a line must be an object, not ", KindOf(object)));
    }
    return true;
  }
  if (in_.bad()) return absl::UnavailableError(absl::StrCat("cannot read ", path_, " after line ", line_));
  return false;
}

std::string JsonlReader::where() const { return absl::StrCat(path_, ":", line_); }

absl::Status RefuseUnknownFields(const json& object, std::initializer_list<std::string_view> known,
                                 const std::string& where) {
  for (const auto& item : object.items()) {
    if (std::find(known.begin(), known.end(), item.key()) != known.end()) continue;
    const std::vector<std::string> names(known.begin(), known.end());
    return absl::InvalidArgumentError(
        absl::StrCat(where, ": unknown field \"", item.key(), "\" (known: ", absl::StrJoin(names, ", "), ")"));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> StringField(const json& object, std::string_view name, const std::string& where) {
  MASPO_ASSIGN_OR_RETURN(const json* value, Find(object, std::string(name), where));
  if (!value->is_string()) return WrongKind(std::string(name), where, "a string", *value);
  return value->get<std::string>();
}

absl::StatusOr<std::string> IdField(const json& object, std::string_view name, const std::string& where) {
  MASPO_ASSIGN_OR_RETURN(const json* value, Find(object, std::string(name), where));
  if (value->is_number_integer()) return value->dump();
  if (!value->is_string()) return WrongKind(std::string(name), where, "a string or an integer", *value);
  return value->get<std::string>();
}

absl::StatusOr<std::vector<int64_t>> TokenIdsField(const json& object, std::string_view name,
                                                   const std::string& where) {
  MASPO_ASSIGN_OR_RETURN(const json* value, Find(object, std::string(name), where));
  if (!value->is_array()) return WrongKind(std::string(name), where, "an array of token ids", *value);
  std::vector<int64_t> token_ids;
  token_ids.reserve(value->size());
  for (const json& token : *value) {
    // A literal below 2^63 and >= 0 parses as unsigned; anything else cannot be a token id.
    if (!token.is_number_unsigned() || token.get<uint64_t>() > std::numeric_limits<int64_t>::max()) {
      return absl::InvalidArgumentError(absl::StrCat(where, ": field \"", std::string(name),
                                                     "\" must hold integers >= 0, but item ", token_ids.size(), " is ",
                                                     token.dump()));
    }
    token_ids.push_back(token.get<int64_t>());
  }
  return token_ids;
}

}  // namespace maspo
