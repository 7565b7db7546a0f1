#include "reward_server/prime_math/algebra.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "reward_server/limits.h"
#include "reward_server/text.h"

namespace maspo {
namespace {

using Kind = Expression::Kind;

// Words of at most two letters that mean something else than a product, to Python or to its parser.
constexpr std::string_view kRefusedWords[] = {"as", "if", "im", "in", "is", "oo", "or", "re", "li", "ff", "rf"};
constexpr std::string_view kWholeWords[] = {"mu", "nu", "xi"};

bool IsLetter(char c) { return absl::ascii_isalpha(c) || c == '_'; }

// Bytes of the Greek letter at the front, or 0.
size_t GreekBytes(std::string_view text) {
  if (text.size() < 2) return 0;
  const auto lead = static_cast<unsigned char>(text[0]);
  return lead == 0xce || lead == 0xcf ? 2 : 0;
}

class AlgebraReader {
 public:
  AlgebraReader(std::string_view text, AlgebraDialect dialect, WorkBudget& budget)
      : text_(text), is_algebra_(dialect == AlgebraDialect::kAlgebra), budget_(budget) {}

  std::optional<Expression> Read() {
    Expression e = Sum();
    SkipBlanks();
    return failed_ || at_ < text_.size() ? std::nullopt : std::optional(std::move(e));
  }

 private:
  std::string_view Rest() const { return text_.substr(at_); }
  void SkipBlanks() {
    while (at_ < text_.size() && absl::ascii_isspace(text_[at_])) ++at_;
  }
  bool Take(std::string_view sign) {
    SkipBlanks();
    if (!Rest().starts_with(sign)) return false;
    at_ += sign.size();
    return true;
  }
  Expression Fail() {
    failed_ = true;
    return {};
  }

  Expression Sum() {
    if (++nesting_ > limits::kNesting || !budget_.Spend()) return Fail();
    Expression sum = Product();
    while (!failed_) {
      const bool plus = Take("+");
      if (!plus && !Take("-")) break;
      Expression next = Product();
      sum = Expression::Flat(Kind::kSum, std::move(sum), plus ? std::move(next) : Expression::Negated(std::move(next)));
    }
    --nesting_;
    return sum;
  }

  // Products, with a sign or without, and quotients, from left to right.
  Expression Product() {
    Expression product = Signed();
    while (!failed_ && budget_.Spend()) {
      SkipBlanks();
      if (Rest().starts_with("//")) return Fail();
      if (Take("/")) {
        if (++quotients_ > limits::kChained) return Fail();
        product = Expression::Of(Kind::kQuotient, std::move(product), Signed());
      } else if (Take("*")) {
        product = Expression::Flat(Kind::kProduct, std::move(product), Signed());
      } else if (is_algebra_ && BeginsOperand()) {
        product = Expression::Flat(Kind::kProduct, std::move(product), Power());
      } else {
        break;
      }
    }
    return product;
  }

  bool BeginsOperand() const {
    return at_ < text_.size() && (IsLetter(text_[at_]) || absl::ascii_isdigit(text_[at_]) || text_[at_] == '(' ||
                                  text_[at_] == '.' || GreekBytes(Rest()) > 0);
  }

  Expression Signed() {
    if (++nesting_ > limits::kNesting) return Fail();
    Expression e;
    if (Take("-")) {
      e = Expression::Negated(Signed());
    } else {
      e = Take("+") ? Signed() : Power();
    }
    --nesting_;
    return e;
  }

  Expression Power() {
    if (++nesting_ > limits::kNesting) return Fail();
    Expression power = PowerWithin();
    --nesting_;
    return power;
  }

  Expression PowerWithin() {
    Expression base = Operand();
    if (is_algebra_ && Take("!!")) return Fail();  // Another function than the factorial of one.
    if (is_algebra_ && !failed_ && Take("!")) base = Expression::Function("factorial", {std::move(base)});
    if (failed_ || !(Take("**") || (is_algebra_ && Take("^")))) return base;
    Expression exponent = Signed();
    return Expression::Of(Kind::kPower, std::move(base), std::move(exponent));
  }

