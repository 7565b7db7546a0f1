#include "reward_server/prime_math/latex_text.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "reward_server/limits.h"
#include "reward_server/text.h"

namespace maspo {
namespace {

using Sign = std::pair<std::string_view, std::string_view>;

// Commands that stand for a text. Any other is dropped, and its arguments stay.
constexpr auto kSigns = std::to_array<Sign>({
    {"!", ""},           {"#", "#"},          {"$", "$"},        {"%", "%"},          {"&", "&"},
    {",", " "},          {":", " "},          {";", " "},        {" ", " "},          {"\\", "\n"},
    {"_", "_"},          {"{", "{"},          {"}", "}"},        {"alpha", "α"},      {"angle", "∠"},
    {"approx", "≈"},     {"backslash", "\\"}, {"beta", "β"},     {"cap", "∩"},        {"cdot", "·"},
    {"cdots", "⋯"},      {"chi", "χ"},        {"circ", "∘"},     {"cos", "cos"},      {"cup", "∪"},
    {"delta", "δ"},      {"Delta", "Δ"},      {"div", "÷"},      {"dots", "…"},       {"ell", "ℓ"},
    {"emptyset", "∅"},   {"epsilon", "ϵ"},    {"equiv", "≡"},    {"eta", "η"},        {"exp", "exp"},
    {"gamma", "γ"},      {"Gamma", "Γ"},      {"ge", "≥"},       {"geq", "≥"},        {"in", "∈"},
    {"infty", "∞"},      {"int", "∫"},        {"lambda", "λ"},   {"langle", "⟨"},     {"ldots", "…"},
    {"le", "≤"},         {"leq", "≤"},        {"lfloor", "⌊"},   {"lceil", "⌈"},      {"lim", "lim"},
    {"ln", "ln"},        {"log", "log"},      {"max", "max"},    {"mid", "|"},        {"min", "min"},
    {"mp", "∓"},         {"mu", "μ"},         {"neq", "≠"},      {"notin", "∉"},      {"nu", "ν"},
    {"omega", "ω"},      {"Omega", "Ω"},      {"parallel", "∥"}, {"perp", "⊥"},       {"phi", "ϕ"},
    {"Phi", "Φ"},        {"pi", "π"},         {"Pi", "Π"},       {"pm", "±"},         {"prime", "'"},
    {"psi", "ψ"},        {"qquad", "    "},   {"quad", "  "},    {"rangle", "⟩"},     {"rceil", "⌉"},
    {"rfloor", "⌋"},     {"rho", "ρ"},        {"setminus", "∖"}, {"sigma", "σ"},      {"Sigma", "Σ"},
    {"sim", "∼"},        {"sin", "sin"},      {"subset", "⊂"},   {"subseteq", "⊆"},   {"sum", "∑"},
    {"tan", "tan"},      {"tau", "τ"},        {"theta", "θ"},    {"times", "×"},      {"to", "→"},
    {"varnothing", "∅"}, {"varphi", "φ"},     {"wedge", "∧"},    {"vee", "∨"},        {"xi", "ξ"},
    {"zeta", "ζ"},       {"~", "~"},          {"cong", "≅"},     {"rightarrow", "→"}, {"varepsilon", "ε"},
});

constexpr std::string_view kFractions[] = {"frac", "nicefrac", "textfrac"};
// Fonts and accents make other letters of letters: a mark before them tells.
constexpr std::string_view kMarks[] = {"mathbf",   "mathit", "mathsf", "mathbb", "mathtt", "mathcal", "mathscr",
                                       "mathfrak", "hat",    "vec",    "bar",    "tilde",  "dot"};
constexpr std::string_view kMatrices[] = {"array", "pmatrix", "bmatrix", "smallmatrix", "psmallmatrix", "bsmallmatrix"};
constexpr std::string_view kOthers[][2] = {{"---", "—"}, {"--", "–"},     {"``", "“"},
                                           {"''", "”"},  {"~", "\u00a0"}, {"&", "   "}};

bool IsOneOf(std::string_view name, const auto& names) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

class TextWriter {
 public:
  explicit TextWriter(std::string_view latex) : latex_(latex) {}

  // Up to the brace that closes a group, or `end`, which is taken too.
  std::string Write(std::string_view end = {}) {
    std::string out;
    if (++depth_ > limits::kNesting) failed_ = true;
    while (at_ < latex_.size() && !failed_) {
      if (end.empty() && depth_ > 1 && latex_[at_] == '}') {
        ++at_;
        break;
      }
      if (!end.empty() && TakePrefix(end)) break;
      out += Next();
    }
    --depth_;
    return out;
  }

  bool failed() const { return failed_; }

