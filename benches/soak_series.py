"""Readings over time: the slope of a line through them, and a plot of them."""
import math, statistics

DOTS = 150


def slope(points):
    """The slope of the line of least squares through (x, y), and its standard error.

    Readings of one process resemble those before them: they count as the number of readings that would say as much if they did
    not, by the correlation of each rest with the one before it."""
    n, (xs, ys) = len(points), zip(*points)
    x, y = statistics.mean(xs), statistics.mean(ys)
    square = sum((one - x) ** 2 for one in xs)
    slope = sum((a - x) * (b - y) for a, b in points) / square
    rests = [b - y - slope * (a - x) for a, b in points]
    all_rests = sum(rest**2 for rest in rests)
    alike = max(0, sum(a * b for a, b in zip(rests, rests[1:])) / all_rests) if all_rests else 0
    worth = max(3, n * (1 - alike) / (1 + alike))
    return slope, math.sqrt(all_rests / (worth - 2) / square)


def thinned(points):
    """At most about DOTS points: of so many in a row, the highest."""
    group = math.ceil(len(points) / DOTS)
    return [max(points[at : at + group], key=lambda point: point[1]) for at in range(0, len(points), group)]


def plot(series, unit_of):
    """An SVG of one panel for each series: the peaks over the minutes."""
    width, height, left = 720, 110, 70
    parts = []
    for row, (name, points) in enumerate(series.items()):
        top, last, most = row * (height + 50) + 30, max(x for x, _ in points) or 1, max(y for _, y in points) * 1.15 or 1
        parts.append(f'<text x="{left}" y="{top - 8}">{name}, {unit_of[name]}</text>'
                     f'<path d="M{left},{top}V{top + height}H{width - 20}" fill="none" stroke="#888"/>'
                     f'<text x="{left - 6}" y="{top + 10}" text-anchor="end">{most:.0f}</text>'
                     f'<text x="{left - 6}" y="{top + height}" text-anchor="end">0</text>'
                     f'<text x="{width - 20}" y="{top + height + 16}" text-anchor="end">{last:.0f} min</text>')
        for x, y in thinned(points):
            across, down = left + x / last * (width - left - 20), top + height - y / most * height
            parts.append(f'<circle cx="{across:.0f}" cy="{down:.0f}" r="1.6"/>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{len(series) * (height + 50) + 20}" '
            f'font-family="sans-serif" font-size="12"><style>circle{{fill:#06c}}</style>{"".join(parts)}</svg>\n')
