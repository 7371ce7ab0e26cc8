# SPDX-License-Identifier: GPL-3.0-or-later
"""Cars, lorries, buses, tractors, trains, ships, aeroplanes, motorcycles, as toys and models."""

import numpy as np

from ..builder import Builder
from ..forms import Form, ball, box, cylinder, inset, lathe, loft, prism, ring, rounded_rectangle, smooth, tube, wheel
from ..surfaces import covering, named, paint


def _side_view(points: list[list[float]], width: float, bevel: float, top: float = 1.0) -> Form:
    """A body from its outline (y, z) seen from the side, as wide as ``width``, narrower towards the roof."""
    outline = np.asarray(points, float)
    form = prism(outline, width, bevel)
    y, z, x = form.vertices.T
    t = (z - z.min()) / max(np.ptp(z), 1e-9)
    form.vertices = np.stack([(x - width / 2) * (1 + t**2 * (top - 1)), y, z], 1)
    return form


def _wheels(b: Builder, at: list[float], r: float, half: float, thick: float) -> None:
    """Pairs of tyres with hubs at these y."""
    rubber = paint(b.rng, named(b.rng, "rubber"), 0.1)
    hub = paint(b.rng, named(b.rng, "steel") if b.chance(0.6) else b.accent, 0)
    for y in at:
        b.add(wheel(r, thick).moved(half, y, r), rubber, both=True)
        b.add(cylinder(r * 0.5, thick * 0.6, 0.01).turned("y", 90).moved(half - thick * 0.05, y, r), hub, both=True)


def _lamps(b: Builder, x: float, y: float, z: float, r: float) -> None:
    b.add(ball(r, 0.04, r).moved(x, y, z), paint(b.rng, np.array([0.95, 0.93, 0.8]), 0), both=True)


def car(b: Builder) -> None:
    """A saloon, hatchback, estate, van, jeep or sports car."""
    long, low, high = b.between(1.5, 2.1), b.between(0.42, 0.62), b.between(0.7, 1.1)
    wide, r = b.between(0.75, 0.9), b.between(0.17, 0.25)
    h, floor = long / 2, r * 0.7
    hood, boot = b.between(0.2, 0.5) * h, b.between(0.0, 0.45) * h
    rake = b.between(0.05, 0.3)
    shell = covering(b.rng, b.main) if b.chance(0.25) else paint(b.rng, b.main, 0)
    body = [
        [-h, floor],
        [h, floor],
        [h, low * 0.95],
        [h - 0.04, low],
        [-h + hood, low],
        [-h + 0.05, low * 0.88],
        [-h, low * 0.75],
    ]
    b.add(_side_view(body, wide, 0.05), shell)
    cabin = [
        [-h + hood - 0.05, low - 0.05],
        [h - boot, low - 0.05],
        [h - boot - rake * 0.6, high],
        [-h + hood + rake, high],
    ]
    b.add(_side_view(cabin, wide * 0.94, 0.04, b.between(0.75, 0.95)), paint(b.rng, named(b.rng, "glass"), 0))
    roof = box(wide * 0.76, (long - hood - boot - 1.6 * rake) * 0.98, 0.05, 0.02).moved(
        y=(hood + rake - boot - rake * 0.6) / 2, z=high - 0.02
    )
    b.add(roof, shell)
    pillar = tube([[wide * 0.4, (hood - boot) / 2, low], [wide * 0.36, (hood - boot) / 2, high]], 0.035)
    b.add(pillar, shell, both=True)
    _wheels(b, [-h * 0.62, h * 0.62], r, wide / 2 - 0.02, 0.14)
    _lamps(b, wide * 0.33, -h, low * 0.78, 0.07)
    b.add(box(wide * 0.95, 0.08, 0.09, 0.03).moved(y=-h, z=floor + 0.02), paint(b.rng, named(b.rng, "rubber")))
    b.add(
        box(0.12, 0.04, 0.06, 0.01).moved(wide * 0.36, h, low * 0.8),
        paint(b.rng, np.array([0.7, 0.05, 0.05]), 0),
        both=True,
    )
    if b.chance(0.2):
        b.add(
            box(wide * 0.5, 0.12, 0.09, 0.03).moved(y=(hood - boot) / 2, z=high),
            paint(b.rng, np.array([0.1, 0.2, 0.9]), 0),
        )


