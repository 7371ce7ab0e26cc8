# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: RUF005 - these are sums of vectors, not joined lists
"""Small electronics and household machines: cameras, controllers, phones, kettles, irons, speakers, lamps."""

import numpy as np

from ..builder import Builder
from ..forms import Form, Limb, ball, blob, box, cylinder, hollow, lathe, prism, ring, rounded_rectangle, smooth, tube
from ..surfaces import covering, grained, named, paint, screen, woven


def _buttons(b: Builder, count: int, x: tuple[float, float], y: float, z: float, r: float, axis: str = "x") -> None:
    """A row of knobs that look forward (axis x) or up (axis z)."""
    for at in np.linspace(*x, count):
        knob = cylinder(r, r * 0.8, r * 0.2)
        b.add(
            (knob.turned("x", 90) if axis == "x" else knob).moved(at, y, z),
            paint(b.rng, b.accent if b.chance(0.5) else named(b.rng, "rubber"), 0),
        )


def camera(b: Builder) -> None:
    """A still camera: compact, with a big lens, or an old one with a leather band; some on a tripod."""
    x, y, z = b.between(0.9, 1.3), b.between(0.3, 0.45), b.between(0.55, 0.8)
    dark = paint(b.rng, named(b.rng, "black") if b.chance(0.6) else b.main)
    top = dark if b.chance(0.4) else paint(b.rng, named(b.rng, "steel"))
    b.add(box(x, y, z, b.between(0.02, 0.1)), dark)
    b.add(box(x * 0.98, y * 0.95, 0.12, 0.03).moved(z=z - 0.06), top)
    r, long = b.between(0.2, 0.33), b.between(0.15, 0.7)
    lens = lathe(
        [[r, 0], [r, long * 0.4], [r * 1.08, long * 0.45], [r * 1.05, long], [r * 0.85, long], [r * 0.6, long * 0.85]]
    )
    off = b.between(-0.1, 0.1) * x
    b.add(lens.turned("x", 90).moved(off, -y / 2 + 0.02, z * 0.48), paint(b.rng, named(b.rng, "black")))
    b.add(
        ball(r * 0.65, 0.05, r * 0.65).moved(off, -y / 2 - long * 0.86, z * 0.48),
        paint(b.rng, named(b.rng, "glass"), 0),
    )
    if b.chance(0.6):
        b.add(box(0.32, y * 0.9, 0.2, 0.05).tapered(0.6, 0.8).moved(off, 0, z), top)
    b.add(cylinder(0.09, 0.09, 0.01).moved(x * 0.36, 0, z), paint(b.rng, b.accent))
    b.add(cylinder(0.07, 0.06, 0.01).moved(-x * 0.36, 0, z), top)
    if b.chance(0.5):
        b.add(box(0.2, y * 0.5, z * 0.9, 0.08).moved(x * 0.42, -y * 0.4, 0.02), dark)
    b.add(box(x * 0.55, 0.02, z * 0.55).moved(0, y / 2, z * 0.15), screen(b.rng))


def controller(b: Builder) -> None:
    """A game controller with two horns, sticks and buttons."""
    wide, skin = b.between(0.45, 0.55), b.main
    reach = b.between(0.35, 0.6)
    limbs = [Limb([-wide * 0.6, 0, 0.2], [wide * 0.6, 0, 0.2], 0.26, 0.26, skin, (1, 1, 0.6))]
    for s in (1, -1):
        limbs.append(
            Limb(
                [s * wide, -0.02, 0.2],
                [s * wide * 1.25, reach, 0.12],
                0.26,
                0.15,
                b.second if b.chance(0.2) else skin,
                (1, 1, 0.75),
            )
        )
        limbs.append(Limb([s * wide, -0.24, 0.2], [s * wide * 0.8, -0.24, 0.2], 0.09, 0.08, skin * 0.7))
    b.add(blob(limbs, 0.05))
    dark = paint(b.rng, named(b.rng, "rubber"))
    for x, y in ((0.24, 0.17), (-0.24, 0.17)) if b.chance(0.5) else ((0.24, 0.17), (-wide, -0.03)):
        b.add(cylinder(0.05, 0.12).moved(x, y, 0.32), dark)
        b.add(cylinder(0.1, 0.04, 0.012).moved(x, y, 0.43), dark)
    for i in range(4):
        x, y = 0.11 * np.cos(i * np.pi / 2), 0.11 * np.sin(i * np.pi / 2)
        b.add(
            cylinder(0.05, 0.08, 0.01).moved(wide * 1.05 + x, -0.04 + y, 0.32),
            paint(b.rng, b.rng.uniform(0.1, 0.9, 3), 0),
        )
    b.add(box(0.1, 0.3, 0.05, 0.01).moved(-wide * 0.75, 0.02, 0.34), dark)
    b.add(box(0.3, 0.1, 0.05, 0.01).moved(-wide * 0.75, 0.02, 0.34), dark)


