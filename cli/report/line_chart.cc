#include "cli/report/line_chart.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/report/html.h"
#include "services/base/format.h"

namespace maspo {
namespace {

// The drawing, in SVG units; the plot lies between the margins.
constexpr double kWidth = 420, kHeight = 220, kLeft = 52, kRight = 18, kTop = 34, kBottom = 40;
constexpr size_t kColors = 6;        // Classes s0 to s5 of the page's style.
constexpr size_t kSmoothFrom = 20;   // Points; shorter curves are drawn as they are.
constexpr double kMemoryShare = 20;  // A smoothed point remembers about a twentieth of the curve.

struct Extent {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void Add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  // A flat curve is drawn in the middle.
  void Widen() {
    if (high - low > 0) return;
    const double margin = low == 0 ? 1 : std::abs(low) / 2;
    low -= margin;
    high += margin;
  }
};

struct Scale {
  Extent x, y;
  double X(double value) const { return kLeft + (value - x.low) / (x.high - x.low) * (kWidth - kLeft - kRight); }
  double Y(double value) const {
    return kHeight - kBottom - (value - y.low) / (y.high - y.low) * (kHeight - kTop - kBottom);
  }
};

std::string Text(double x, double y, const char* anchor, const std::string& text) {
  return absl::StrFormat("<text x='%.1f' y='%.1f' text-anchor='%s'>%s</text>", x, y, anchor, EscapeHtml(text));
}

std::string Axes(const Scale& scale) {
  std::string svg;
  const std::vector<double> ticks = RoundTicks(scale.y.low, scale.y.high);
  const std::vector<std::string> labels = TickLabels(ticks);
  for (size_t i = 0; i < ticks.size(); ++i) {
    absl::StrAppendFormat(&svg, "<line class='grid' x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f'/>", kLeft, kWidth - kRight,
                          scale.Y(ticks[i]), scale.Y(ticks[i]));
    absl::StrAppend(&svg, Text(kLeft - 6, scale.Y(ticks[i]) + 4, "end", labels[i]));
  }
  for (const double tick : RoundTicks(scale.x.low, scale.x.high)) {
    absl::StrAppendFormat(&svg, "<line class='grid' x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f'/>", scale.X(tick),
                          scale.X(tick), kHeight - kBottom, kHeight - kBottom + 4);
    absl::StrAppend(&svg, Text(scale.X(tick), kHeight - kBottom + 16, "middle", HumanNumber(tick)));
  }
  return svg + Text((kLeft + kWidth - kRight) / 2, kHeight - 6, "middle", "step");
}

std::string Curve(const ChartSeries& series, const Scale& scale, const std::string& style) {
  std::string points;
  for (const auto& [x, y] : series.points) {
    if (std::isfinite(y)) absl::StrAppendFormat(&points, "%.1f,%.1f ", scale.X(x), scale.Y(y));
  }
  return absl::StrFormat("<polyline class='%s' points='%s'/>", style, points);
}

// The noisy curve faintly, and the smoothed one on it.
std::string Curves(const ChartSeries& series, const Scale& scale, size_t color) {
  const std::string style = absl::StrCat("s", color % kColors);
  const ChartSeries smoothed = Smoothed(series);
  if (smoothed.points.empty()) return Curve(series, scale, style);
  return absl::StrCat(Curve(series, scale, style + " raw"), Curve(smoothed, scale, style));
}

}  // namespace

ChartSeries Smoothed(const ChartSeries& series) {
  ChartSeries smoothed{series.name, {}};
  if (series.points.size() < kSmoothFrom) return smoothed;
  const double keep = std::exp(-kMemoryShare / static_cast<double>(series.points.size()));
  double sum = 0, weight = 0;
  for (const auto& [x, y] : series.points) {
    if (!std::isfinite(y)) continue;
    sum = keep * sum + y;
    weight = keep * weight + 1;
    smoothed.points.push_back({x, sum / weight});
  }
  return smoothed;
}

std::vector<double> RoundTicks(double low, double high) {
  constexpr double kMostParts = 7;
  const double magnitude = std::pow(10, std::floor(std::log10((high - low) / kMostParts)));
  double step = magnitude;
  for (const double factor : {2.0, 5.0, 10.0}) {
    if ((high - low) / step > kMostParts) step = factor * magnitude;
  }
  std::vector<double> ticks;
  // Multiples of the step, so that a tick at zero is zero and not nearly zero.
  for (double index = std::ceil(low / step - 1e-9); index * step <= high + step * 1e-9; ++index) {
    ticks.push_back(index * step + 0.0);  // Not -0.
  }
  return ticks;
}

std::vector<std::string> TickLabels(const std::vector<double>& ticks) {
  constexpr int kMostDigits = 6;
  const double step = ticks.size() > 1 ? ticks[1] - ticks[0] : 1;
  const int digits = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  std::vector<std::string> labels;
  for (const double tick : ticks) {
    labels.push_back(tick == 0              ? "0"
                     : digits > kMostDigits ? absl::StrFormat("%.3g", tick)
                                            : absl::StrFormat("%.*f", digits, tick));
  }
  return labels;
}

std::string LineChart(const std::string& title, const std::string& unit, const std::vector<ChartSeries>& series) {
  Scale scale;
  for (const ChartSeries& one : series) {
    for (const auto& [x, y] : one.points) {
      if (!std::isfinite(y)) continue;
      scale.x.Add(x);
      scale.y.Add(y);
    }
  }
  if (scale.x.low > scale.x.high) return "";
  scale.x.Widen();
  scale.y.Widen();
  std::string svg = absl::StrFormat("<svg class='chart' viewBox='0 0 %.0f %.0f' role='img'>", kWidth, kHeight);
  absl::StrAppend(&svg, "<title>", EscapeHtml(title), "</title><text class='title' x='8' y='16'>", EscapeHtml(title),
                  " <tspan class='unit'>", EscapeHtml(unit), "</tspan></text>", Axes(scale));
  double legend_x = kLeft;
  for (size_t i = 0; i < series.size(); ++i) {
    if (series[i].points.empty()) continue;
    absl::StrAppend(&svg, Curves(series[i], scale, i));
    if (series.size() == 1) {
      absl::StrAppend(&svg, Text(kWidth - kRight, 16, "end", HumanNumber(series[i].points.back().second)));
      continue;
    }
    absl::StrAppendFormat(&svg, "<text class='s%d' x='%.1f' y='29'>%s</text>", i % kColors, legend_x,
                          EscapeHtml(series[i].name));
    legend_x += 14 + 6.2 * static_cast<double>(series[i].name.size());
  }
  return svg + "</svg>";
}

}  // namespace maspo
