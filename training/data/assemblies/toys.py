# SPDX-License-Identifier: GPL-3.0-or-later
"""Bricks, blocks, balls, dice and puzzles, rings, chess pieces, furniture for dolls, trophies."""

import numpy as np

from ..builder import Builder
from ..forms import ball, box, cylinder, hollow, lathe, loft, prism, ring, smooth, tube
from ..surfaces import PRINT, Surface, color, covering, grained, label, leather, named, paint, patterned


def _brick(b: Builder, across: int, along: int, tall: float, at: tuple[float, float, float], base: np.ndarray) -> None:
    """One studded brick on a grid of 0.4, its corner of lowest x and y at ``at``."""
    plastic = paint(b.rng, base, 0)
    x, y, z = at
    size = 0.4
    b.add(
        box(across * size - 0.01, along * size - 0.01, tall, 0.012).moved(
            x + across * size / 2, y + along * size / 2, z
        ),
        plastic,
    )
    for i in range(across):
        for j in range(along):
            b.add(
                cylinder(0.125, 0.11, 0.012).moved(x + (i + 0.5) * size, y + (j + 0.5) * size, z + tall - 0.005),
                plastic,
            )


def bricks(b: Builder) -> None:
    """One studded building brick, or a little building of several."""
    tall = b.rng.choice([0.24, 0.46, 0.46])
    bright = [(0.85, 0.1, 0.1), (0.1, 0.3, 0.8), (0.95, 0.8, 0.1), (0.1, 0.6, 0.25), (0.95, 0.5, 0.1), (0.9, 0.9, 0.88)]
    count = int(b.rng.choice([1, 1, 2, 3, 5]))
    level, x, y = 0.0, 0.0, 0.0
    across, along = int(b.rng.integers(1, 4)), int(b.rng.integers(2, 5))
    for _ in range(count):
        base = np.array(bright[b.rng.integers(len(bright))]) if b.chance(0.8) else color(b.rng)
        _brick(b, across, along, tall, (x, y, level), base)
        level += tall
        if b.chance(0.5):
            x, y = x + 0.4 * b.rng.integers(-1, 2), y + 0.4 * b.rng.integers(-1, 2)
        across, along = max(1, across - int(b.rng.integers(0, 2))), max(1, along - int(b.rng.integers(0, 2)))


def blocks(b: Builder) -> None:
    """Wooden blocks: one, a tower, a bridge; cubes, cylinders, arches and roofs."""
    z = 0.0
    count = int(b.rng.integers(1, 6))
    for _ in range(count):
        wide, deep, tall = b.between(0.4, 0.8), b.between(0.35, 0.6), b.between(0.25, 0.5)
        base = color(b.rng)
        surface = (
            grained(b.rng) if b.chance(0.4) else (label(b.rng, base) if b.chance(0.2) else paint(b.rng, base, 0.1))
        )
        kind = b.rng.choice(["cube", "cylinder", "bridge", "slab"])
        shift = b.between(-0.08, 0.08)
        if kind == "cylinder":
            b.add(cylinder(wide * 0.45, tall, 0.01).moved(x=shift, z=z), surface)
        elif kind == "bridge":
            b.add(box(wide * 0.3, deep, tall, 0.01).moved(x=wide * 0.45, z=z), surface, both=True)
            b.add(box(wide * 1.3, deep, tall * 0.4, 0.01).moved(z=z + tall), surface)
            tall *= 1.4
        else:
            b.add(
                box(wide, deep, tall if kind == "cube" else tall * 0.4, 0.012)
                .turned("z", b.between(-15, 15))
                .moved(x=shift, z=z),
                surface,
            )
            tall = tall if kind == "cube" else tall * 0.4
        z += tall
    if b.chance(0.4):
        roof = prism(np.array([[-0.4, 0], [0.4, 0], [0, 0.45]]), 0.5).turned("x", 90).moved(y=0.25, z=z)
        b.add(roof, paint(b.rng, b.accent, 0.1))


