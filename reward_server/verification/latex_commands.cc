#include "reward_server/verification/latex_commands.h"

#include <algorithm>
#include <string>

#include "absl/container/flat_hash_map.h"

namespace maspo {
namespace {

using Kind = Token::Kind;

struct CommandGroup {
  Kind kind;
  std::string_view text;   // Empty: each name stands for itself.
  std::string_view names;  // Separated by blanks.
};

constexpr CommandGroup kGroups[] = {
    {Kind::kEnd, "",
     "quad qquad thinspace medspace thickspace negthinspace negmedspace negthickspace hfill vspace hspace "
     "nolimits phantom boxed fbox rm bf it boldsymbol bm mathsf mathcal ensuremath space"},
    {Kind::kLetter, "",
     "alpha beta delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi varpi rho varrho sigma "
     "varsigma tau upsilon phi varphi chi psi omega Alpha Beta Delta Epsilon Theta Lambda Xi Pi Sigma Upsilon Phi Psi "
     "Omega omicron ell hbar angle measuredangle triangle square nabla partial prime Re Im aleph wp imath jmath "
     "diamondsuit "
     "heartsuit clubsuit spadesuit bigstar star sim cong perp parallel ast"},
    {Kind::kConstant, "pi", "pi"},
    {Kind::kConstant, "infinity", "infty"},
    {Kind::kTimes, "", "times cdot"},
    {Kind::kDivide, "", "div over"},
    {Kind::kMod, "", "mod bmod"},
    {Kind::kPlusMinus, "+", "pm"},
    {Kind::kPlusMinus, "-", "mp"},
    {Kind::kRelation, "=", "equiv"},
    {Kind::kRelation, "<", "lt"},
    {Kind::kRelation, ">", "gt"},
    {Kind::kRelation, "<=", "le leq leqslant leqq"},
    {Kind::kRelation, ">=", "ge geq geqslant geqq"},
    {Kind::kRelation, "!=", "ne neq"},
    {Kind::kApprox, "", "approx simeq"},
    {Kind::kIn, "", "in"},
    {Kind::kNotIn, "", "notin"},
    {Kind::kMid, "", "mid"},
    {Kind::kBar, "|", "vert lvert rvert"},
    {Kind::kBar, "||", "Vert lVert rVert"},
    {Kind::kFunction, "",
     "sin cos tan csc sec cot arcsin arccos arctan arccsc arcsec arccot sinh cosh tanh arsinh arcosh "
     "artanh exp log ln lg gcd lcm max min det deg"},
    {Kind::kFunction, "arsinh", "arcsinh"},
    {Kind::kFunction, "arcosh", "arccosh"},
    {Kind::kFunction, "artanh", "arctanh"},
    {Kind::kFunction, "tan", "tg"},
    {Kind::kFunction, "cot", "ctg cotg"},
    {Kind::kFunction, "arctan", "arctg"},
    {Kind::kFunction, "floor", "floor"},
    {Kind::kFunction, "ceil", "ceil"},
    {Kind::kFunction, "gamma", "Gamma"},
    {Kind::kLetter, "gamma", "gamma"},
    {Kind::kFraction, "", "frac"},
    {Kind::kBinomial, "", "binom dbinom tbinom"},
    {Kind::kChoose, "", "choose"},
    {Kind::kRoot, "", "sqrt"},
    {Kind::kBigOperator, "", "sum prod int lim"},
    {Kind::kTo, "", "to rightarrow Rightarrow longrightarrow implies"},
    {Kind::kUnion, "", "cup"},
    {Kind::kIntersection, "", "cap"},
    {Kind::kSetMinus, "", "setminus backslash"},
    {Kind::kEmptySet, "", "emptyset"},
    {Kind::kNamedSet, "R", "R"},
    {Kind::kOpen, "<", "langle"},
    {Kind::kClose, "<", "rangle"},
    {Kind::kOpen, "floor", "lfloor llcorner"},
    {Kind::kClose, "floor", "rfloor lrcorner"},
    {Kind::kOpen, "ceil", "lceil ulcorner"},
    {Kind::kClose, "ceil", "rceil urcorner"},
    {Kind::kOpen, "[", "lbrack"},
    {Kind::kClose, "[", "rbrack"},
    {Kind::kOpen, "(", "lgroup"},
    {Kind::kClose, "(", "rgroup"},
    {Kind::kDegree, "", "circ"},
};

using CommandMap = absl::flat_hash_map<std::string, LatexCommand>;

const CommandMap& Commands() {
  static const CommandMap* const commands = [] {
    auto* map = new CommandMap;
    for (const CommandGroup& group : kGroups) {
      std::string_view names = group.names;
      while (!names.empty()) {
        const std::string_view name = names.substr(0, names.find(' '));
        map->emplace(std::string(name), LatexCommand{name, group.kind, group.text.empty() ? name : group.text});
        names.remove_prefix(std::min(name.size() + 1, names.size()));
      }
    }
    return map;
  }();
  return *commands;
}

constexpr size_t kLongestName = 16;

}  // namespace

const LatexCommand* FindExactCommand(std::string_view name) {
  const auto found = Commands().find(absl::string_view(name.data(), name.size()));
  return found == Commands().end() ? nullptr : &found->second;
}

const LatexCommand* FindCommand(std::string_view letters) {
  for (size_t length = std::min(letters.size(), kLongestName); length > 0; --length) {
    if (const LatexCommand* command = FindExactCommand(letters.substr(0, length))) return command;
  }
  return nullptr;
}

}  // namespace maspo
