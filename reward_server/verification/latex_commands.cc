#include "reward_server/verification/latex_commands.h"

#include <array>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"

namespace maspo {
namespace {

// The words of a text, separated by blanks.
template <typename Visit>
void ForEachWord(std::string_view text, Visit visit) {
  for (size_t begin = text.find_first_not_of(' '); begin != std::string_view::npos;) {
    const size_t end = text.find(' ', begin);
    visit(text.substr(begin, end - begin));
    begin = end == std::string_view::npos ? end : text.find_first_not_of(' ', end);
  }
}

constexpr auto kCommands = std::to_array<std::pair<CommandRole, std::string_view>>({
    {CommandRole::kIgnored,
     "left right big Big bigl bigr Bigl Bigr bigg Bigg displaystyle textstyle scriptstyle limits quad qquad thinspace "
     "boxed fbox mathbf mathit mathsf mathtt mathcal mathbb boldsymbol bm bf rm it"},
    {CommandRole::kProse, "text textbf textit textrm textsf texttt textnormal mathrm mbox hbox emph"},
    {CommandRole::kSymbol,
     "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi rho sigma tau "
     "upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega infty ell"},
    {CommandRole::kFraction, "frac dfrac tfrac cfrac"},
    {CommandRole::kTimes, "times cdot ast"},
    {CommandRole::kDivide, "div"},
    {CommandRole::kEmptySet, "emptyset varnothing"},
    {CommandRole::kDegree, "degree"},
    {CommandRole::kOpenSet, "lbrace"},
    {CommandRole::kCloseSet, "rbrace"},
});

constexpr std::string_view kUnits =
    "unit units square sq cubic per degree degrees deg radians rad "
    "mm cm dm km meter meters metre metres millimeters centimeters centimetres kilometers kilometres "
    "inch inches ft foot feet yd yard yards mile miles mph kph "
    "mg kg gram grams kilograms ton tons lb lbs pound pounds oz ounce ounces "
    "ml liter liters litre litres milliliters gallon gallons cup cups "
    "ms sec second seconds min mins minute minutes hr hrs hour hours day days week weeks month months year years am pm "
    "cent cents dollar dollars usd eur euro euros "
    "hz khz watt watts kw kwh joule joules kj newton newtons volt volts amp amps ohm ohms "
    "people point points way ways time times";

}  // namespace

CommandRole RoleOf(std::string_view name) {
  static const auto* const kRoles = [] {
    auto* roles = new absl::flat_hash_map<std::string_view, CommandRole>;
    for (const auto& entry : kCommands) {
      ForEachWord(entry.second, [&](std::string_view command) { roles->emplace(command, entry.first); });
    }
    return roles;
  }();
  const auto it = kRoles->find(name);
  return it == kRoles->end() ? CommandRole::kUnknown : it->second;
}

bool IsUnitWord(std::string_view word) {
  static const auto* const kWords = [] {
    auto* words = new absl::flat_hash_set<std::string_view>;
    ForEachWord(kUnits, [&](std::string_view unit) { words->insert(unit); });
    return words;
  }();
  return kWords->contains(word);
}

}  // namespace maspo