def _segments(b: Builder, count: int) -> Surface:
    """A beach ball's coloured gores, as a texture for a ball's own uv."""
    colors = [color(b.rng) for _ in range(count)]
    stripes = np.repeat(np.arange(count), -(-PRINT // count))[:PRINT]
    row = (np.array(colors)[stripes] * 255).astype(np.uint8)
    return Surface(np.broadcast_to(row, (64, PRINT, 3)).copy(), "own")


def sports_ball(b: Builder) -> None:
    """A foot, basket, tennis, rugby, bowling or beach ball."""
    kind = b.rng.choice(["plain", "gores", "foot", "seams", "rugby"])
    form = ball(1, 1, 1.4 if kind == "rugby" else 1)
    if kind == "gores":
        b.add(form.turned("x", b.between(0, 60)), _segments(b, int(b.rng.choice([4, 6, 8]))))
        return
    if kind == "foot":
        golden = (1 + 5**0.5) / 2
        corners = [(0, s, t * golden) for s in (1, -1) for t in (1, -1)]
        corners = np.array([np.roll(c, k) for c in corners for k in range(3)])
        corners /= np.linalg.norm(corners, axis=1, keepdims=True)
        rows = 130
        latitude = np.linspace(-np.pi / 2, np.pi / 2, rows)[1:-1, None]
        longitude = np.arange(2 * rows) * np.pi / rows
        x, y = np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude)
        points = np.stack([x, y, np.broadcast_to(np.sin(latitude), x.shape)], -1)
        fine = loft(points)
        near = (fine.vertices @ corners.T).max(1) > 0.925
        fine.colors = np.where(near[:, None], b.second * 0.4, np.array([0.93, 0.93, 0.92]) if b.chance(0.7) else b.main)
        b.add(fine.turned("x", b.between(0, 90)))
        return
    b.add(
        form.turned("x", 90 if kind == "rugby" else b.between(0, 90)),
        leather(b.rng, b.main) if b.chance(0.5) else paint(b.rng, b.main),
    )
    if kind in ("seams", "rugby"):
        line = paint(b.rng, b.accent, 0)
        tall = 1.4 if kind == "rugby" else 1
        for turn in range(0, 180, 45):
            seam = ring(1.0, 0.018).turned("y", 90).turned("z", turn).scaled(1, 1, tall)
            b.add(seam.turned("x", 90), line)


def puzzle_cube(b: Builder) -> None:
    """A cube of coloured tiles, or a die with pips."""
    if b.chance(0.5):
        count = int(b.rng.integers(2, 5))
        b.add(box(1, 1, 1, 0.03), paint(b.rng, named(b.rng, "black"), 0))
        colors = [(0.9, 0.9, 0.9), (0.9, 0.8, 0.1), (0.8, 0.1, 0.1), (0.95, 0.5, 0.1), (0.1, 0.3, 0.8), (0.1, 0.6, 0.2)]
        tile = 1 / count
        mixed = b.chance(0.7)
        for side, (axis, angle) in enumerate([("x", 0), ("x", 90), ("x", 180), ("x", 270), ("y", 90), ("y", 270)]):
            for i in range(count):
                for j in range(count):
                    base = np.array(colors[b.rng.integers(6) if mixed else side])
                    plate = box(tile * 0.86, tile * 0.86, 0.02, 0.008).moved(
                        (i + 0.5) * tile - 0.5, (j + 0.5) * tile - 0.5, 0.495
                    )
                    b.add(plate.turned(axis, angle).moved(z=0.5), paint(b.rng, base, 0))
        return
    b.add(box(1, 1, 1, b.between(0.05, 0.2)), paint(b.rng, b.main, 0))
    pip = paint(b.rng, named(b.rng, "black") if b.main.mean() > 0.5 else named(b.rng, "white"), 0)
    layouts = {
        1: [(0, 0)],
        2: [(-1, -1), (1, 1)],
        3: [(-1, -1), (0, 0), (1, 1)],
        4: [(-1, -1), (1, 1), (-1, 1), (1, -1)],
    }
    layouts[5], layouts[6] = layouts[4] + [(0, 0)], layouts[4] + [(0, -1), (0, 1)]
    for number, (axis, angle) in zip(
        (1, 2, 6, 5, 3, 4), [("x", 0), ("x", 90), ("x", 180), ("x", 270), ("y", 90), ("y", 270)], strict=True
    ):
        for u, v in layouts[number]:
            b.add(cylinder(0.09, 0.02).moved(0.25 * u, 0.25 * v, 0.49).turned(axis, angle).moved(z=0.5), pip)


def stacking_rings(b: Builder) -> None:
    """A cone of coloured rings, a spinning top, or nested cups stacked to a tower."""
    kind = b.rng.choice(["rings", "top", "cups"])
    if kind == "top":
        profile = smooth([[0.03, 0], [0.2, 0.25], [0.6, 0.6], [0.45, 0.75], [0.08, 0.8], [0.06, 1.1]], 30)
        b.add(lathe(profile), label(b.rng, b.main, "own", 4) if b.chance(0.5) else grained(b.rng))
        return
    z, r = 0.0, 0.6
    count = int(b.rng.integers(3, 7))
    for _ in range(count):
        base = color(b.rng)
        if kind == "rings":
            thick = b.between(0.12, 0.16)
            b.add(ring(r, thick + 0.06, height=thick).moved(z=z + thick), paint(b.rng, base, 0))
            z += thick * 1.9
        else:
            tall = r * b.between(0.6, 0.9)
            b.add(lathe([[r, 0], [r, 0.06], [r * 0.95, 0.06], [r * 0.85, tall]]).moved(z=z), paint(b.rng, base, 0))
            z += tall
        r *= b.between(0.78, 0.9)
    if kind == "rings":
        b.add(cylinder(0.75, 0.08, 0.02).moved(z=-0.07), paint(b.rng, b.main, 0))
        b.add(cylinder(0.15, z + 0.05).moved(z=-0.02), grained(b.rng))
        b.add(ball(0.2, 0.2, 0.2).moved(z=z + 0.12), paint(b.rng, b.accent, 0))


def chess_piece(b: Builder) -> None:
    """A turned chessman, candlestick, trophy, bell or hourglass."""
    tall = b.between(0.9, 1.7)
    knots = int(b.rng.integers(4, 8))
    radius = b.rng.uniform(0.1, 0.38, knots)
    radius[0], radius[-1] = 0.42, b.between(0.03, 0.2)
    radius[1] = 0.36
    heights = np.sort(np.concatenate([[0, 0.1], b.rng.uniform(0.15, 0.95, knots - 3), [1]])) * tall
    surface = grained(b.rng) if b.chance(0.3) else covering(b.rng, b.main if b.chance(0.6) else named(b.rng, "brass"))
    profile = np.stack([radius, heights], 1)
    b.add(lathe(smooth(profile, 40).clip(0.02, None) if b.chance(0.6) else profile), surface)
    for z in heights[2:-1]:
        if b.chance(0.4):
            r = float(np.interp(z, heights, radius))
            b.add(ring(r, 0.04).moved(z=z), paint(b.rng, b.accent, 0))
    if b.chance(0.3):
        b.add(ball(0.2, 0.2, 0.2).moved(z=tall + 0.12), surface)
    elif b.chance(0.4):
        cup = lathe(hollow(smooth([[0.06, 0], [0.3, 0.18], [0.36, 0.5]], 16), 0.03))
        b.add(cup.moved(z=tall - 0.02), surface)
        ear = smooth([[0.25, 0, 0.1], [0.55, 0, 0.2], [0.5, 0, 0.42], [0.33, 0, 0.4]])
        b.add(tube(ear, 0.035).moved(z=tall), surface, both=True)


def doll_house(b: Builder) -> None:
    """A small house, bird box or church: walls, a roof, windows, a door, a chimney."""
    x, y, z, peak = b.between(0.7, 1.2), b.between(0.6, 1.0), b.between(0.5, 0.9), b.between(0.3, 0.6)
    wall = np.array([[-x / 2, 0], [x / 2, 0], [x / 2, z], [0, z + peak], [-x / 2, z]])
    b.add(prism(wall, y).turned("x", 90).moved(y=y / 2), grained(b.rng) if b.chance(0.3) else paint(b.rng, b.main))
    slope = np.hypot(x / 2 + 0.1, peak * (x / 2 + 0.1) / (x / 2))
    angle = np.degrees(np.arctan2(peak, x / 2))
    slab = box(slope, y + 0.2, 0.06).moved(x=slope / 2).turned("y", angle).moved(z=z + peak)
    b.add(slab, patterned(b.rng, b.second, b.second * 0.7), both=True)
    glass, trim = paint(b.rng, named(b.rng, "glass"), 0), paint(b.rng, b.accent)
    b.add(box(0.2, 0.05, 0.38).moved(y=-y / 2), trim)
    for side in (-1, 1):
        b.add(box(0.18, 0.04, 0.2).moved(x * 0.3, side * y / 2, z * 0.5), glass, both=True)
    b.add(box(0.04, 0.22, 0.2).moved(x / 2, 0, z * 0.5), glass, both=True)
    if b.chance(0.5):
        b.add(box(0.14, 0.14, 0.4).moved(x * 0.25, 0, z + peak * 0.5), trim)


def seat(b: Builder) -> None:
    """A stool, chair, bench, table or rocking horse-like seat, plainer than a furniture maker's."""
    x, y, z, t = b.between(0.6, 1.2), b.between(0.5, 0.7), b.between(0.4, 0.75), b.between(0.05, 0.1)
    surface = grained(b.rng) if b.chance(0.6) else covering(b.rng, b.main)
    round_seat = b.chance(0.3)
    if round_seat:
        b.add(cylinder(x / 2, t, 0.02).moved(z=z), surface)
    else:
        b.add(box(x, y, t, 0.015).moved(z=z), surface)
    lean = b.between(0, 0.1)
    leg_r = b.between(0.025, 0.05)
    inner = 0.33 if round_seat else 0.43
    for sy in (-1, 1):
        foot = [x * inner + lean, sy * (y * inner + lean), 0.03]
        b.add(tube([foot, [x * inner, sy * y * inner, z + 0.02]], leg_r), surface, both=True)
        if b.chance(0.4):
            b.add(
                tube([[-x * inner, sy * y * inner, z * 0.4], [x * inner, sy * y * inner, z * 0.4]], leg_r * 0.7),
                surface,
            )
    if b.chance(0.5) and not round_seat:
        high = b.between(0.4, 0.8)
        b.add(tube([[x * 0.44, y * 0.44, z], [x * 0.44, y * 0.52, z + high]], leg_r), surface, both=True)
        for h in np.linspace(0.35, 0.92, int(b.rng.integers(1, 4))) * high:
            b.add(box(x * 0.9, 0.04, b.between(0.08, 0.2)).moved(y=y * 0.48, z=z + h - 0.08), surface)


def globe(b: Builder) -> None:
    """A globe on its stand, a snow globe, or a table fan."""
    if b.chance(0.4):
        b.add(cylinder(0.4, 0.08, 0.02), paint(b.rng, b.second))
        b.add(cylinder(0.05, 0.7).moved(z=0.05), paint(b.rng, b.second))
        z = 0.95
        for r in (0.5, 0.33, 0.16):
            b.add(ring(r, 0.015).turned("x", 90).moved(0, -0.14, z), paint(b.rng, named(b.rng, "steel")))
        b.add(ring(0.5, 0.03, height=0.12).turned("x", 90).moved(z=z), paint(b.rng, b.main))
        for i in range(8):
            spoke = tube([[0, 0, 0.05], [0, 0, 0.5]], 0.012).turned("y", 45 * i).moved(0, -0.14, z)
            b.add(spoke, paint(b.rng, named(b.rng, "steel")))
        for i in range(3):
            b.add(ball(0.14, 0.03, 0.2).moved(z=0.22).turned("y", 120 * i).moved(z=z), paint(b.rng, b.accent))
        b.add(cylinder(0.14, 0.25, 0.03).turned("x", -90).moved(0, 0.05, z), paint(b.rng, b.main))
        return
    r = 0.5
    sea, land = np.array([0.2, 0.4, 0.7]), np.array([0.4, 0.55, 0.25])
    b.add(
        ball(r, r, r).turned("x", 23).moved(z=0.85),
        patterned(b.rng, sea, land) if b.chance(0.7) else leather(b.rng, b.main),
    )
    metal = paint(b.rng, named(b.rng, "brass"))
    angle = np.radians(np.linspace(-90, 90, 30))
    arc = np.stack([np.zeros(30), (r + 0.06) * np.cos(angle), 0.85 + (r + 0.06) * np.sin(angle)], 1)
    b.add(tube(arc, 0.03), metal)
    b.add(
        lathe(smooth([[0.4, 0], [0.38, 0.05], [0.06, 0.12], [0.05, 0.32]], 20)),
        metal if b.chance(0.5) else grained(b.rng),
    )


KINDS = {
    bricks: 5,
    blocks: 3,
    sports_ball: 4,
    puzzle_cube: 3,
    stacking_rings: 3,
    chess_piece: 3,
    doll_house: 2,
    seat: 3,
    globe: 2,
}
