#!/usr/bin/env python3
"""Draws a dashboard as an SVG, for places without Grafana: every panel by its own queries, from a live Prometheus.

  draw_dashboard.py NAME PROMETHEUS MINUTES OUTPUT.svg
  draw_dashboard.py training http://127.0.0.1:9090 10 training.svg

NAME is a file of dashboards/ without .json. All runs, roles and instances are drawn, the last MINUTES of them.
"""
import html
import json
import math
import pathlib
import sys
import time
import urllib.parse
import urllib.request

FOLDER = pathlib.Path(__file__).resolve().parent / "dashboards"
VARIABLES = {"$run": ".*", "$role": ".*", "$instance": ".*", "$__rate_interval": "20s"}
COLUMN, LINE, POINTS = 46, 22, 100  # Pixels of Grafana's grid; samples of a series.
COLORS = ["#3b7dd8", "#e07b39", "#3a9d5d", "#b5459c", "#8a6d3b", "#4aa3a2", "#c0392b", "#7f8c8d"]
SHADES = {"green": "#3a9d5d", "yellow": "#d9a400", "red": "#c0392b"}


def filled_in(expr):
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return expr


class Prometheus:
    def __init__(self, url, minutes):
        self.url = url.rstrip("/")
        self.end = time.time()
        self.start = self.end - 60 * minutes
        self.step = 60 * minutes / POINTS

    def series(self, target):
        """[(legend, [(time, value)])]"""
        query = urllib.parse.urlencode({"query": filled_in(target["expr"]), "start": self.start, "end": self.end, "step": self.step})
        with urllib.request.urlopen(f"{self.url}/api/v1/query_range?{query}", timeout=30) as answer:
            result = json.loads(answer.read())["data"]["result"]
        found = []
        for one in result:
            legend = target["legendFormat"]
            for key, value in one["metric"].items():
                legend = legend.replace("{{" + key + "}}", value)
            points = [(t, float(value)) for t, value in one["values"]]
            found.append((legend, [(t, value) for t, value in points if math.isfinite(value)]))
        return [(legend, points) for legend, points in sorted(found) if points]


def shown(value, unit, digits=3):
    """A number as Grafana would write it, roughly."""
    if unit == "percentunit":
        return f"{100 * value:.{digits}g} %"
    name = {"bytes": "B", "Bps": "B/s", "reqps": "/s", "s": "s"}.get(unit, unit.removeprefix("suffix:") if unit.startswith("suffix:") else "")
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.{digits}g} {letter}{name}"
    return f"{value:.{digits}g} {name}".strip()