def lorry(b: Builder) -> None:
    """A lorry with a box, a tipper or a tank behind its cab; some are fire engines with a ladder."""
    wide, r, long = b.between(0.6, 0.75), b.between(0.17, 0.22), b.between(1.6, 2.3)
    cab, floor = b.between(0.4, 0.6), r * 1.3
    h, high = long / 2, b.between(0.75, 1.05)
    paintwork = paint(b.rng, b.main)
    b.add(box(wide, cab, high - floor, 0.06).moved(y=-h + cab / 2, z=floor), paintwork)
    b.add(
        box(wide * 0.88, 0.05, (high - floor) * 0.4, 0.02).moved(y=-h, z=floor + (high - floor) * 0.5),
        paint(b.rng, named(b.rng, "glass"), 0),
    )
    side = box(0.04, cab * 0.5, (high - floor) * 0.35, 0.015).moved(
        wide / 2, -h + cab * 0.45, floor + (high - floor) * 0.52
    )
    b.add(side, paint(b.rng, named(b.rng, "glass"), 0), both=True)
    b.add(box(wide * 0.7, long, 0.12).moved(z=floor - 0.08), paint(b.rng, named(b.rng, "rubber")))
    back, middle = long - cab - 0.06, -h + cab + 0.06 + (long - cab - 0.06) / 2
    kind = b.rng.choice(["box", "open", "tank"])
    load = covering(b.rng, b.second)
    if kind == "box":
        tall = b.between(0.5, 0.9)
        b.add(box(wide * 1.04, back, tall, 0.02).moved(y=middle, z=floor + 0.04), load)
        if b.chance(0.3):
            ladder = tube([[0.1, h, floor + tall + 0.06], [0.1, -h + cab * 1.2, floor + tall + 0.06]], 0.03)
            b.add(ladder, paint(b.rng, named(b.rng, "steel")), both=True)
    elif kind == "open":
        tall = b.between(0.2, 0.45)
        rows = [(1, 0, 0.85), (1, tall, 1), (0.9, tall, 0.96), (0.9, 0.06, 0.8)]
        base = rounded_rectangle(wide * 1.02, back, 0)
        tray = [np.concatenate([base * [k, f], np.full((4, 1), z)], 1) for k, z, f in rows]
        b.add(loft(np.stack(tray)).moved(y=middle, z=floor + 0.05), load)
    else:
        tank = lathe(
            smooth([[0.01, 0], [0.3, 0.04], [0.34, 0.1], [0.34, back - 0.1], [0.3, back - 0.04], [0.01, back]], 24)
        )
        b.add(tank.turned("x", -90).moved(y=middle - back / 2, z=floor + 0.36), load)
    at = [-h + cab * 0.5, h * 0.75] + ([h * 0.75 - 2.3 * r] if b.chance(0.5) else [])
    _wheels(b, at, r, wide / 2 - 0.02, 0.14)
    _lamps(b, wide * 0.36, -h, floor + 0.12, 0.06)


def bus(b: Builder) -> None:
    """A bus, tram, caravan or delivery van with rows of windows; some with two floors."""
    long, wide, r = b.between(1.3, 2.2), 0.6, 0.15
    decks = 2 if b.chance(0.25) else 1
    high = 0.62 * decks + b.between(0.0, 0.12)
    b.add(box(wide, long, high, b.between(0.03, 0.12)).moved(z=r), covering(b.rng, b.main))
    b.add(box(wide + 0.015, long + 0.015, 0.14).moved(z=r + 0.06), paint(b.rng, b.second, 0))
    glass = paint(b.rng, named(b.rng, "glass"), 0)
    count = int(b.rng.integers(3, 7))
    for deck in range(decks):
        z = r + high * (deck + 0.5) / decks - 0.02
        for y in np.linspace(-0.4, 0.4, count) * long:
            b.add(box(0.02, long * 0.62 / count, 0.22).moved(wide / 2 + 0.003, y, z), glass, both=True)
        b.add(box(wide * 0.85, 0.02, 0.26, 0.009).moved(y=-long / 2 - 0.003, z=z - 0.02), glass)
    _wheels(b, [-long * 0.33, long * 0.33], r, wide / 2 - 0.04, 0.1)
    _lamps(b, wide * 0.36, -long / 2, r + 0.12, 0.045)


