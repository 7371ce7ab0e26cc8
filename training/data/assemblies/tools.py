# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: RUF005 - these are sums of vectors, not joined lists
"""Hand tools, cutlery and garden tools, lying as one would photograph them, or held upright."""

import numpy as np

from ..builder import Builder
from ..forms import Form, ball, box, cylinder, lathe, prism, ring, rounded_rectangle, smooth, tube
from ..surfaces import Surface, color, covering, grained, named, paint


def _grip(b: Builder) -> Surface:
    """What handles are made of."""
    if b.chance(0.4):
        return grained(b.rng)
    return paint(b.rng, named(b.rng, "rubber") if b.chance(0.3) else b.main)


def _steel(b: Builder) -> Surface:
    return paint(b.rng, named(b.rng, "steel") if b.chance(0.8) else b.second, b.between(0, 0.4))


def _pose(b: Builder, forms: list[tuple[Form, Surface]]) -> None:
    """Put a tool built along z down on its back, or leave it standing."""
    lying = b.chance(0.75)
    for form, surface in forms:
        b.add(form.turned("x", 90) if lying else form, surface)


def hammer(b: Builder) -> None:
    """A claw hammer, mallet, sledge or axe."""
    long = b.between(1.2, 1.9)
    swell = smooth([[0.07, 0], [0.085, 0.15], [0.06, long * 0.4], [0.05, long * 0.7], [0.055, long]], 24)
    forms = [(lathe(swell).scaled(1.2, 0.8, 1), _grip(b))]
    steel, kind = _steel(b), b.rng.choice(["claw", "mallet", "axe"])
    if kind == "claw":
        forms.append((cylinder(0.1, 0.3, 0.02).turned("y", -90).moved(x=-0.05, z=long), steel))
        forms.append((box(0.18, 0.15, 0.18, 0.03).moved(z=long - 0.09), steel))
        for y in (-0.05, 0.05):
            claw = tube(
                smooth([[0.05, y * 0.6, long], [0.25, y, long - 0.01], [0.45, y * 1.3, long - 0.14]]),
                np.linspace(0.06, 0.02, 40),
                flat=0.8,
            )
            forms.append((claw, steel))
    elif kind == "mallet":
        head = cylinder(b.between(0.14, 0.22), b.between(0.45, 0.7), 0.02)
        if b.chance(0.4):
            head = box(0.26, 0.26, b.between(0.4, 0.6), 0.02)
        half = float(np.ptp(head.vertices[:, 2])) / 2
        forms.append((head.moved(z=-half).turned("y", 90).moved(z=long), grained(b.rng) if b.chance(0.5) else steel))
    else:
        outline = smooth(
            [[-0.08, -0.1], [0.1, -0.09], [0.45, -0.28], [0.48, 0.0], [0.45, 0.25], [0.1, 0.1], [-0.08, 0.1]],
            40,
            closed=True,
        )
        blade = prism(outline, 0.1, 0.04).turned("x", 90).moved(y=0.05, z=long - 0.05)
        forms.append((blade, steel))
    _pose(b, forms)


def screwdriver(b: Builder) -> None:
    """A screwdriver, chisel, file, awl or paint brush."""
    grip, r = b.between(0.45, 0.7), b.between(0.1, 0.15)
    shape = smooth([[r * 0.6, 0], [r, 0.08], [r * 0.9, grip * 0.6], [r * 0.6, grip * 0.85], [r * 0.75, grip]], 24)
    forms = [(lathe(shape, corners=int(b.rng.choice([0, 6, 8]))), _grip(b))]
    if b.chance(0.3):
        forms.append((cylinder(r * 1.02, 0.08).moved(z=grip * 0.5), paint(b.rng, b.accent)))
    steel = _steel(b)
    if b.chance(0.35):
        wide = b.between(0.15, 0.35)
        forms.append((box(wide, r * 1.4, 0.25, 0.02).moved(z=grip), steel))
        bristle = box(wide * 0.95, r * 1.2, b.between(0.3, 0.5), 0.03).tapered(1.0, 0.4).moved(z=grip + 0.24)
        forms.append((bristle, grained(b.rng, named(b.rng, "oak") * b.between(0.4, 1.4))))
    else:
        blade, thin = b.between(0.5, 1.0), b.between(0.03, 0.05)
        forms.append((cylinder(thin, blade).moved(z=grip), steel))
        forms.append(
            (box(thin * b.between(2.2, 4), thin * 2, 0.15).tapered(1.1, 0.3).moved(z=grip + blade - 0.02), steel)
        )
    _pose(b, forms)