  Expression Operand() {
    SkipBlanks();
    if (at_ >= text_.size()) return Fail();
    if (Take("(")) {
      Expression e = Sum();
      return Take(")") ? std::move(e) : Fail();
    }
    if (absl::ascii_isdigit(text_[at_]) || text_[at_] == '.') return Number();
    return is_algebra_ ? Name() : Fail();
  }

  Expression Number() {
    const size_t begin = at_;
    const auto skip_digits = [&] {
      while (at_ < text_.size() && absl::ascii_isdigit(text_[at_])) ++at_;
    };
    skip_digits();
    const bool leading_zero = text_[begin] == '0' && at_ > begin + 1 &&
                              text_.substr(begin, at_ - begin).find_first_not_of('0') != std::string_view::npos;
    const bool is_integer = !Rest().starts_with(".");
    if (!is_integer) {
      ++at_;
      skip_digits();
    }
    const bool has_exponent = Rest().size() > 1 && Rest()[0] == 'e' && absl::ascii_isdigit(Rest()[1]);
    if (has_exponent) {
      ++at_;
      skip_digits();
    }
    Rational value;
    if (leading_zero && is_integer && !has_exponent) return Fail();
    if (ParseDecimal(text_.substr(begin, at_ - begin), value) != Exactness::kExact) return Fail();
    return Expression::Number(std::move(value));
  }

  Expression Name() {
    if (const size_t bytes = GreekBytes(Rest()); bytes > 0) {
      at_ += bytes;
      return Expression::Symbol(std::string(text_.substr(at_ - bytes, bytes)));
    }
    if (!IsLetter(text_[at_])) return Fail();
    const size_t begin = at_;
    while (at_ < text_.size() && (IsLetter(text_[at_]) || absl::ascii_isdigit(text_[at_]))) ++at_;
    const std::string_view name = text_.substr(begin, at_ - begin);
    if (name == "pi") return Expression::Constant("pi");
    if (name == "sqrt") return Expression::Function("root", {Power(), Expression::Number(Rational(2))});
    if (name == "ln") return Expression::Function("log", {Power(), Expression::Constant("e")});
    if (std::find(std::begin(kRefusedWords), std::end(kRefusedWords), name) != std::end(kRefusedWords)) return Fail();
    const bool is_whole =
        Contains(name, '_') || std::find(std::begin(kWholeWords), std::end(kWholeWords), name) != std::end(kWholeWords);
    if (is_whole) return Expression::Symbol(std::string(name));
    return Letters(name);
  }

  // x2y is x*2*y.
  Expression Letters(std::string_view name) {
    std::vector<Expression> factors;
    for (size_t i = 0; i < name.size(); ++i) {
      if (absl::ascii_isdigit(name[i])) {
        size_t end = i;
        while (end < name.size() && absl::ascii_isdigit(name[end])) ++end;
        Rational value;
        if (ParseDecimal(name.substr(i, end - i), value) != Exactness::kExact) return Fail();
        factors.push_back(Expression::Number(std::move(value)));
        i = end - 1;
      } else {
        factors.push_back(Expression::Symbol(std::string(1, name[i])));
      }
    }
    if (factors.size() == 1) return std::move(factors[0]);
    return Expression::Of(Kind::kProduct, std::move(factors));
  }

  const std::string_view text_;
  const bool is_algebra_;
  WorkBudget& budget_;
  size_t at_ = 0;
  int nesting_ = 0;
  int quotients_ = 0;
  bool failed_ = false;
};

}  // namespace

std::optional<Expression> ReadAlgebra(std::string_view text, AlgebraDialect dialect, WorkBudget& budget) {
  if (text.size() > limits::kAnswerBytes) return std::nullopt;
  return AlgebraReader(text, dialect, budget).Read();
}

}  // namespace maspo
