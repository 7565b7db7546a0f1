#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace maspo {

// Where the first \boxed or \fbox begins; npos: there is none.
size_t FindFirstBox(std::string_view text);

// The boxes that make up the answer of a text, as one list. kLast: the last \boxed or \fbox, preceded by those that
// form one list with it, because fewer than 10 characters lie between them, or fewer than 70 with a comma, semicolon,
// "and" or "or". kAll: every box. Equal neighbours count once; an unclosed last box runs to the end.
//
// Without any box, the text itself.
enum class Boxes { kLast, kAll };
std::string BoxedContent(std::string_view text, Boxes boxes);

}  // namespace maspo