def drill(b: Builder) -> None:
    """A cordless drill or screwdriver, a heat gun or glue gun: barrel, grip, battery, bit."""
    skin, dark = paint(b.rng, b.main), paint(b.rng, named(b.rng, "rubber"))
    long, r = b.between(0.7, 0.95), b.between(0.15, 0.2)
    z = b.between(0.75, 0.95)
    barrel = smooth([[r * 0.75, 0], [r, 0.08], [r, long * 0.7], [r * 0.75, long]], 20)
    b.add(lathe(barrel).turned("x", 90).moved(y=long * 0.45, z=z), skin)
    b.add(lathe([[r * 0.7, 0], [r * 0.7, 0.12], [r * 0.35, 0.3]]).turned("x", 90).moved(y=-long * 0.52, z=z), dark)
    if b.chance(0.7):
        b.add(cylinder(0.03, b.between(0.2, 0.5)).turned("x", 90).moved(y=-long * 0.8, z=z), _steel(b))
    lean = b.between(-0.05, 0.2)
    b.add(box(0.2, 0.26, z - 0.1, 0.08).sheared(-lean).moved(y=0.12 + lean * z), skin if b.chance(0.5) else dark)
    b.add(box(0.08, 0.07, 0.16, 0.03).moved(y=-0.08, z=z - 0.33), paint(b.rng, b.accent))
    if b.chance(0.75):
        b.add(
            box(b.between(0.26, 0.36), b.between(0.45, 0.6), b.between(0.15, 0.28), 0.04).moved(y=0.1 + lean * z), dark
        )
    band = cylinder(r * 1.03, 0.12).turned("x", 90).moved(y=long * 0.1, z=z)
    b.add(band, paint(b.rng, b.accent))


def clamp(b: Builder) -> None:
    """A screw clamp or spring clamp, or a bench vice."""
    steel = paint(b.rng, b.main, 0.3) if b.chance(0.5) else _steel(b)
    if b.chance(0.5):
        gap, deep = b.between(0.6, 1.1), b.between(0.35, 0.6)
        frame = smooth(
            [
                [0, 0, 0.04],
                [deep, 0, 0.0],
                [deep + 0.14, 0, 0.1],
                [deep + 0.15, 0, gap],
                [deep, 0, gap + 0.1],
                [0, 0, gap + 0.06],
            ],
            40,
        )
        b.add(tube(frame, 0.07, flat=1.3), steel)
        b.add(cylinder(0.035, gap * 0.9).moved(z=gap * 0.35), _steel(b))
        b.add(cylinder(0.1, 0.06).moved(z=gap * 0.32), _steel(b))
        b.add(tube([[-0.2, 0, gap * 1.24], [0.2, 0, gap * 1.24]], 0.028), _steel(b))
        return
    dark = paint(b.rng, b.second)
    for sign in (1, -1):
        jaw = smooth(
            [
                [0, 0.9, 0.03 * sign],
                [0, 0.45, 0.3 * sign],
                [0, 0, 0.12 * sign],
                [0, -0.4, 0.36 * sign],
                [0, -0.9, 0.42 * sign],
            ]
        )
        b.add(tube(jaw, np.linspace(0.05, 0.08, 40)).moved(z=0.5), steel if sign > 0 else dark)
        b.add(ball(0.09, 0.25, 0.09).moved(y=-0.75, z=0.5 + 0.4 * sign), paint(b.rng, b.accent))
    b.add(cylinder(0.14, 0.24, 0.02).turned("y", 90).moved(x=-0.12, z=0.5), _steel(b))


def pliers(b: Builder) -> None:
    """Scissors, pliers or garden shears, open to some angle, lying."""
    steel, grip, spread = _steel(b), _grip(b), b.between(4, 22)
    has_rings, blade = b.chance(0.5), b.between(0.35, 0.95)
    for sign in (1, -1):
        forms = []
        if has_rings:
            cut = prism(
                np.array([[0, -blade], [0.06, -blade * 0.5], [0.085, 0.05], [-0.05, 0.05], [-0.01, -blade * 0.6]]),
                0.045,
            )
            loop = ring(b.between(0.15, 0.2), 0.045).scaled(0.8, 1.2, 1.2).moved(x=-0.2, y=0.72)
            forms = [(cut.moved(z=0.02), steel), (loop.moved(z=0.05), grip)]
            forms.append((tube(smooth([[0, 0, 0.05], [-0.03, 0.3, 0.05], [-0.12, 0.56, 0.05]]), 0.055, flat=0.7), grip))
        else:
            jaw = tube([[0.03, 0, 0.1], [0.03, -blade * 0.6, 0.1]], [0.12, 0.05], flat=0.9)
            arm = tube(
                smooth([[0, 0.02, 0.1], [-0.1, 0.35, 0.1], [-0.17, 0.75, 0.1], [-0.15, 1.15, 0.1]]), 0.075, flat=0.9
            )
            forms = [(jaw, steel), (arm, grip)]
        for form, surface in forms:
            opened = form.turned("z", spread / 2)
            b.add(opened if sign > 0 else opened.mirrored().moved(z=0.03), surface)
    b.add(cylinder(0.07 if has_rings else 0.11, 0.13 if has_rings else 0.24, 0.01).moved(z=0.01), steel)