 private:
  std::string_view Rest() const { return latex_.substr(at_); }

  bool TakePrefix(std::string_view prefix) {
    if (!Rest().starts_with(prefix)) return false;
    at_ += prefix.size();
    return true;
  }

  void SkipBlanks() {
    while (at_ < latex_.size() && absl::ascii_isspace(latex_[at_])) ++at_;
  }

  std::string Next() {
    for (const auto& [from, to] : kOthers) {
      if (TakePrefix(from)) return std::string(to);
    }
    const char c = latex_[at_++];
    if (c == '{') return Write();
    if (c == '\\') return Command();
    return c == '}' ? std::string() : std::string(1, c);
  }

  // The group, command or character that a command takes; `present` stays when there is none.
  std::string Argument(bool& present) {
    SkipBlanks();
    present = at_ < latex_.size() && latex_[at_] != '}';
    if (!present) return "";
    if (++depth_ > limits::kNesting) failed_ = true;
    std::string argument = failed_ ? "" : Next();
    --depth_;
    while (!argument.empty() && at_ < latex_.size() && (static_cast<unsigned char>(latex_[at_]) & 0xc0) == 0x80) {
      argument += latex_[at_++];  // The rest of a character of several bytes.
    }
    return argument;
  }

  std::string_view Name() {
    size_t end = at_;
    while (end < latex_.size() && absl::ascii_isalpha(latex_[end])) ++end;
    if (end == at_ && end < latex_.size()) ++end;
    const std::string_view name = latex_.substr(at_, end - at_);
    at_ = end;
    if (!name.empty() && absl::ascii_isalpha(name[0])) SkipBlanks();
    return name;
  }

  std::string Command() {
    const std::string_view name = Name();
    bool present = true;
    if (IsOneOf(name, kFractions)) {
      std::string numerator = Argument(present);
      std::string denominator = present ? Argument(present) : "";
      return present ? absl::StrCat(numerator, "/", denominator) : absl::StrCat("%s/%s", numerator);
    }
    if (name == "sqrt") {
      SkipBlanks();
      if (TakePrefix("[")) Write("]");  // The index of the root is lost.
      return absl::StrCat("√(", Argument(present), ")");
    }
    if (name == "begin") return Environment();
    if (IsOneOf(name, kMarks)) {
      const std::string argument = Argument(present);
      const bool has_letter =
          std::any_of(argument.begin(), argument.end(), [](char c) { return absl::ascii_isalpha(c); });
      return absl::StrCat(has_letter ? "\u20db" : "", argument);
    }
    const auto* sign = std::find_if(kSigns.begin(), kSigns.end(), [&](const Sign& s) { return s.first == name; });
    return sign == kSigns.end() ? std::string() : std::string(sign->second);
  }

  std::string Environment() {
    if (!TakePrefix("{")) return "";
    const size_t close = std::min(latex_.find('}', at_), latex_.size());
    const std::string name(latex_.substr(at_, close - at_));
    at_ = std::min(close + 1, latex_.size());
    bool present = false;
    if (name == "array") Argument(present);
    const std::string content = Write(absl::StrCat("\\end{", name, "}"));
    return IsOneOf(std::string_view(name), kMatrices) ? Matrix(content) : content;
  }

  // [ 1 2; 3 4 ], the elements filled up with blanks to one width.
  static std::string Matrix(std::string_view content) {
    std::vector<std::vector<std::string>> rows(1);
    size_t width = 0;
    const auto take = [&](std::string_view element) {
      if (element.empty()) return;  // Two separators without anything between them.
      rows.back().emplace_back(Stripped(element));
      width = std::max(width, rows.back().back().size());
    };
    size_t begin = 0;
    for (size_t i = 0; i < content.size(); ++i) {
      const bool column = content.substr(i).starts_with("   "), row = content[i] == '\n';
      if (!column && !row) continue;
      take(content.substr(begin, i - begin));
      if (row) rows.emplace_back();
      i += column ? 2 : 0;
      begin = i + 1;
    }
    take(content.substr(begin));
    std::string text = "[ ";
    for (const auto& row : rows) {
      if (&row != &rows[0]) text += "; ";
      for (const std::string& element : row) {
        if (&element != &row[0]) text += " ";
        text.append(width - element.size(), ' ').append(element);
      }
    }
    return text + " ]";
  }

  const std::string_view latex_;
  size_t at_ = 0;
  int depth_ = 0;
  bool failed_ = false;
};

}  // namespace

std::optional<std::string> LatexToText(std::string_view latex) {
  TextWriter writer(latex);
  std::string text = writer.Write();
  return writer.failed() ? std::nullopt : std::optional(std::move(text));
}

}  // namespace maspo