def telephone(b: Builder) -> None:
    """A mobile on a stand, a desk telephone with its receiver, a calculator or a remote control."""
    kind = b.rng.choice(["mobile", "desk", "remote"])
    body = paint(b.rng, b.main)
    if kind == "mobile":
        tilt = b.between(10, 35)
        slab = box(0.62, 0.09, 1.25, 0.04)
        face = prism(rounded_rectangle(0.56, 1.15, 0.05), 0.01).turned("x", 90).moved(y=-0.045, z=0.62)
        b.add(slab.turned("x", -tilt).moved(z=0.12), body)
        b.add(face.turned("x", -tilt).moved(z=0.12), screen(b.rng))
        b.add(box(0.55, 0.7, 0.1, 0.03).moved(y=0.15), paint(b.rng, b.second))
        b.add(tube([[0, 0.35, 0.05], [0, 0.27, 0.6]], 0.05), paint(b.rng, b.second))
        return
    if kind == "remote":
        b.add(box(0.35, 1.3, 0.16, 0.06), body)
        for y in np.linspace(-0.45, 0.45, int(b.rng.integers(4, 8))):
            _buttons(b, 3, (-0.1, 0.1), y, 0.14, 0.04, "z")
        return
    b.add(box(0.9, 0.9, 0.45, 0.06).tapered(0.85, 0.5), body)
    if b.chance(0.5):
        b.add(cylinder(0.27, 0.06, 0.02).turned("x", 28).moved(0, -0.22, 0.33), paint(b.rng, b.second))
    else:
        for i in range(3):
            _buttons(b, 3, (-0.15, 0.15), -0.38 + 0.11 * i, 0.2 + 0.1 * i, 0.05, "z")
    handle = smooth([[-0.5, 0, 0.5], [-0.48, 0, 0.62], [0, 0, 0.68], [0.48, 0, 0.62], [0.5, 0, 0.5]])
    b.add(tube(handle, 0.08).moved(y=0.12), body)
    b.add(cylinder(0.14, 0.12, 0.03).moved(0.5, 0.12, 0.42), body, both=True)


def kettle(b: Builder) -> None:
    """An electric or stove kettle, coffee pot or watering can, closed."""
    r, tall = 0.45, b.between(0.6, 1.1)
    top = b.between(0.45, 0.9)
    profile = smooth([[r * 0.95, 0.06], [r, tall * 0.2], [r * (1 + top) / 2, tall * 0.6], [r * top, tall]], 24)
    metal = paint(b.rng, named(b.rng, "steel"), 0.1) if b.chance(0.4) else covering(b.rng, b.main)
    b.add(lathe(profile), metal)
    b.add(cylinder(r * 1.02, 0.08, 0.02), paint(b.rng, named(b.rng, "rubber")))
    b.add(lathe(smooth([[r * top, 0], [r * top * 0.7, 0.07], [0.02, 0.1]], 12)).moved(z=tall - 0.01), metal)
    b.add(ball(0.07, 0.07, 0.06).moved(z=tall + 0.13), paint(b.rng, named(b.rng, "rubber")))
    grip = paint(b.rng, named(b.rng, "rubber") if b.chance(0.6) else b.accent)
    if b.chance(0.6):
        path = [
            [0, r * 0.6 * top, tall],
            [0, r + 0.3, tall * 0.98],
            [0, r + 0.36, tall * 0.6],
            [0, r * 0.97, tall * 0.25],
        ]
        b.add(tube(smooth(path), 0.065, flat=1.2), grip)
    else:
        b.add(
            tube(
                smooth([[0, r * top, tall], [0, r * 0.8, tall + 0.4], [0, -r * 0.8, tall + 0.4], [0, -r * top, tall]]),
                0.05,
            ),
            grip,
        )
    if b.chance(0.5):
        b.add(
            tube(
                smooth([[0, -r * 0.8, tall * 0.4], [0, -r - 0.25, tall * 0.65], [0, -r - 0.35, tall * 0.95]]),
                np.linspace(0.14, 0.06, 40),
            ),
            metal,
        )
    else:
        b.add(tube([[0, -r * top * 0.8, tall * 0.85], [0, -r * top - 0.13, tall * 0.97]], [0.16, 0.07]), metal)