def spanner(b: Builder) -> None:
    """A wrench, adjustable or fixed, or a pipe wrench."""
    steel, long, thick = _steel(b), b.between(1.1, 1.6), b.between(0.09, 0.14)
    bar = prism(rounded_rectangle(b.between(0.13, 0.2), long, 0.04), thick * 0.8, 0.02)
    b.add(bar.moved(y=0, z=thick * 0.1), _grip(b) if b.chance(0.3) else steel)
    head = b.between(0.17, 0.24)
    for end in (1,) if b.chance(0.4) else (1, -1):
        if end > 0 or b.chance(0.5):
            angle = np.linspace(np.radians(125), np.radians(415), 30)
            outer = np.stack([head * np.cos(angle), head * np.sin(angle)], 1)
            jaw = np.stack([outer[:, 0], outer[:, 1], np.full(30, thick / 2)], 1) * [0.72, 0.72, 1]
            b.add(
                tube(jaw, thick * 0.62, flat=0.85)
                .moved(y=end * (long / 2 + head * 0.6))
                .turned("z", 0 if end > 0 else 180),
                steel,
            )
        else:
            b.add(ring(head * 0.75, head * 0.33, height=thick / 2).moved(y=-long / 2 - head * 0.5, z=thick / 2), steel)


def saw(b: Builder) -> None:
    """A hand saw, cleaver, trowel or spatula: a broad plate on a handle."""
    long, wide = b.between(0.9, 1.3), b.between(0.25, 0.45)
    kind = b.rng.choice(["saw", "trowel", "spatula"])
    grip, steel = _grip(b), _steel(b)
    if kind == "saw":
        plate = np.array([[0, -wide], [long, -wide * 0.5], [long, -wide * 0.1], [0, 0.05]])
        b.add(prism(plate, 0.03).moved(z=0.1), steel)
        loop = smooth(
            [
                [0, 0, 0.1],
                [-0.2, 0.06, 0.1],
                [-0.38, -0.05, 0.1],
                [-0.34, -wide, 0.1],
                [-0.1, -wide - 0.02, 0.1],
                [0, -wide * 0.8, 0.1],
            ]
        )
        b.add(tube(loop, 0.075, flat=1.2), grip)
        return
    b.add(tube([[-0.7, 0, 0.12], [-0.15, 0, 0.12]], [0.085, 0.065]), grip)
    b.add(tube(smooth([[-0.15, 0, 0.12], [0.1, 0, 0.16], [0.3, 0, 0.05]]), 0.035), steel)
    outline = smooth(
        [[0.25, -wide * 0.4], [0.6, -wide * 0.5], [long, -0.05], [long, 0.05], [0.6, wide * 0.5], [0.25, wide * 0.4]],
        30,
        closed=True,
    )
    if kind == "spatula":
        outline = rounded_rectangle(0.6, wide, 0.05) + [0.6, 0]
    b.add(prism(outline, 0.035).moved(z=0.03), steel)


def brush(b: Builder) -> None:
    """A scrubbing brush, hair brush, broom head or tooth brush."""
    long, wide = b.between(0.7, 1.2), b.between(0.2, 0.4)
    back = ball(long / 2, wide / 2, 0.08, (0.6, 0.7))
    tall = b.between(0.12, 0.35)
    surface = grained(b.rng) if b.chance(0.5) else paint(b.rng, b.main)
    b.add(back.moved(z=tall + 0.06), surface)
    bristles = paint(b.rng, color(b.rng), 0.6)
    rows, columns = int(b.rng.integers(3, 5)), int(b.rng.integers(6, 10))
    for i in np.linspace(-0.38, 0.38, columns):
        for j in np.linspace(-0.3, 0.3, rows):
            if abs(i) ** 2 / 0.2 + abs(j) ** 2 / 0.14 < 1:
                b.add(cylinder(0.036, tall).moved(i * long, j * wide), bristles)
    if b.chance(0.6):
        b.add(
            tube([[long * 0.4, 0, tall + 0.08], [long * 0.4 + b.between(0.4, 0.8), 0, tall + 0.12]], [0.06, 0.07]),
            surface,
        )


