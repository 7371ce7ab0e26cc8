# SPDX-License-Identifier: GPL-3.0-or-later
"""Musical instruments, sports gear and other things with a shape of their own."""

import numpy as np

from ..builder import Builder
from ..forms import ball, box, cylinder, hollow, lathe, prism, ring, smooth, tube
from ..surfaces import covering, grained, label, named, paint, patterned


def guitar(b: Builder) -> None:
    """A guitar, violin, banjo or ukulele, standing or lying."""
    long, deep = b.between(0.7, 1.0), b.between(0.12, 0.25)
    waist, upper = b.between(0.2, 0.3), b.between(0.26, 0.33)
    half = smooth([[0.02, 0], [0.3, 0.06], [0.4, 0.28], [waist, 0.55], [upper, 0.8], [0.2, 0.97], [0.06, 1.0]], 30)
    outline = np.concatenate([half, half[::-1] * [-1, 1]])
    if b.chance(0.2):
        angle = np.arange(60) * np.pi / 30
        outline = np.stack([0.38 * np.cos(angle), 0.38 + 0.38 * np.sin(angle)], 1)
    wood = grained(b.rng, None if b.chance(0.6) else b.main)
    forms = [(prism(outline * [1, long], deep, 0.02), wood)]
    end = float(outline[:, 1].max()) * long
    neck = b.between(0.7, 1.1)
    dark = grained(b.rng, named(b.rng, "oak") * 0.5)
    forms.append((box(0.1, neck + 0.25, 0.08, 0.02).moved(y=end - 0.2 + neck / 2, z=deep - 0.04), dark))
    forms.append((box(0.17, 0.28, 0.07, 0.02).moved(y=end + neck + 0.04, z=deep - 0.05), wood))
    forms.append((cylinder(0.11, 0.012).moved(y=end * 0.62, z=deep - 0.002), paint(b.rng, named(b.rng, "black"), 0)))
    forms.append((box(0.25, 0.06, 0.04).moved(y=end * 0.28, z=deep), dark))
    for y in np.linspace(-0.06, 0.1, 3):
        peg = cylinder(0.022, 0.1).turned("y", 90).moved(0.08, end + neck + 0.04 + y, deep)
        forms += [(peg, paint(b.rng, named(b.rng, "steel"))), (peg.mirrored(), paint(b.rng, named(b.rng, "steel")))]
    stand = b.chance(0.7)
    for form, surface in forms:
        b.add(form.turned("x", b.between(85, 85)) if stand else form, surface)


def drum(b: Builder) -> None:
    """A drum, tambourine or a pair of bongos, with hoops and rods."""
    count = 2 if b.chance(0.25) else 1
    for i in range(count):
        r, tall = b.between(0.4, 0.6), b.between(0.3, 1.1)
        x = (i - (count - 1) / 2) * 1.15
        taper = b.between(0.75, 1.1)
        b.add(
            lathe([[r * taper, 0], [r, tall]]).moved(x=x), grained(b.rng) if b.chance(0.4) else covering(b.rng, b.main)
        )
        b.add(cylinder(r * 0.98, 0.02).moved(x=x, z=tall), paint(b.rng, named(b.rng, "white")))
        hoop = paint(b.rng, named(b.rng, "steel") if b.chance(0.5) else b.accent)
        b.add(ring(r, 0.035).moved(x=x, z=tall), hoop)
        b.add(ring(r * taper, 0.035).moved(x=x, z=0.03), hoop)
        for k in range(int(b.rng.integers(0, 9))):
            angle = k * np.pi / 4
            rod = [
                [x + r * taper * 1.02 * np.cos(angle), r * taper * 1.02 * np.sin(angle), 0.04],
                [x + r * 1.02 * np.cos(angle), r * 1.02 * np.sin(angle), tall],
            ]
            b.add(tube(rod, 0.018), hoop)


def horn(b: Builder) -> None:
    """A trumpet, saxophone, gramophone horn or flute."""
    brass = paint(b.rng, named(b.rng, "brass") if b.chance(0.7) else b.main)
    flare = b.between(0.28, 0.45)
    t = np.linspace(0, 1, 24)
    bell = lathe(hollow(np.stack([0.06 + flare * t**3, 0.55 * t], 1), 0.02))
    b.add(bell.turned("x", 90).moved(z=0.5), brass)
    if b.chance(0.5):
        loop = smooth(
            [
                [0, 0, 0.5],
                [0, 0.7, 0.5],
                [0, 0.85, 0.35],
                [0, 0.7, 0.2],
                [0, -0.1, 0.2],
                [0, -0.2, 0.35],
                [0, 0.0, 0.42],
                [0, 1.1, 0.45],
            ],
            80,
        )
        b.add(tube(loop, 0.045), brass)
        for y in (0.15, 0.3, 0.45):
            b.add(cylinder(0.055, 0.5, 0.01).moved(0.02, y, 0.15), brass)
            b.add(cylinder(0.03, 0.12).moved(0.02, y, 0.64), paint(b.rng, named(b.rng, "white")))
        return
    body = smooth(
        [[0, 0, 0.5], [0, 0.25, 0.45], [0, 0.35, 0.25], [0, 0.3, 0.5], [0, 0.2, 1.3], [0, 0.35, 1.5], [0, 0.6, 1.45]],
        60,
    )
    b.add(tube(body, np.linspace(0.09, 0.04, 60)), brass)
    for z in np.linspace(0.5, 1.2, 6):
        b.add(cylinder(0.05, 0.04).turned("x", 90).moved(0, 0.2, z), brass)


