#include <algorithm>
#include <array>
#include <utility>

#include "reward_server/normalization/latex_normalizer.h"

namespace maspo {
namespace {

using Sign = std::pair<std::string_view, std::string_view>;  // UTF-8 bytes, LaTeX.

// The rest of Unicode stays as it is: letters of other alphabets are variables.
constexpr auto kSigns = std::to_array<Sign>({
    {"\u00a0", " "},  // no-break space
    {"\u00a2", ""},   // cent
    {"\u00a3", ""},   // pound
    {"\u00a5", ""},   // yen
    {"\u00b0", "^\\circ "},
    {"\u00b1", "\\pm "},
    {"\u00b2", "^{2}"},
    {"\u00b3", "^{3}"},
    {"\u00b7", "\\cdot "},
    {"\u00bc", "\\frac{1}{4}"},
    {"\u00bd", "\\frac{1}{2}"},
    {"\u00be", "\\frac{3}{4}"},
    {"\u00d7", "\\times "},
    {"\u00f7", "\\div "},
    {"\u0391", "\\Alpha "},
    {"\u0393", "\\Gamma "},
    {"\u0394", "\\Delta "},
    {"\u03a3", "\\Sigma "},
    {"\u03a6", "\\Phi "},
    {"\u03a9", "\\Omega "},
    {"\u03b1", "\\alpha "},
    {"\u03b2", "\\beta "},
    {"\u03b3", "\\gamma "},
    {"\u03b4", "\\delta "},
    {"\u03b5", "\\epsilon "},
    {"\u03b8", "\\theta "},
    {"\u03bb", "\\lambda "},
    {"\u03bc", "\\mu "},
    {"\u03bd", "\\nu "},
    {"\u03c0", "\\pi "},
    {"\u03c1", "\\rho "},
    {"\u03c3", "\\sigma "},
    {"\u03c4", "\\tau "},
    {"\u03c6", "\\phi "},
    {"\u03d5", "\\varphi "},
    {"\u03c9", "\\omega "},
    {"\u2002", " "},
    {"\u2003", " "},
    {"\u2009", "\\,"},  // thin space
    {"\u200b", ""},     // zero-width space
    {"\u2010", "-"},
    {"\u2011", "-"},
    {"\u2012", "-"},
    {"\u2013", "-"},
    {"\u2014", "-"},
    {"\u2018", ""},
    {"\u2019", ""},
    {"\u201c", ""},
    {"\u201d", ""},
    {"\u2026", "\\ldots "},
    {"\u202f", "\\,"},
    {"\u2032", ""},
    {"\u20ac", ""},  // euro
    {"\u211a", "\\mathbb{Q}"},
    {"\u211d", "\\mathbb{R}"},
    {"\u2115", "\\mathbb{N}"},
    {"\u2102", "\\mathbb{C}"},
    {"\u2124", "\\mathbb{Z}"},
    {"\u2205", "\\emptyset "},
    {"\u2208", "\\in "},
    {"\u2209", "\\notin "},
    {"\u2211", "\\sum "},
    {"\u2212", "-"},
    {"\u2213", "\\mp "},
    {"\u2215", "/"},
    {"\u2216", "\\setminus "},
    {"\u2217", "*"},
    {"\u221a", "\\sqrt "},
    {"\u221e", "\\infty "},
    {"\u2220", "\\angle "},
    {"\u2229", "\\cap "},
    {"\u222a", "\\cup "},
    {"\u222b", "\\int "},
    {"\u2248", "\\approx "},
    {"\u2245", "\\approx "},
    {"\u2260", "\\ne "},
    {"\u2261", "\\equiv "},
    {"\u2264", "\\le "},
    {"\u2265", "\\ge "},
    {"\u22c5", "\\cdot "},
    {"\u2a7d", "\\le "},
    {"\u2a7e", "\\ge "},
    {"\u2062", ""},
});

const Sign* FindSign(std::string_view rest) {
  const auto* found =
      std::find_if(kSigns.begin(), kSigns.end(), [&](const Sign& sign) { return rest.starts_with(sign.first); });
  return found == kSigns.end() ? nullptr : found;
}

}  // namespace

std::string ReplaceUnicode(std::string_view text) {
  std::string replaced;
  replaced.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    if (static_cast<unsigned char>(text[i]) >= 0x80) {
      if (const Sign* sign = FindSign(text.substr(i))) {
        replaced += sign->second;
        i += sign->first.size();
        continue;
      }
    }
    replaced += text[i++];
  }
  return replaced;
}

}  // namespace maspo
