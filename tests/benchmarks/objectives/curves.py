"""Line charts side by side, as SVG: the mean of several runs, and a band from the lowest to the highest of them."""
WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 300, 200, 56, 40, 34
COLORS = ["#1b6ca8", "#d1495b", "#66a182", "#c98a16", "#7d4e9e", "#555555"]
NUM_TICKS = 4


def ticks(low, high):
    return [low + (high - low) * i / NUM_TICKS for i in range(NUM_TICKS + 1)]


def chart(index, title, curves):
    points = [(x, y) for curve in curves.values() for x, *ys in curve for y in ys]
    if not points:
        return []
    (x0, x1), (y0, y1) = ((min(axis), max(axis)) for axis in zip(*points))
    left = LEFT + index * (WIDTH + LEFT)

    def place(x, y):
        return left + (x - x0) / ((x1 - x0) or 1) * WIDTH, TOP + HEIGHT - (y - y0) / ((y1 - y0) or 1) * HEIGHT

    def path(pairs):
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*pair) for pair in pairs))

    parts = [f'<text x="{left}" y="{TOP - 12}" font-weight="bold">{title}</text>']
    for y in ticks(y0, y1):
        height = place(x0, y)[1]
        parts += [f'<line x1="{left}" x2="{left + WIDTH}" y1="{height:.1f}" y2="{height:.1f}" stroke="#e4e4e4"/>',
                  f'<text x="{left - 6}" y="{height + 4:.1f}" text-anchor="end" fill="#555">{y:.3g}</text>']
    parts += [f'<text x="{place(x, y0)[0]:.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle" fill="#555">{x:g}</text>'
              for x in (x0, (x0 + x1) / 2, x1)]
    for color, curve in zip(COLORS, curves.values()):
        band = [(x, low) for x, low, _, _ in curve] + [(x, high) for x, _, _, high in reversed(curve)]
        parts += [f'<polygon points="{path(band)}" fill="{color}" fill-opacity="0.12"/>',
                  f'<polyline points="{path([(x, mean) for x, _, mean, _ in curve])}" fill="none" stroke="{color}" stroke-width="1.6"/>']
    return parts


def draw(panels):
    """panels: {title: {name: [(x, lowest, mean, highest), ...]}}, the same names in every panel."""
    width, legend = LEFT + len(panels) * (WIDTH + LEFT), TOP + HEIGHT + BOTTOM + 12
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{legend + 16}" font-family="sans-serif" '
             'font-size="12"><rect width="100%" height="100%" fill="white"/>']
    for index, (title, curves) in enumerate(panels.items()):
        parts += chart(index, title, curves)
    for i, (color, name) in enumerate(zip(COLORS, next(iter(panels.values())))):
        x = LEFT + 130 * i
        parts.append(f'<rect x="{x}" y="{legend - 6}" width="14" height="4" fill="{color}"/>'
                     f'<text x="{x + 20}" y="{legend}">{name}</text>')
    return "\n".join(parts + ["</svg>", ""])
