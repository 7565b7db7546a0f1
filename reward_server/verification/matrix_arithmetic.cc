#include "reward_server/verification/matrix_arithmetic.h"

#include <algorithm>
#include <utility>

#include "reward_server/limits.h"

namespace maspo {
namespace {

using Kind = Expression::Kind;

constexpr size_t kMaxDeterminantRows = 4;
constexpr slong kMaxPower = 8;

size_t RowsOf(const Expression& matrix) { return matrix.parts.size() / matrix.columns; }

Expression Scaled(Expression matrix, const Expression& factor) {
  for (Expression& element : matrix.parts) element = Expression::Flat(Kind::kProduct, factor, std::move(element));
  return matrix;
}

// Whether the shapes fit; the result goes to `left`.
bool AddTo(Expression& left, const Expression& right) {
  if (!left.Is(Kind::kMatrix) || !right.Is(Kind::kMatrix)) return false;
  if (left.columns != right.columns || left.parts.size() != right.parts.size()) return false;
  for (size_t i = 0; i < left.parts.size(); ++i) {
    left.parts[i] = Expression::Flat(Kind::kSum, std::move(left.parts[i]), right.parts[i]);
  }
  return true;
}

bool MultiplyBy(Expression& left, const Expression& right, WorkBudget& budget) {
  if (!left.Is(Kind::kMatrix) || !right.Is(Kind::kMatrix)) {
    if (left.Is(Kind::kMatrix))
      left = Scaled(std::move(left), right);
    else if (right.Is(Kind::kMatrix))
      left = Scaled(right, left);
    else
      left = Expression::Flat(Kind::kProduct, std::move(left), right);
    return true;
  }
  const size_t rows = RowsOf(left), inner = left.columns, columns = right.columns;
  if (inner != RowsOf(right) || rows * columns > static_cast<size_t>(limits::kItems)) return false;
  if (!budget.Spend(static_cast<int64_t>(rows * inner * columns))) return false;
  Expression product = Expression::Of(Kind::kMatrix, std::vector<Expression>());
  product.columns = right.columns;
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) {
      std::vector<Expression> terms;
      for (size_t k = 0; k < inner; ++k) {
        terms.push_back(Expression::Of(Kind::kProduct, left.parts[i * inner + k], right.parts[k * columns + j]));
      }
      product.parts.push_back(terms.size() == 1 ? std::move(terms[0]) : Expression::Of(Kind::kSum, std::move(terms)));
    }
  }
  left = std::move(product);
  return true;
}

// Along the first of the rows that are left, over the columns that are left.
Expression Determinant(const Expression& matrix, size_t row, const std::vector<size_t>& columns) {
  if (columns.size() == 1) return matrix.parts[row * matrix.columns + columns[0]];
  std::vector<Expression> terms;
  for (size_t i = 0; i < columns.size(); ++i) {
    std::vector<size_t> others = columns;
    others.erase(others.begin() + static_cast<ptrdiff_t>(i));
    Expression term = Expression::Of(Kind::kProduct, matrix.parts[row * matrix.columns + columns[i]],
                                     Determinant(matrix, row + 1, others));
    terms.push_back(i % 2 == 0 ? std::move(term) : Expression::Negated(std::move(term)));
  }
  return Expression::Of(Kind::kSum, std::move(terms));
}

Expression WithDeterminant(Expression e) {
  const Expression& matrix = e.parts[0];
  const size_t rows = RowsOf(matrix);
  if (rows != static_cast<size_t>(matrix.columns) || rows > kMaxDeterminantRows) return e;
  std::vector<size_t> columns(rows);
  for (size_t i = 0; i < rows; ++i) columns[i] = i;
  return Determinant(matrix, 0, columns);
}

// Combines the parts from left to right; false when two do not fit.
bool Fold(Expression& e, WorkBudget& budget) {
  Expression result = e.parts[0];
  for (size_t i = 1; i < e.parts.size(); ++i) {
    const bool fits = e.Is(Kind::kSum) ? AddTo(result, e.parts[i]) : MultiplyBy(result, e.parts[i], budget);
    if (!fits) return false;
  }
  e = std::move(result);
  return true;
}

}  // namespace

bool HasMatrix(const Expression& e) {
  return e.Is(Kind::kMatrix) || std::any_of(e.parts.begin(), e.parts.end(), HasMatrix);
}

Expression WithMatricesEvaluated(Expression e, WorkBudget& budget) {
  if (!HasMatrix(e) || !budget.Spend()) return e;
  for (Expression& part : e.parts) part = WithMatricesEvaluated(std::move(part), budget);
  const bool first_is_matrix = !e.parts.empty() && e.parts[0].Is(Kind::kMatrix);
  switch (e.kind) {
    case Kind::kNegate:
      return first_is_matrix ? Scaled(std::move(e.parts[0]), Expression::Number(Rational(-1))) : e;
    case Kind::kQuotient: {
      if (!first_is_matrix || e.parts[1].Is(Kind::kMatrix)) return e;
      const Expression inverse =
          Expression::Of(Kind::kQuotient, Expression::Number(Rational(1)), std::move(e.parts[1]));
      return Scaled(std::move(e.parts[0]), inverse);
    }
    case Kind::kSum:
    case Kind::kProduct:
      Fold(e, budget);
      return e;
    case Kind::kPower: {
      const Expression& exponent = e.parts[1];
      const bool is_small =
          exponent.Is(Kind::kNumber) && exponent.value.IsSmall(kMaxPower) && exponent.value.sign() > 0;
      if (!first_is_matrix || !is_small) return e;
      Expression product = Expression::Of(Kind::kProduct, std::vector<Expression>(exponent.value.small(), e.parts[0]));
      return Fold(product, budget) ? product : e;
    }
    case Kind::kFunction:
      return e.text == "det" && first_is_matrix ? WithDeterminant(std::move(e)) : e;
    default:
      return e;
  }
}

}  // namespace maspo