def tractor(b: Builder) -> None:
    """A tractor or digger: a bonnet, a cab, large wheels behind, a bucket or roller in front."""
    paintwork, dark = paint(b.rng, b.main), paint(b.rng, named(b.rng, "rubber"))
    r = b.between(0.34, 0.45)
    b.add(box(0.4, 0.85, 0.38, 0.06).moved(y=-0.45, z=0.3), paintwork)
    b.add(box(0.5, 0.5, 0.2, 0.03).moved(y=0.2, z=0.3), dark)
    b.add(box(0.5, 0.5, 0.08, 0.03).moved(y=0.2, z=1.15), paintwork)
    for y in (-0.02, 0.42):
        b.add(tube([[0.22, y, 0.5], [0.21, y, 1.17]], 0.025), paintwork, both=True)
    b.add(box(0.3, 0.12, 0.35, 0.05).moved(y=0.35, z=0.5), dark)
    b.add(cylinder(0.035, 0.45).moved(y=-0.65, z=0.65), dark)
    b.add(wheel(r, 0.22).moved(0.42, 0.25, r), dark, both=True)
    b.add(wheel(r * 0.6, 0.16).moved(0.32, -0.65, r * 0.6), dark, both=True)
    b.add(cylinder(r * 0.5, 0.1).turned("y", 90).moved(0.42, 0.25, r), paint(b.rng, b.accent), both=True)
    if b.chance(0.5):
        steel = paint(b.rng, b.second, 0.4)
        b.add(tube([[0.3, 0.0, 0.55], [0.3, -0.8, 0.6], [0.3, -1.15, 0.25]], 0.04), steel, both=True)
        shovel = _side_view([[-1.45, 0.02], [-1.1, 0.02], [-1.05, 0.4], [-1.15, 0.4]], 0.9, 0.0)
        b.add(shovel, steel)


def train(b: Builder) -> None:
    """A steam or toy locomotive, with a wagon now and then."""
    long, r = b.between(1.1, 1.6), b.between(0.22, 0.3)
    wheel_r = 0.15
    floor = wheel_r * 1.5
    b.add(box(0.5, long, 0.1).moved(z=floor - 0.08), paint(b.rng, b.second))
    b.add(cylinder(r, long * 0.65, 0.02).turned("x", 90).moved(y=long * 0.2, z=floor + r), paint(b.rng, b.main))
    b.add(box(0.52, long * 0.3, 0.7).moved(y=long * 0.34, z=floor), paint(b.rng, b.accent))
    b.add(box(0.6, long * 0.38, 0.06, 0.02).moved(y=long * 0.34, z=floor + 0.7), paint(b.rng, b.second))
    glass = paint(b.rng, named(b.rng, "glass"), 0)
    b.add(box(0.02, long * 0.16, 0.2).moved(0.265, long * 0.34, floor + 0.42), glass, both=True)
    funnel = lathe([[0.08, 0], [0.07, 0.2], [0.13, 0.28], [0.13, 0.32], [0.1, 0.32]])
    b.add(funnel.moved(y=-long * 0.32, z=floor + 2 * r - 0.05), paint(b.rng, b.second))
    b.add(ball(0.1, 0.1, 0.1).moved(y=-long * 0.05, z=floor + 2 * r), paint(b.rng, named(b.rng, "brass")))
    _wheels(b, list(np.linspace(-0.38, 0.38, int(b.rng.integers(2, 5))) * long), wheel_r, 0.26, 0.07)
    b.add(box(0.5, 0.06, 0.1, 0.02).moved(y=-long / 2 - 0.03, z=floor - 0.06), paint(b.rng, b.accent))


