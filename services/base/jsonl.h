#pragma once

#include <fstream>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace maspo {

// Reads a JSON Lines file, one object a line. Blank lines are skipped. Errors begin with "FILE:LINE: ".
class JsonlReader {
 public:
  // NotFound: names the file.
  static absl::StatusOr<JsonlReader> Open(const std::string& path);

  // Puts the next object into `object`; false at the end of the file. InvalidArgument: not a JSON object.
  absl::StatusOr<bool> Next(nlohmann::json& object);

  // "FILE:LINE" of the object returned last.
  std::string where() const;

 private:
  JsonlReader(std::string path, std::ifstream in) : path_(std::move(path)), in_(std::move(in)) {}
  std::string path_;
  std::ifstream in_;
  int line_ = 0;
};

// InvalidArgument "WHERE: unknown field "x" (known: a, b)" unless every field of the object is listed.
absl::Status RefuseUnknownFields(const nlohmann::json& object, std::initializer_list<std::string_view> known,
                                 const std::string& where);

// Typed access; InvalidArgument "WHERE: field "x" is missing" or "... must be a string, not a number".
absl::StatusOr<std::string> StringField(const nlohmann::json& object, std::string_view name, const std::string& where);
// A string or an integer, as text: ids of data sets come as either.
absl::StatusOr<std::string> IdField(const nlohmann::json& object, std::string_view name, const std::string& where);
// Array of integers >= 0.
absl::StatusOr<std::vector<int64_t>> TokenIdsField(const nlohmann::json& object, std::string_view name,
                                                   const std::string& where);

}  // namespace maspo