def speaker(b: Builder) -> None:
    """A loudspeaker, radio, alarm clock, oven or games console: a box with a face."""
    x, y, z = np.exp(b.rng.normal(0, 0.35, 3)) * [0.8, 0.55, 0.7]
    case = grained(b.rng) if b.chance(0.35) else paint(b.rng, b.main)
    b.add(box(x, y, z, b.between(0, 0.08)), case)
    front = -y / 2
    kind = b.rng.choice(["speaker", "radio", "clock"])
    if kind == "clock":
        r = min(x, z) * 0.42
        b.add(cylinder(r, 0.04, 0.01).turned("x", 90).moved(0, front, z / 2), paint(b.rng, named(b.rng, "white"), 0))
        for angle, long in ((b.between(0, 360), 0.75), (b.between(0, 360), 0.5)):
            hand = box(0.03, 0.02, long * r).turned("y", angle).moved(0, front - 0.05, z / 2)
            b.add(hand, paint(b.rng, named(b.rng, "black")))
        return
    cones = int(b.rng.integers(1, 3))
    mesh = paint(b.rng, named(b.rng, "black"), 0.3)
    for i in range(cones):
        r = min(x, z / cones) * b.between(0.3, 0.44)
        at = z * (i + 0.5) / cones
        cone = lathe([[r, 0], [r, 0.04], [r * 0.85, 0.04], [r * 0.3, -0.03], [r * 0.25, 0.02]])
        off = x * b.between(-0.2, 0.2) if kind == "radio" else 0
        b.add(cone.turned("x", 90).moved(off, front, at), mesh)
    if kind == "radio":
        b.add(box(x * 0.5, 0.03, z * 0.16).moved(0, front, z * 0.8), screen(b.rng))
        _buttons(b, int(b.rng.integers(2, 5)), (-x * 0.35, x * 0.35), front, z * 0.12, 0.05)
        if b.chance(0.5):
            b.add(
                tube(
                    smooth([[-x * 0.4, 0, z], [-x * 0.36, 0, z + 0.2], [x * 0.36, 0, z + 0.2], [x * 0.4, 0, z]]), 0.035
                ),
                paint(b.rng, b.second),
            )
        if b.chance(0.4):
            b.add(
                tube([[x * 0.4, y * 0.3, z], [x * b.between(0.4, 0.9), y * 0.3, z + 0.7]], 0.015),
                paint(b.rng, named(b.rng, "steel")),
            )


def headphones(b: Builder) -> None:
    """Headphones, lying or standing: a band and two cushions."""
    r = b.between(0.42, 0.5)
    angle = np.radians(np.linspace(-15, 195, 40))
    band = np.stack([r * np.cos(angle), np.zeros(40), 0.55 + r * 1.1 * np.sin(angle)], 1)
    b.add(tube(band, b.between(0.03, 0.06), flat=b.between(0.5, 1.6)), covering(b.rng, b.main))
    cup = b.between(0.2, 0.3)
    shell = (
        lathe(smooth([[cup * 0.7, 0], [cup, 0.06], [cup, 0.12], [cup * 0.9, 0.2]], 14))
        .scaled(1.15, 0.9, 1)
        .turned("y", -90)
    )
    b.add(shell.moved(r + 0.1, 0, 0.42), paint(b.rng, b.second), both=True)
    pad = ring(cup * 0.72, cup * 0.25).scaled(1.15, 0.9, 1.2).turned("y", 90)
    b.add(pad.moved(r - 0.12, 0, 0.42), paint(b.rng, named(b.rng, "black")), both=True)


def hair_dryer(b: Builder) -> None:
    """A hair dryer, hand blender or shower head."""
    long, r = b.between(0.7, 1.0), b.between(0.2, 0.28)
    skin = paint(b.rng, b.main, 0)
    z = 0.95
    shape = smooth([[r * 0.4, 0], [r, 0.12], [r, long * 0.45], [r * 0.65, long]], 24)
    b.add(lathe(shape).turned("x", 90).moved(y=long * 0.4, z=z), skin)
    b.add(
        lathe(hollow([[r * 0.62, 0], [r * 0.75, 0.22]], 0.03))
        .scaled(1.3, b.between(0.4, 1), 1)
        .turned("x", 90)
        .moved(y=-long * 0.58, z=z),
        paint(b.rng, named(b.rng, "rubber")),
    )
    lean = b.between(-0.1, 0.2)
    b.add(
        tube(smooth([[0, 0.12, z - r * 0.5], [0, 0.14 + lean * 0.5, z * 0.5], [0, 0.14 + lean, 0.1]]), 0.11, flat=1.3),
        skin if b.chance(0.6) else paint(b.rng, b.second),
    )
    b.add(box(0.06, 0.08, 0.18, 0.02).moved(0, 0.02, z * 0.5), paint(b.rng, b.accent))