def ship(b: Builder) -> None:
    """A boat or ship: a hollow or decked hull with a cabin, a funnel, or a mast and sails."""
    long, wide, tall = b.between(1.6, 2.2), b.between(0.5, 0.8), b.between(0.3, 0.5)
    t = np.linspace(-1, 1, 30)
    stern = b.between(0.3, 0.9)
    half = np.where(t < 0, np.maximum(1 - np.abs(t) ** 2.2, 0.01), 1 - (1 - stern) * t**2) * wide / 2
    outline = np.concatenate([np.stack([half, t * long / 2], 1), np.stack([-half, t * long / 2], 1)[::-1]])
    rise = 0.25 * tall * np.clip(-outline[:, 1] / long * 2, 0, 1) ** 2
    levels = [(0.35, 0.0), (0.75, 0.3), (1.0, 1.0), (0.92, 1.0), (0.85, 0.75)]
    sections = [
        np.stack([outline[:, 0] * k, outline[:, 1] * (0.75 + 0.25 * k), (tall + rise) * z], 1) for k, z in levels
    ]
    b.add(loft(np.stack(sections)), covering(b.rng, b.main))
    deck = tall * 0.7
    if b.chance(0.5):
        b.add(box(wide * 0.5, long * 0.3, 0.35, 0.03).moved(y=long * 0.1, z=deck), covering(b.rng, b.second))
        b.add(
            box(wide * 0.51, long * 0.24, 0.1).moved(y=long * 0.1, z=deck + 0.18),
            paint(b.rng, named(b.rng, "glass"), 0),
        )
        if b.chance(0.6):
            b.add(cylinder(0.1, 0.35).moved(y=long * 0.15, z=deck + 0.3), paint(b.rng, b.accent))
    else:
        mast = b.between(1.0, 1.7)
        b.add(cylinder(0.03, mast).moved(z=deck), paint(b.rng, named(b.rng, "oak")))
        corners = np.array([[0.03, 0, 0.2], [0.05, 0.75, 0.25], [0.03, 0.05, mast * 0.95]])
        for lean, sign in ((0.0, 1), (-0.05, -0.75)):
            grid = np.linspace(0, 1, 12)
            sheet = corners[0] + grid[:, None] * (corners[1] - corners[0])
            rows = np.stack([sheet * (1 - s) + corners[2] * s for s in np.linspace(0, 0.97, 12)])
            rows[..., 0] += 0.12 * np.sin(np.pi * grid)
            rows[..., 1] = rows[..., 1] * sign + lean
            thick = np.concatenate([rows, rows[:, ::-1] - [0.05, 0, 0]], 1)
            b.add(loft(thick).moved(z=deck), covering(b.rng, b.accent))