def piano(b: Builder) -> None:
    """A keyboard, toy piano, xylophone or accordion."""
    x, y = b.between(1.2, 1.7), b.between(0.4, 0.7)
    body = grained(b.rng) if b.chance(0.4) else paint(b.rng, b.main)
    if b.chance(0.35):
        count = int(b.rng.integers(6, 11))
        for i in range(count):
            long = y * (1.3 - 0.7 * i / count)
            bar = box(x / count * 0.8, long, 0.05, 0.01).moved(x * ((i + 0.5) / count - 0.5), 0, 0.14)
            b.add(bar, paint(b.rng, b.rng.uniform(0.1, 0.95, 3), 0))
        for s in (-1, 1):
            b.add(tube([[-x / 2, s * y * 0.45, 0.08], [x / 2, s * y * 0.25, 0.08]], 0.07), body)
        return
    tall = b.between(0.12, 0.25)
    upright = b.chance(0.4)
    b.add(box(x, y, tall, 0.02).moved(z=0.5 if upright else 0), body)
    base = 0.5 if upright else 0.0
    if upright:
        b.add(box(x, y * 0.45, 1.2, 0.02).moved(y=y * 0.3), body)
        b.add(box(0.1, y * 0.5, 0.5).moved(x * 0.45, -y * 0.2), body, both=True)
    else:
        b.add(box(x * 0.96, y * 0.4, 0.06, 0.01).moved(y=y * 0.27, z=tall), paint(b.rng, b.second))
    b.add(box(x * 0.92, y * 0.35, 0.04).moved(y=-y * 0.27, z=base + tall), paint(b.rng, named(b.rng, "white"), 0))
    for i in range(14):
        if i % 7 not in (2, 6):
            b.add(
                box(0.035, y * 0.2, 0.05).moved(x * 0.92 * ((i + 1) / 15 - 0.5), -y * 0.2, base + tall + 0.03),
                paint(b.rng, named(b.rng, "black"), 0),
            )


def maraca(b: Builder) -> None:
    """Things on a stick: a maraca, lollipop, spoon, magnifying glass, racket, bat, club or mirror."""
    long = b.between(0.7, 1.2)
    kind = b.rng.choice(["ball", "racket", "bat", "spoon", "lens"])
    surface, grip = covering(b.rng, b.main), paint(b.rng, b.second)
    forms = []
    if kind == "bat":
        profile = smooth(
            [[0.08, 0], [0.05, 0.08], [0.05, long * 0.5], [0.12, long * 1.0], [0.13, long * 1.5], [0.02, long * 1.6]],
            40,
        )
        forms = [(lathe(profile), grained(b.rng) if b.chance(0.6) else surface)]
    else:
        forms = [(tube([[0, 0, 0], [0, 0, long]], [0.06, 0.045]), grip)]
    if kind == "ball":
        r = b.between(0.2, 0.4)
        forms.append((ball(r, r, r * b.between(0.9, 1.4)).moved(z=long + r * 0.8), surface))
    elif kind == "spoon":
        forms.append((ball(0.2, 0.07, 0.3).moved(z=long + 0.25), grip))
    elif kind in ("racket", "lens"):
        r = b.between(0.3, 0.42)
        tall = b.between(1.0, 1.35)
        forms.append((ring(r, 0.045).turned("x", 90).scaled(1, 1, tall).moved(z=long + r * tall), surface))
        forms.append(
            (
                cylinder(r, 0.02).turned("x", 90).scaled(1, 1, tall).moved(y=0.01, z=long + r * tall),
                paint(b.rng, named(b.rng, "white"), 0.2),
            )
        )
    lying = b.chance(0.5)
    for form, cover in forms:
        b.add(form.turned("x", 80) if lying else form, cover)


def umbrella(b: Builder) -> None:
    """An umbrella, open or as a garden parasol, or a tent."""
    ribs = int(b.rng.choice([6, 8]))
    high, r = b.between(0.3, 0.55), 0.9
    if b.chance(0.3):
        outline = np.array([[-0.8, 0], [0.8, 0], [0.04, 0.9], [-0.04, 0.9]])
        b.add(prism(outline, b.between(0.9, 1.6)).turned("x", 90).moved(y=0.6), patterned(b.rng, b.main, b.second))
        b.add(
            prism(np.array([[-0.25, 0], [0.25, 0], [0, 0.55]]), 0.04).turned("x", 90).moved(y=-0.58 + 1.2),
            paint(b.rng, b.accent),
        )
        return
    dome = smooth([[r, 0], [r * 0.75, high * 0.55], [r * 0.35, high * 0.9], [0.02, high]], 20)
    shell = np.concatenate([dome, dome[::-1] * [0.985, 1] - [0, 0.03]])
    form = lathe(shell, corners=ribs, segments=ribs * 8)
    cloth = label(b.rng, b.main, "own", ribs // 2) if b.chance(0.3) else covering(b.rng, b.main)
    b.add(form.moved(z=1.0), cloth)
    b.add(cylinder(0.025, 1.2 + high).moved(z=-0.15), paint(b.rng, named(b.rng, "steel")))
    if b.chance(0.5):
        b.add(tube(smooth([[0, 0, -0.1], [0, 0, -0.25], [0.1, 0, -0.33], [0.2, 0, -0.25]]), 0.045), grained(b.rng))
    else:
        b.add(cylinder(0.35, 0.1, 0.03).moved(z=-0.2), paint(b.rng, b.second))


KINDS = {guitar: 4, drum: 3, horn: 2, piano: 2, maraca: 3, umbrella: 2}
