#pragma once

#include <string>
#include <utility>
#include <vector>

namespace maspo {

// A curve: points (x, y) with increasing x.
struct ChartSeries {
  std::string name;
  std::vector<std::pair<double, double>> points;
};

// The exponential mean of a curve of at least 20 points, weights divided by their sum so that the first points count
// fully; no points for a shorter one.
ChartSeries Smoothed(const ChartSeries& series);

// One chart as an SVG element with axes, round ticks, a legend if there are several curves, and the value of the last
// point. Long curves are smoothed, with the values behind. Colours are the classes s0 to s5, chosen by the page. Values
// that are not finite are left out. Empty when no curve has a point.
std::string LineChart(const std::string& title, const std::string& unit, const std::vector<ChartSeries>& series);

// Round numbers that divide [low, high] into at most seven parts, the first at or above low.
std::vector<double> RoundTicks(double low, double high);

// The fewest digits that tell the ticks apart, the same number for all of them; "0" stays "0".
std::vector<std::string> TickLabels(const std::vector<double>& ticks);

}  // namespace maspo