def aeroplane(b: Builder) -> None:
    """An airliner, propeller plane, glider or rocket-like jet, or a helicopter."""
    r, long = b.between(0.12, 0.2), b.between(1.5, 2.0)
    skin, trim = covering(b.rng, b.main), paint(b.rng, b.second, 0)
    z = 0.4
    if b.chance(0.25):
        helicopter(b)
        return
    path = np.stack([np.zeros(20), np.linspace(-long / 2, long / 2, 20), z + 0.1 * np.linspace(-0.5, 1, 20) ** 3], 1)
    radius = r * np.clip(np.minimum(0.35 + 6 * np.linspace(0, 1, 20), 1.9 - 1.6 * np.linspace(0, 1, 20)), 0.15, 1)
    b.add(tube(path, radius, segments=24), skin)
    span, sweep, chord = b.between(0.7, 1.1), b.between(-0.05, 0.5), b.between(0.25, 0.42)
    up = b.between(-0.08, 0.15)

    def wing(root: float, tip: float, reach: float, back: float, lift: float, y: float, height: float) -> Form:
        oval = np.stack([np.cos(np.arange(20) * np.pi / 10), np.sin(np.arange(20) * np.pi / 10)], 1)
        rows = []
        for t in np.linspace(0, 1, 6):
            c = root + t * (tip - root)
            rows.append(
                np.stack(
                    [
                        np.full(20, t * reach),
                        y + t * back + oval[:, 0] * c / 2,
                        height + t * lift + oval[:, 1] * c * 0.1,
                    ],
                    1,
                )
            )
        return loft(np.stack(rows))

    low = z + b.rng.choice([-0.08, 0.1])
    b.add(
        wing(chord, chord * b.between(0.35, 0.9), span, sweep, up, -0.1, low),
        trim if b.chance(0.4) else skin,
        both=True,
    )
    b.add(wing(chord * 0.6, chord * 0.35, span * 0.4, 0.12, 0.02, long * 0.44, z + 0.08), trim, both=True)
    fin = (
        wing(chord * 0.7, chord * 0.4, b.between(0.3, 0.45), 0.2, 0, long * 0.42, 0).turned("y", -90).moved(z=z + 0.08)
    )
    b.add(fin, trim)
    if b.chance(0.5):
        for x in [0.45] if b.chance(0.7) else [0.35, 0.65]:
            pod = lathe(smooth([[0.06, 0], [0.08, 0.1], [0.07, 0.3], [0.03, 0.36]], 14)).turned("x", -90)
            b.add(
                pod.moved(x * span, -0.3 + sweep * x, low + up * x - 0.07),
                paint(b.rng, named(b.rng, "steel")),
                both=True,
            )
    else:
        blade = ball(0.4, 0.015, 0.045).moved(y=-long / 2 - r * 0.3, z=z)
        b.add(blade, paint(b.rng, named(b.rng, "rubber")))
        b.add(ball(0.06, 0.12, 0.06).moved(y=-long / 2 - r * 0.3, z=z), trim)
    b.add(ball(r * 0.65, 0.22, 0.12).moved(y=-long * 0.3, z=z + r * 0.75), paint(b.rng, named(b.rng, "glass"), 0))
    if b.chance(0.5):
        b.add(wheel(0.09, 0.06).moved(0.25, -0.1, 0.09), paint(b.rng, named(b.rng, "rubber")), both=True)
        b.add(tube([[0.22, -0.1, 0.09], [0.12, -0.1, z - 0.08]], 0.02), trim, both=True)


def helicopter(b: Builder) -> None:
    """A round cabin, a tail boom, rotors, skids."""
    z = 0.5
    b.add(ball(0.28, 0.42, 0.3).moved(z=z), covering(b.rng, b.main))
    b.add(ball(0.24, 0.2, 0.22).moved(y=-0.26, z=z + 0.04), paint(b.rng, named(b.rng, "glass"), 0))
    b.add(tube([[0, 0.3, z + 0.08], [0, 1.15, z + 0.14]], [0.12, 0.05]), paint(b.rng, b.main))
    b.add(box(0.04, 0.2, 0.35, 0.015).moved(y=1.15, z=z), paint(b.rng, b.second))
    b.add(cylinder(0.05, 0.15).moved(z=z + 0.28), paint(b.rng, named(b.rng, "steel")))
    blades = int(b.rng.integers(2, 5))
    for i in range(blades):
        blade = box(0.09, 0.9, 0.025, 0.01).moved(y=0.45).turned("z", 360 * i / blades + b.between(0, 20))
        b.add(blade.moved(z=z + 0.42), paint(b.rng, b.second, 0))
    b.add(tube([[0.25, -0.4, 0.04], [0.25, 0.35, 0.04]], 0.03), paint(b.rng, named(b.rng, "steel")), both=True)
    for y in (-0.2, 0.15):
        b.add(tube([[0.25, y, 0.04], [0.12, y, z - 0.2]], 0.025), paint(b.rng, named(b.rng, "steel")), both=True)