class Drawing:
    def __init__(self, prometheus):
        self.prometheus = prometheus
        self.parts = []
        self.height = 0

    def text(self, x, y, text, size=10, color="#333", anchor="start", weight="normal"):
        self.parts.append(f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{color}" text-anchor="{anchor}" font-weight="{weight}">'
                          f"{html.escape(text)}</text>")

    def box(self, x, y, width, height, fill, stroke="none"):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{fill}" stroke="{stroke}"/>')

    def panel(self, panel):
        grid = panel["gridPos"]
        x, y, width, height = grid["x"] * COLUMN + 3, grid["y"] * LINE + 3, grid["w"] * COLUMN - 6, grid["h"] * LINE - 6
        self.height = max(self.height, y + height + 6)
        if panel["type"] == "row":
            self.text(x, y + 14, panel["title"], 13, weight="bold")
            return
        self.box(x, y, width, height, "#fff", "#ddd")
        self.text(x + 8, y + 15, panel["title"], 11, weight="bold")
        series = [one for target in panel["targets"] for one in self.prometheus.series(target)]
        draw = {"stat": self.numbers, "status-history": self.history}.get(panel["type"], self.lines)
        if series:
            draw(panel, series, x + 8, y + 22, width - 16, height - 28)
        else:
            self.text(x + width / 2, y + height / 2, "no data", color="#999", anchor="middle")

    def color(self, panel, value):
        passed = [step["color"] for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"] if step["value"] is None or value >= step["value"]]
        return SHADES.get(passed[-1], passed[-1])

    def numbers(self, panel, series, x, y, width, height):
        for i, (legend, points) in enumerate(series[:3]):
            value = points[-1][1]
            middle = x + (i + 0.5) * width / len(series[:3])
            self.text(middle, y + height / 2 + 4, shown(value, panel["fieldConfig"]["defaults"]["unit"]), 19, self.color(panel, value), "middle")
            self.text(middle, y + height - 2, legend, 9, "#777", "middle")

    def history(self, panel, series, x, y, width, height):
        row = height / len(series)
        for i, (legend, points) in enumerate(series):
            for t, value in points:
                at = x + 130 + (width - 140) * (t - self.prometheus.start) / (self.prometheus.end - self.prometheus.start)
                self.box(at, y + i * row, (width - 140) / POINTS + 0.3, row - 2, self.color(panel, value))
            self.text(x, y + (i + 0.5) * row + 3, legend, 9)

    def lines(self, panel, series, x, y, width, height):
        defaults = panel["fieldConfig"]["defaults"]
        stacked = defaults["custom"]["stacking"]["mode"] == "normal"
        logarithmic = defaults["custom"]["scaleDistribution"]["type"] == "log"
        scale = (lambda value: math.log10(max(value, 1e-6))) if logarithmic else (lambda value: value)
        if stacked:
            series = self.summed(series)
        values = [value for _, points in series for _, value in points]
        low, high = min(values), max(values)
        if stacked or (0 <= low and low < high / 3 and not logarithmic):
            low = 0
        if high - low < 1e-9 * max(1, abs(high)):
            low, high = (0, 1) if low == 0 else (low - 0.5 * abs(low), high + 0.5 * abs(high))
        digits = 3 if high - low > 0.02 * abs(high) else 5
        left, below = 58, 12 + 11 * math.ceil(min(len(series), 6) / 2)
        plot = height - below

        def place(t, value):
            return (x + left + (width - left) * (t - self.prometheus.start) / (self.prometheus.end - self.prometheus.start),
                    y + 4 + (plot - 4) * (1 - (scale(value) - scale(low)) / (scale(high) - scale(low))))

        for value in (low, high) if logarithmic else (low, (low + high) / 2, high):
            at = place(0, value)[1]
            self.parts.append(f'<path d="M{x + left:.0f} {at:.1f}H{x + width:.0f}" stroke="#eee"/>')
            self.text(x + left - 4, at + 3, shown(value, defaults["unit"], digits), 8, "#777", "end")
        for step in defaults["thresholds"]["steps"][1:]:
            if low < step["value"] < high:
                at = place(0, step["value"])[1]
                self.parts.append(f'<path d="M{x + left:.0f} {at:.1f}H{x + width:.0f}" stroke="{SHADES[step["color"]]}" stroke-dasharray="4 3"/>')
        for i, (legend, points) in enumerate(series):
            path = "".join(f'{"M" if k == 0 else "L"}{px:.1f} {py:.1f}' for k, (px, py) in enumerate(place(*point) for point in points))
            self.parts.append(f'<path d="{path}" fill="none" stroke="{COLORS[i % len(COLORS)]}" stroke-width="1.4"/>')
            if i < 6:
                self.text(x + (i % 2) * width / 2, y + plot + 14 + 11 * (i // 2), "― " + legend, 8, COLORS[i % len(COLORS)])

    @staticmethod
    def summed(series):
        """Each series on top of those before it."""
        total, stacked = {}, []
        for legend, points in series:
            for t, value in points:
                total[t] = total.get(t, 0) + value
            stacked.append((legend, [(t, total[t]) for t, _ in points]))
        return stacked

    def svg(self, title):
        width = 24 * COLUMN
        return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{self.height + 24:.0f}" font-family="sans-serif">'
                f'<rect width="100%" height="100%" fill="#f6f7f8"/><text x="6" y="17" font-size="15" font-weight="bold">{html.escape(title)}</text>'
                f'<g transform="translate(0 24)">{chr(10).join(self.parts)}</g></svg>\n')


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    name, url, minutes, output = sys.argv[1:]
    content = json.loads((FOLDER / f"{name}.json").read_text())
    drawing = Drawing(Prometheus(url, float(minutes)))
    for panel in content["panels"]:
        drawing.panel(panel)
    pathlib.Path(output).write_text(drawing.svg(content["title"]))


if __name__ == "__main__":
    main()