def iron(b: Builder) -> None:
    """A clothes iron, standing flat, or a computer mouse or garlic-shaped sander: a sole and a hood."""
    wide, long = 0.34, 0.72
    t = np.linspace(0, 1, 20)
    half = wide * np.sqrt(np.clip(1 - t**2.2, 0.0005, 1))
    outline = np.concatenate(
        [np.stack([half, 0.35 - t * 1.1 * long - 0.1], 1), np.stack([-half, 0.35 - t * 1.1 * long - 0.1], 1)[::-1]]
    )[::-1]
    b.add(prism(outline, 0.07), paint(b.rng, named(b.rng, "steel"), 0))
    hood = prism(outline, b.between(0.22, 0.35), 0.1)
    b.add(hood.scaled(0.92, 0.92, 1).moved(z=0.06), paint(b.rng, b.main, 0))
    if b.chance(0.75):
        b.add(
            tube(
                smooth([[0, 0.2, 0.25], [0, 0.3, 0.5], [0, 0.0, 0.6], [0, -0.3, 0.55], [0, -0.42, 0.22]]),
                0.07,
                flat=1.2,
            ),
            paint(b.rng, b.second),
        )
        b.add(cylinder(0.1, 0.08, 0.02).moved(y=-0.05, z=0.32), paint(b.rng, b.accent))


def vacuum(b: Builder) -> None:
    """A vacuum cleaner, a mixer or a coffee machine."""
    kind = b.rng.choice(["vacuum", "mixer", "coffee"])
    skin, dark = paint(b.rng, b.main, 0), paint(b.rng, named(b.rng, "rubber"))
    if kind == "vacuum":
        b.add(ball(0.42, 0.6, 0.36, (0.7, 0.9)).moved(z=0.4), skin)
        b.add(wheel_pair(0.28), dark, both=True)
        hose = smooth([[0, -0.5, 0.55], [0.1, -0.9, 0.85], [0.35, -1.1, 0.5], [0.5, -1.2, 0.1]])
        b.add(tube(hose, 0.07), dark)
        b.add(box(0.5, 0.22, 0.1, 0.04).moved(0.5, -1.25, 0), paint(b.rng, b.accent))
        return
    if kind == "mixer":
        b.add(box(0.45, 1.0, 0.12, 0.05), skin)
        b.add(box(0.34, 0.28, 0.85, 0.12).moved(y=0.32, z=0.05), skin)
        b.add(ball(0.22, 0.6, 0.2, (0.7, 0.8)).moved(y=-0.05, z=0.98), skin)
        bowl = lathe(hollow(smooth([[0.16, 0], [0.3, 0.15], [0.34, 0.4]], 16), 0.03))
        b.add(bowl.moved(y=-0.25, z=0.12), paint(b.rng, named(b.rng, "steel"), 0))
        b.add(cylinder(0.07, 0.25).moved(y=-0.25, z=0.6), dark)
        return
    b.add(box(0.6, 0.8, 0.1, 0.03), dark)
    b.add(box(0.6, 0.35, 1.1, 0.04).moved(y=0.22), skin)
    b.add(box(0.6, 0.8, 0.3, 0.05).moved(z=0.85), skin)
    jug = lathe(hollow(smooth([[0.2, 0], [0.24, 0.15], [0.2, 0.4]], 14), 0.025))
    b.add(jug.moved(y=-0.16, z=0.1), paint(b.rng, named(b.rng, "glass"), 0))
    _buttons(b, 3, (-0.2, 0.2), -0.4, 1.0, 0.04)


def wheel_pair(r: float) -> Form:
    """One side's wheel of a vacuum cleaner."""
    return cylinder(r, 0.1, 0.03).turned("y", 90).moved(0.36, 0.3, r)


