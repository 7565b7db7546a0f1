"""Line charts side by side, as SVG."""
WIDTH, HEIGHT, MARGIN = 300, 200, 46
COLORS = ["#1b6ca8", "#d1495b", "#66a182", "#edae49", "#7d4e9e", "#555555"]


def chart(index, title, curves):
    points = [point for curve in curves.values() for point in curve]
    if not points:
        return []
    (x0, x1), (y0, y1) = ((min(axis), max(axis)) for axis in zip(*points))
    left = MARGIN + index * (WIDTH + MARGIN)

    def place(x, y):
        return (left + (x - x0) / ((x1 - x0) or 1) * WIDTH, MARGIN + HEIGHT - (y - y0) / ((y1 - y0) or 1) * HEIGHT)

    parts = [f'<text x="{left}" y="{MARGIN - 12}" font-weight="bold">{title}</text>',
             f'<rect x="{left}" y="{MARGIN}" width="{WIDTH}" height="{HEIGHT}" fill="none" stroke="#ccc"/>',
             f'<text x="{left - 4}" y="{MARGIN + 10}" text-anchor="end">{y1:.3g}</text>',
             f'<text x="{left - 4}" y="{MARGIN + HEIGHT}" text-anchor="end">{y0:.3g}</text>',
             f'<text x="{left + WIDTH}" y="{MARGIN + HEIGHT + 16}" text-anchor="end">step {x1:g}</text>']
    for color, curve in zip(COLORS, curves.values()):
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in curve))
        parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="1.5"/>')
    return parts


def draw(panels):
    """panels: {title: {name: [(x, y), ...]}}, the same names in every panel."""
    width = MARGIN + len(panels) * (WIDTH + MARGIN)
    names = list(next(iter(panels.values())))
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{HEIGHT + 2 * MARGIN + 24}" '
             'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>']
    for index, (title, curves) in enumerate(panels.items()):
        parts += chart(index, title, curves)
    for i, (color, name) in enumerate(zip(COLORS, names)):
        x = MARGIN + 130 * i
        parts.append(f'<rect x="{x}" y="{HEIGHT + 2 * MARGIN}" width="14" height="4" fill="{color}"/>'
                     f'<text x="{x + 20}" y="{HEIGHT + 2 * MARGIN + 6}">{name}</text>')
    return "\n".join(parts + ["</svg>", ""])