def motorcycle(b: Builder) -> None:
    """A motorcycle or scooter, or a bicycle."""
    r, gap = b.between(0.3, 0.38), b.between(1.0, 1.25)
    thin = b.chance(0.35)
    thick = 0.06 if thin else 0.16
    dark, metal, skin = (
        paint(b.rng, named(b.rng, "rubber")),
        paint(b.rng, named(b.rng, "steel")),
        paint(b.rng, b.main, 0),
    )
    for y in (-gap / 2, gap / 2):
        if thin:
            b.add(ring(r, 0.035).turned("y", 90).moved(0, y, r), dark)
            for k in range(4):
                spoke = tube([[0, 0, -r], [0, 0, r]], 0.012).turned("x", 45 * k)
                b.add(spoke.moved(0, y, r), metal)
        else:
            b.add(wheel(r, thick).moved(0, y, r), dark)
            b.add(cylinder(r * 0.5, thick * 0.9).turned("y", 90).moved(-thick * 0.45, y, r), metal)
    seat, bar = b.between(0.75, 0.9), b.between(0.95, 1.15)
    b.add(tube([[0.06, -gap / 2, r], [0.06, -gap * 0.36, bar]], 0.03), metal, both=True)
    b.add(
        tube(
            smooth(
                [[-0.35, -gap * 0.25, bar], [-0.1, -gap * 0.36, bar], [0.1, -gap * 0.36, bar], [0.35, -gap * 0.25, bar]]
            ),
            0.03,
        ),
        dark,
    )
    tubes = [
        [[0, -gap * 0.4, bar * 0.85], [0, gap * 0.1, r]],
        [[0, gap * 0.1, r], [0, gap / 2, r]],
        [[0, gap * 0.1, r], [0, gap * 0.22, seat]],
        [[0, -gap * 0.4, bar * 0.85], [0, gap * 0.2, seat * 0.95]],
    ]
    for path in tubes:
        b.add(tube(path, 0.04), skin)
    b.add(ball(0.1, 0.2 if thin else 0.35, 0.06).moved(y=gap * 0.26, z=seat + 0.04), dark)
    if not thin:
        b.add(ball(0.16, 0.27, 0.17).moved(y=-gap * 0.1, z=seat + 0.02), skin)
        b.add(box(0.28, 0.4, 0.3, 0.06).moved(y=0.0, z=r * 0.75), metal)
        b.add(tube([[0.14, 0.1, r * 0.7], [0.16, gap * 0.6, r * 0.9]], [0.04, 0.06]), metal)
        b.add(ball(0.1, 0.08, 0.1).moved(y=-gap * 0.45, z=bar * 0.85), paint(b.rng, np.array([0.95, 0.93, 0.8]), 0))


def rocket(b: Builder) -> None:
    """A rocket or space capsule with fins and a window."""
    tall, r = b.between(1.2, 1.9), b.between(0.2, 0.32)
    profile = smooth([[r * 0.6, 0.15], [r, tall * 0.3], [r, tall * 0.6], [r * 0.5, tall * 0.88], [0.01, tall]], 30)
    b.add(lathe(profile), covering(b.rng, b.main))
    b.add(lathe([[r * 0.5, 0], [r * 0.35, 0.18]]), paint(b.rng, named(b.rng, "steel")))
    count = int(b.rng.integers(3, 5))
    fin = inset(np.array([[0, 0], [r * 1.2, -0.05], [r * 1.1, 0.25], [0.02, 0.6]]), 0.0)
    for i in range(count):
        plate = prism(fin, 0.05).turned("x", 90).moved(x=r * 0.75, y=0.025, z=0.08).turned("z", 360 * i / count)
        b.add(plate, paint(b.rng, b.second))
    b.add(ball(0.1, 0.05, 0.1).moved(y=-r * 0.97, z=tall * 0.58), paint(b.rng, named(b.rng, "glass"), 0))


KINDS = {car: 8, lorry: 4, bus: 2, tractor: 2, train: 2, ship: 3, aeroplane: 4, motorcycle: 3, rocket: 1}
