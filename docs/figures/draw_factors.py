"""Draws what objective_figures writes: one SVG an objective, F over the ratio for both signs of the advantage.

  build/bin/objective_figures | python3 docs/figures/draw_factors.py FOLDER
"""
import csv
import sys
from collections import defaultdict
from pathlib import Path

PANEL, GAP, TOP, LEFT = 260, 40, 34, 40
HEIGHT = 150
MAX_RATIO, MAX_FACTOR = 4.0, 1.6
COLORS = ["#440154", "#3b528b", "#21918c", "#5ec962", "#d9b300"]  # Rare to common, readable without color by order.


def place(panel, ratio, factor):
    x = LEFT + panel * (PANEL + GAP) + ratio / MAX_RATIO * PANEL
    y = TOP + HEIGHT - min(max(factor, 0), MAX_FACTOR) / MAX_FACTOR * HEIGHT
    return x, y


def axes(panel, title):
    x0, y0 = place(panel, 0, 0)
    x1, y1 = place(panel, MAX_RATIO, MAX_FACTOR)
    parts = [f'<text x="{(x0 + x1) / 2:.0f}" y="{TOP - 8}" text-anchor="middle">{title}</text>']
    for ratio in range(5):
        x, _ = place(panel, ratio, 0)
        parts.append(f'<path d="M{x:.1f} {y0:.1f}V{y1:.1f}" stroke="#ddd"/>'
                     f'<text x="{x:.1f}" y="{y0 + 14:.1f}" text-anchor="middle">{ratio}</text>')
    for factor in (0, 0.5, 1, 1.5):
        _, y = place(panel, 0, factor)
        parts.append(f'<path d="M{x0:.1f} {y:.1f}H{x1:.1f}" stroke="#ddd"/>'
                     f'<text x="{x0 - 5:.1f}" y="{y + 4:.1f}" text-anchor="end">{factor:g}</text>')
    parts.append(f'<text x="{(x0 + x1) / 2:.0f}" y="{y0 + 28:.1f}" text-anchor="middle">ratio</text>')
    return parts


def without_straight_runs(points):
    """Leaves out points that lie on a straight line between those that stay, to a twentieth of a pixel."""
    kept, skipped = points[:1], []
    for point, (next_x, next_y) in zip(points[1:], points[2:]):
        skipped.append(point)
        from_x, from_y = kept[-1]
        slope = (next_y - from_y) / (next_x - from_x)
        if any(abs(from_y + slope * (x - from_x) - y) > 0.05 for x, y in skipped):
            kept.append(point)
            skipped = []
    return kept + points[-1:]


def curve(panel, points, color):
    places = without_straight_runs([place(panel, *point) for point in points])
    path = "".join(f'{"M" if i == 0 else "L"}{x:.1f} {y:.1f}' for i, (x, y) in enumerate(places))
    return f'<path d="{path}" fill="none" stroke="{color}" stroke-width="2"/>'


def legend(probabilities):
    x = LEFT + 2 * (PANEL + GAP) - 20
    parts = [f'<text x="{x}" y="{TOP + 4}">p old</text>']
    for i, probability in enumerate(probabilities):
        y = TOP + 22 + 18 * i
        parts.append(f'<path d="M{x} {y - 4}h18" stroke="{COLORS[i]}" stroke-width="2"/>'
                     f'<text x="{x + 24}" y="{y}">{probability:g}</text>')
    return parts


def figure(name, curves):
    probabilities = sorted({probability for probability, _ in curves})
    width, height = LEFT + 2 * (PANEL + GAP) + 60, TOP + HEIGHT + 40
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
             f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
             f'<title>F of {name} over the ratio</title><rect width="100%" height="100%" fill="white"/>']
    for panel, (sign, title) in enumerate(((1, f"{name}: F, A &gt; 0"), (-1, f"{name}: F, A &lt; 0"))):
        parts += axes(panel, title)
        for i, probability in enumerate(probabilities):
            parts.append(curve(panel, curves[probability, sign], COLORS[i]))
    return "\n".join(parts + legend(probabilities) + ["</svg>", ""])


def main():
    folder = Path(sys.argv[1])
    figures = defaultdict(lambda: defaultdict(list))
    for row in csv.DictReader(sys.stdin):
        key = float(row["old_probability"]), int(float(row["advantage"]))
        figures[row["objective"]][key].append((float(row["ratio"]), float(row["factor"])))
    for name, curves in figures.items():
        (folder / f"{name}.svg").write_text(figure(name, curves))
    print(f"{len(figures)} figures in {folder}")


if __name__ == "__main__":
    main()
