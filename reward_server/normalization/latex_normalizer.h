#pragma once

#include <string>
#include <string_view>

namespace maspo {

// Rewrites an answer into plain LaTeX: one spelling for each command, Unicode signs as commands, no spacing, style,
// currency or quotes, "and" and "or" as commas, no final unit. What it returns is what the parser reads; two answers
// with the same normal form are equal whatever they mean.
//
// Each step is one pass over the text, and none makes it more than a few times longer.
std::string NormalizeLatex(std::string_view text);

// The steps, in order; each takes what the one before returned.
std::string ReplaceUnicode(std::string_view text);         // unicode_signs.cc
std::string ReplaceCommands(std::string_view text);        // command_replacement.cc: style, spacing, words of listing
std::string_view WithoutFinalUnit(std::string_view text);  // units.cc

}  // namespace maspo