def lamp(b: Builder) -> None:
    """A table lamp with a shade, a lantern, or a jointed desk lamp."""
    foot = covering(b.rng, b.main) if b.chance(0.6) else paint(b.rng, named(b.rng, "brass"))
    tall, r = b.between(0.6, 1.2), b.between(0.3, 0.5)
    if b.chance(0.35):
        b.add(cylinder(r * 0.8, 0.07, 0.02), foot)
        joint = np.array([0, b.between(0.2, 0.45), tall * 0.7])
        head = np.array([0, -b.between(0.2, 0.5), tall * 1.15])
        b.add(tube([[0, 0, 0.05], joint], 0.03), foot)
        b.add(tube([joint, head], 0.03), foot)
        shade = lathe(hollow([[0.06, 0], [0.1, 0.08], [0.26, 0.35]], 0.02)).turned("x", 150)
        b.add(shade.moved(*(head + [0, 0, 0.05])), paint(b.rng, b.second))
        return
    body = smooth(
        [[r * 0.7, 0], [r * b.between(0.2, 0.9), tall * 0.25], [r * b.between(0.15, 0.7), tall * 0.6], [0.05, tall]], 24
    )
    b.add(lathe(body, corners=int(b.rng.choice([0, 0, 0, 4, 6]))), foot)
    low, high = r * b.between(1.0, 1.5), r * b.between(0.5, 1.0)
    profile = [[low, 0], [high, b.between(0.4, 0.7)], [high - 0.03, b.between(0.4, 0.7)], [low - 0.03, 0.0]]
    profile[2][1] = profile[1][1]
    b.add(
        lathe(np.array(profile)).moved(z=tall * 0.85),
        woven(b.rng, b.second) if b.chance(0.6) else paint(b.rng, b.second),
    )
    b.add(cylinder(high * 0.95, 0.02).moved(z=tall * 0.85 + profile[1][1] * 0.8), paint(b.rng, named(b.rng, "white")))


def laptop(b: Builder) -> None:
    """An open laptop, typewriter or cash desk: a keyboard and a lid."""
    x, y = b.between(1.0, 1.3), b.between(0.7, 0.85)
    body, thick = paint(b.rng, named(b.rng, "steel") if b.chance(0.5) else b.main), b.between(0.05, 0.09)
    b.add(box(x, y, thick, 0.02), body)
    keys = paint(b.rng, named(b.rng, "black"), 0)
    for i in range(4):
        b.add(box(x * 0.85, y * 0.09, 0.03).moved(0, y * (0.32 - 0.13 * i), thick), keys)
    angle = b.between(5, 35)
    b.add(box(x, 0.06, y * 0.95, 0.02).turned("x", -angle).moved(y=y / 2, z=thick), body)
    panel = box(x * 0.92, 0.02, y * 0.84).moved(y=-0.035, z=y * 0.05).turned("x", -angle)
    b.add(panel.moved(y=y / 2, z=thick), screen(b.rng))


def sewing_or_scale(b: Builder) -> None:
    """A kitchen scale, a sewing machine or a microscope."""
    skin, dark = paint(b.rng, b.main, 0), paint(b.rng, named(b.rng, "black"))
    kind = b.rng.choice(["scale", "sewing", "microscope"])
    if kind == "scale":
        b.add(box(0.8, 0.8, 0.5, 0.06).tapered(0.7, 0.7), skin)
        b.add(cylinder(0.24, 0.05).turned("x", 80).moved(y=-0.33, z=0.27), paint(b.rng, named(b.rng, "white"), 0))
        b.add(
            lathe(hollow(smooth([[0.2, 0], [0.5, 0.12], [0.55, 0.2]], 14), 0.03)).moved(z=0.55), paint(b.rng, b.second)
        )
    elif kind == "sewing":
        b.add(box(1.3, 0.5, 0.14, 0.03), skin if b.chance(0.5) else grained(b.rng))
        b.add(box(0.3, 0.36, 0.85, 0.06).moved(0.48, 0, 0.1), skin)
        b.add(box(1.15, 0.32, 0.26, 0.08).moved(0.0, 0, 0.75), skin)
        b.add(box(0.2, 0.3, 0.42, 0.05).moved(-0.48, 0, 0.5), skin)
        b.add(cylinder(0.03, 0.35).moved(-0.48, 0, 0.2), dark)
        b.add(cylinder(0.2, 0.07, 0.02).turned("y", 90).moved(0.62, 0, 0.8), dark)
    else:
        b.add(box(0.6, 0.8, 0.12, 0.05), skin)
        b.add(tube(smooth([[0, 0.3, 0.1], [0, 0.42, 0.6], [0, 0.2, 1.05]]), 0.1), skin)
        b.add(box(0.5, 0.5, 0.06).moved(y=-0.1, z=0.42), dark)
        b.add(tube([[0, -0.14, 0.62], [0, -0.02, 1.0], [0, 0.16, 1.5]], [0.07, 0.11, 0.1]), dark)
        b.add(cylinder(0.1, 0.1).turned("y", 90).moved(0.08, 0.36, 0.55), paint(b.rng, b.accent), both=True)


KINDS = {
    camera: 5,
    controller: 4,
    telephone: 3,
    kettle: 4,
    speaker: 3,
    headphones: 3,
    hair_dryer: 2,
    iron: 2,
    vacuum: 3,
    lamp: 3,
    laptop: 2,
    sewing_or_scale: 2,
}