def torch(b: Builder) -> None:
    """A flashlight, thermos, microphone, rolling pin or dumb-bell: turned things that lie or stand."""
    long, r, kind = b.between(0.9, 1.5), b.between(0.1, 0.16), b.rng.choice(["torch", "microphone", "pin", "bell"])
    main, dark = covering(b.rng, b.main), paint(b.rng, named(b.rng, "rubber"))
    if kind == "torch":
        wide = r * b.between(1.3, 2)
        forms = [
            (
                lathe(
                    [
                        [r, 0],
                        [r, long * 0.7],
                        [wide, long * 0.85],
                        [wide, long],
                        [wide * 0.85, long],
                        [wide * 0.5, long * 0.9],
                    ]
                ),
                main,
            )
        ]
        forms.append((cylinder(r * 1.05, long * 0.35).moved(z=long * 0.12), dark))
        forms.append(
            (ball(wide * 0.8, wide * 0.8, 0.04).moved(z=long * 0.95), paint(b.rng, np.array([0.95, 0.93, 0.8]), 0))
        )
    elif kind == "microphone":
        forms = [(lathe([[r * 0.6, 0], [r, long * 0.75], [r * 1.1, long * 0.78]]), main)]
        forms.append(
            (ball(r * 1.6, r * 1.6, r * 1.8).moved(z=long * 0.78 + r * 1.3), paint(b.rng, named(b.rng, "steel"), 0.5))
        )
    elif kind == "pin":
        forms = [(cylinder(r * 1.2, long, 0.04), grained(b.rng))]
        forms += [
            (lathe(smooth([[0.05, 0], [0.08, 0.12], [0.05, 0.3]], 12)).moved(z=z), main) for z in (long - 0.02, -0.28)
        ]
    else:
        forms = [(cylinder(0.06, long * 0.8).moved(z=0.1 * long), paint(b.rng, named(b.rng, "steel")))]
        big = b.between(0.2, 0.32)
        corners = int(b.rng.choice([0, 6]))
        profile = [[big * 0.7, 0], [big, 0.06], [big, 0.24], [big * 0.7, 0.3]]
        forms += [(lathe(profile, corners=corners).moved(z=z), main) for z in (0.0, long * 0.8)]
    _pose(b, forms)


def tape_measure(b: Builder) -> None:
    """A tape measure, padlock, stapler or hole punch: one solid body and a moving part."""
    kind = b.rng.choice(["tape", "padlock", "stapler"])
    body = paint(b.rng, b.main)
    if kind == "tape":
        outline = rounded_rectangle(0.8, 0.75, 0.25)
        b.add(prism(outline, 0.45, 0.05).turned("x", 90).moved(y=0.22, z=0.38), body)
        b.add(
            prism(rounded_rectangle(0.5, 0.45, 0.2), 0.49, 0.02).turned("x", 90).moved(y=0.245, z=0.4),
            paint(b.rng, b.accent),
        )
        b.add(box(b.between(0.2, 1.0), 0.24, 0.03).moved(x=-0.6, z=0.03), paint(b.rng, np.array([0.9, 0.8, 0.15])))
    elif kind == "padlock":
        b.add(box(0.7, 0.3, b.between(0.5, 0.7), 0.06), body if b.chance(0.5) else paint(b.rng, named(b.rng, "brass")))
        b.add(
            tube(smooth([[-0.22, 0, 0.4], [-0.22, 0, 0.8], [0, 0, 1.05], [0.22, 0, 0.8], [0.22, 0, 0.4]]), 0.06),
            paint(b.rng, named(b.rng, "steel")),
        )
    else:
        b.add(box(0.26, 1.3, 0.1, 0.04), body)
        b.add(box(0.22, 1.2, 0.18, 0.06).turned("x", b.between(4, 14)).moved(y=0.0, z=b.between(0.2, 0.28)), body)
        b.add(box(0.18, 1.15, 0.08).turned("x", 5).moved(z=0.16), paint(b.rng, named(b.rng, "steel")))


KINDS = {
    hammer: 4,
    screwdriver: 3,
    drill: 4,
    clamp: 3,
    pliers: 4,
    spanner: 3,
    saw: 2,
    brush: 2,
    torch: 3,
    tape_measure: 2,
}
