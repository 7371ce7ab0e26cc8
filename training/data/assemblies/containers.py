# SPDX-License-Identifier: GPL-3.0-or-later
"""Packaging and vessels: cartons, cans, bottles, mugs, pots, buckets, crates."""

import numpy as np

from ..builder import Builder
from ..forms import ball, box, cylinder, hollow, inset, lathe, loft, prism, ring, rounded_rectangle, smooth, tube
from ..surfaces import color, covering, grained, label, leather, named, paint, patterned


def carton(b: Builder) -> None:
    """A printed box with sharp edges; now and then with a tab or a flap that stands open."""
    size = np.exp(b.rng.normal(0, 0.5, 3)) * [0.7, 0.45, 1.0]
    b.add(box(*size), label(b.rng, b.main))
    if b.chance(0.15):
        tab = box(size[0] * 0.5, 0.03, size[2] * 0.16).moved(y=size[1] / 2 - 0.015, z=size[2])
        b.add(tab, paint(b.rng, b.main))


def parcel(b: Builder) -> None:
    """A cardboard parcel with tape, or a present with a ribbon and bow."""
    x, y, z = np.exp(b.rng.normal(0, 0.3, 3))
    is_present = b.chance(0.6)
    b.add(box(x, y, z), covering(b.rng, b.main) if is_present else paint(b.rng, named(b.rng, "card"), 0.2))
    band = paint(b.rng, b.accent if is_present else np.array([0.8, 0.72, 0.55]), 0)
    wide = b.between(0.08, 0.16) * x
    b.add(box(wide, y + 0.02, z + 0.02).moved(z=-0.01), band)
    if not is_present:
        return
    b.add(box(x + 0.02, wide, z + 0.02).moved(z=-0.01), band)
    loop = b.between(0.18, 0.32) * x
    path = [
        [0, 0, 0],
        [loop * 0.8, 0, loop * 0.7],
        [loop * 1.3, 0, loop * 0.4],
        [loop * 0.8, 0, loop * 0.05],
        [0, 0, 0],
    ]
    b.add(tube(smooth(path), wide * 0.42, flat=0.3).moved(z=z + 0.03), band, both=True)


def gable_carton(b: Builder) -> None:
    """A milk carton with its folded roof."""
    width, tall = 0.6, b.between(0.7, 1.3)
    square = rounded_rectangle(width, width, 0)
    levels = [(1, 1, 0), (1, 1, tall), (1, 0.08, tall + 0.3), (1, 0.08, tall + 0.42)]
    sections = [np.concatenate([square * [sx, sy], np.full((4, 1), z)], 1) for sx, sy, z in levels]
    b.add(loft(np.stack(sections)), label(b.rng, b.main))
    if b.chance(0.5):
        cap = cylinder(0.1, 0.1, 0.015).turned("x", 50).moved(y=-0.17, z=tall + 0.13)
        b.add(cap, paint(b.rng, b.accent, 0))


def tin(b: Builder) -> None:
    """A can with rims and a label, or a drink can that narrows at both ends."""
    tall, r = b.between(0.5, 1.6), 0.5
    metal = paint(b.rng, named(b.rng, "steel"), 0.1)
    if b.chance(0.4):
        tall = b.between(1.3, 2.2)
        profile = [
            [0.3, 0.04],
            [0.38, 0],
            [r, 0.12],
            [r, tall - 0.2],
            [0.4, tall - 0.02],
            [0.41, tall],
            [0.38, tall - 0.05],
        ]
        b.add(lathe(profile), label(b.rng, b.main, "own", int(b.rng.integers(1, 3))))
        b.add(tube([[0, -0.05, tall - 0.03], [0, 0.22, tall - 0.02]], 0.09, flat=0.2), metal)
        return
    b.add(cylinder(r, tall), metal)
    for z in (0.02, tall - 0.02):
        b.add(ring(r, 0.025).moved(z=z), metal)
    b.add(cylinder(r + 0.012, tall * b.between(0.75, 0.92)).moved(z=tall * 0.06), label(b.rng, b.main, "own", 2))


def bottle(b: Builder) -> None:
    """A bottle with a shoulder, a cap and a label; round, square or flattened."""
    r, neck, tall = 0.4, b.between(0.08, 0.2), b.between(1.0, 2.2)
    shoulder = tall * b.between(0.5, 0.8)
    waist = b.between(0.8, 1.05)
    points = [
        [r * 0.9, 0],
        [r, 0.05],
        [r * waist, shoulder * 0.5],
        [r, shoulder],
        [neck * 1.3, tall * 0.93],
        [neck, tall],
    ]
    profile = np.concatenate([smooth(points, 30), [[neck, tall + 0.12]]])
    profile[:, 0] = np.maximum(profile[:, 0], 0.03)
    flat = b.between(0.5, 0.8) if b.chance(0.4) else 1.0
    corners = 4 if b.chance(0.15) else 0
    turned = 45 if corners else 0
    body = lathe(profile, corners=corners).turned("z", turned).scaled(1, flat, 1)
    b.add(body, paint(b.rng, b.main, 0))
    cap = cylinder(neck * b.between(1.1, 1.5), b.between(0.1, 0.3), 0.02).moved(z=tall + 0.02)
    b.add(cap, paint(b.rng, b.accent, 0))
    if b.chance(0.75) and not corners:
        low, high = shoulder * 0.18, shoulder * b.between(0.6, 0.95)
        rows = (profile[:, 1] > low) & (profile[:, 1] < high)
        if rows.sum() > 2:
            wrap = lathe(profile[rows] + [0.012, 0]).scaled(1, flat, 1)
            b.add(wrap, label(b.rng, b.second, "own", int(b.rng.integers(1, 3))))
    if b.chance(0.25):
        spray_head(b, tall + 0.1, neck)


def spray_head(b: Builder, z: float, neck: float) -> None:
    """A trigger or a pump on a bottle's neck."""
    plastic = paint(b.rng, b.accent, 0)
    if b.chance(0.5):
        b.add(box(0.18, 0.6, 0.18, 0.05).moved(y=-0.08, z=z + 0.18), plastic)
        b.add(tube(smooth([[0, -0.12, z + 0.2], [0, -0.2, z], [0, -0.2, z - 0.2]]), 0.05), plastic)
        b.add(cylinder(neck, 0.25).moved(z=z), plastic)
        return
    b.add(cylinder(neck * 0.4, 0.4).moved(z=z), plastic)
    b.add(tube(smooth([[0, 0.1, z + 0.4], [0, -0.25, z + 0.42], [0, -0.35, z + 0.32]]), 0.07), plastic)


def jar(b: Builder) -> None:
    """A jam jar or a tub with a lid."""
    r, tall, lid = 0.5, b.between(0.5, 1.1), b.between(0.12, 0.25)
    corners = int(b.rng.choice([0, 0, 4, 6, 8]))
    profile = smooth([[r * 0.9, 0], [r, 0.1], [r, tall * 0.8], [r * b.between(0.75, 0.95), tall]], 20)
    b.add(lathe(profile, corners=corners), leather(b.rng, b.main))
    b.add(cylinder(r * 0.92, lid, 0.03).moved(z=tall), covering(b.rng, b.accent))
    if not corners:
        b.add(cylinder(r + 0.015, tall * 0.5).moved(z=tall * 0.2), label(b.rng, b.second, "own", 2))


def handle(b: Builder, outer: np.ndarray, low: float, high: float, reach: float) -> None:
    """A cup's ear on a vessel of this outer profile, in its second colour."""
    below, above = np.interp([low, high], outer[:, 1], outer[:, 0])
    x = max(below, above)
    lean = b.between(-0.15, 0.1) * reach
    points = [
        [above, 0, high],
        [x + reach * 0.8, 0, high + 0.02],
        [x + reach + lean, 0, (low + high) / 2],
        [x + reach * 0.6, 0, low],
        [below, 0, low + 0.03],
    ]
    thick = b.between(0.04, 0.07)
    b.add(tube(smooth(points), thick, flat=b.between(0.9, 1.7)), paint(b.rng, b.second, 0))


def mug(b: Builder) -> None:
    """A hollow mug or tea cup with an ear, often on a saucer, often filled; printed now and then."""
    r, tall = 0.5, b.between(0.55, 1.15)
    foot = b.between(0.5, 1.0)
    if b.chance(0.4):
        b.second = b.main
    outer = smooth(
        [[r * foot * 0.8, 0], [r * foot, 0.03], [r * (foot + 1) / 2, tall * b.between(0.3, 0.6)], [r, tall]], 18
    )
    vessel = lathe(hollow(outer, b.between(0.035, 0.07)))
    b.add(vessel, label(b.rng, b.main, "own", 2) if b.chance(0.25) else covering(b.rng, b.main))
    handle(b, outer, tall * b.between(0.18, 0.35), tall * b.between(0.7, 0.9), b.between(0.2, 0.38))
    if b.chance(0.5):
        drink = [(0.25, 0.13, 0.06), (0.75, 0.6, 0.45), (0.5, 0.2, 0.05), (0.9, 0.88, 0.82)][b.rng.integers(4)]
        fill = tall * b.between(0.7, 0.9)
        b.add(
            cylinder(float(np.interp(fill, outer[:, 1], outer[:, 0])) - 0.05, 0.03).moved(z=fill),
            paint(b.rng, np.array(drink), 0),
        )
    if b.chance(0.45):
        saucer(b, b.between(0.75, 1.0))
    if b.chance(0.12):
        b.add(tube([[0.1, 0.1, 0.1], [0.35, 0.3, tall * 1.5]], 0.03), paint(b.rng, named(b.rng, "steel"), 0))


def saucer(b: Builder, r: float) -> None:
    """A dish under the cup, whose foot stands on z = 0."""
    profile = [
        [r * 0.45, -0.08],
        [r * 0.5, -0.06],
        [r * 0.8, -0.01],
        [r, 0.06],
        [r * 0.97, 0.07],
        [r * 0.75, 0.02],
        [r * 0.4, -0.02],
    ]
    b.add(lathe(profile), covering(b.rng, b.main if b.chance(0.7) else b.accent))


def pitcher(b: Builder) -> None:
    """A jug, watering can or teapot: a hollow or lidded body, an ear, a spout."""
    r, tall, is_pot = 0.5, b.between(0.7, 1.3), b.chance(0.5)
    top = b.between(0.5, 0.9)
    outer = smooth([[r * 0.6, 0], [r * b.between(0.9, 1.1), tall * 0.35], [r * top, tall * 0.8], [r * top, tall]], 20)
    if is_pot:
        b.add(lathe(outer), covering(b.rng, b.main))
        b.add(ball(r * top, r * top, 0.12).moved(z=tall), covering(b.rng, b.main))
        b.add(ball(0.09, 0.09, 0.08).moved(z=tall + 0.17), paint(b.rng, b.accent))
        spout = [[-r * 0.7, 0, tall * 0.3], [-r * 1.3, 0, tall * 0.5], [-r * 1.7, 0, tall * b.between(0.85, 1.1)]]
        b.add(tube(smooth(spout), np.linspace(0.16, 0.06, 40)), covering(b.rng, b.main))
    else:
        b.add(lathe(hollow(outer, 0.05)), covering(b.rng, b.main))
        b.add(tube([[-r * top * 0.8, 0, tall - 0.12], [-r * top - 0.12, 0, tall]], [0.14, 0.07]), paint(b.rng, b.main))
    handle(b, outer, tall * 0.25, tall * 0.85, b.between(0.25, 0.45))


def bucket(b: Builder) -> None:
    """A bucket, basket or flower pot, hollow; with a bow or a plant now and then."""
    r, tall, foot = 0.5, b.between(0.5, 1.1), b.between(0.55, 0.9)
    profile = [[r * foot, 0], [r, tall * 0.88], [r * 1.05, tall * 0.88], [r * 1.05, tall]]
    corners = int(b.rng.choice([0, 0, 0, 4, 6]))
    surface = grained(b.rng) if b.chance(0.2) else covering(b.rng, b.main)
    b.add(lathe(hollow(profile, 0.05), corners=corners), surface)
    kind = b.rng.random()
    if kind < 0.4:
        angle = np.linspace(0, np.pi, 20)
        tilt = b.between(-0.6, 0.6)
        path = np.stack(
            [
                0.54 * np.cos(angle),
                0.54 * np.sin(angle) * np.sin(tilt),
                tall * 0.9 + 0.55 * np.sin(angle) * np.cos(tilt),
            ],
            1,
        )
        b.add(tube(path, 0.025), paint(b.rng, named(b.rng, "steel")))
    elif kind < 0.8:
        plant(b, tall * 0.85, r * 0.9)


def plant(b: Builder, z: float, r: float) -> None:
    """Earth and leaves."""
    b.add(cylinder(r, 0.05).moved(z=z - 0.05), leather(b.rng, np.array([0.2, 0.14, 0.1])))
    green = np.array([0.2, b.between(0.35, 0.6), b.between(0.1, 0.25)])
    leaf = patterned(b.rng, green, green * 1.3) if b.chance(0.2) else paint(b.rng, green)
    count, length, up = int(b.rng.integers(5, 14)), b.between(0.5, 1.3), b.between(0.4, 1.5)
    for i in range(count):
        angle, reach = i * 2.4, length * b.between(0.6, 1.1)
        away = np.array([np.cos(angle), np.sin(angle), 0])
        path = [
            away * 0.05 + [0, 0, z],
            away * reach * 0.4 + [0, 0, z + up * 0.6 * reach],
            away * reach + [0, 0, z + up * reach * 0.7],
        ]
        b.add(tube(smooth(path, 14), 0.15 * np.sin(np.linspace(0.3, np.pi - 0.15, 14)), flat=0.25, segments=8), leaf)


def crate(b: Builder) -> None:
    """An open box of boards, a drawer or a chest with a lid."""
    x, y, z, t = b.between(0.8, 1.4), b.between(0.6, 0.9), b.between(0.35, 0.7), 0.05
    surface = grained(b.rng) if b.chance(0.6) else covering(b.rng, b.main)
    if b.chance(0.35):
        b.add(box(x, y, z, 0.015), surface)
        lid = prism(rounded_rectangle(y, y * b.between(0.4, 0.9), y * 0.3), x, 0).turned("y", 90)
        b.add(box(x + 0.04, y + 0.04, z * 0.25, 0.02).moved(z=z), surface) if b.chance(0.5) else b.add(
            lid.turned("x", 90).moved(x=-x / 2, z=z), surface
        )
        b.add(box(0.16, 0.06, 0.2, 0.01).moved(y=-y / 2 - 0.02, z=z * 0.85), paint(b.rng, named(b.rng, "brass")))
        return
    b.add(box(x, y, t), surface)
    boards = int(b.rng.integers(1, 4))
    gap = 0.0 if boards == 1 else 0.06
    board = (z - gap * (boards - 1)) / boards
    for i in range(boards):
        low = i * (board + gap)
        b.add(box(x, t, board).moved(y=y / 2 - t / 2, z=low), surface)
        b.add(box(x, t, board).moved(y=-y / 2 + t / 2, z=low), surface)
        b.add(box(t, y, board).moved(x=x / 2 - t / 2, z=low), surface, both=True)
    if boards > 1:
        b.add(box(0.1, 0.1, z).moved(x=x / 2 - 0.09, y=y / 2 - 0.09), surface, both=True)
        b.add(box(0.1, 0.1, z).moved(x=x / 2 - 0.09, y=-y / 2 + 0.09), surface, both=True)


def squeeze_tube(b: Builder) -> None:
    """Toothpaste or cream: round at the cap, flat at the crimped end; standing on its cap or lying."""
    n, m = 14, 40
    angle = np.arange(m) * 2 * np.pi / m
    t = np.linspace(0, 1, n)[:, None]
    wide, thick = 0.25 + 0.1 * t, 0.25 * (1 - t) + 0.012 * t
    points = np.stack([wide * np.cos(angle), thick * np.sin(angle), np.broadcast_to(0.25 + 1.2 * t, (n, m))], -1)
    form, cap = loft(points), cylinder(0.2, 0.25, 0.02)
    if b.chance(0.6):
        form, cap = form.turned("x", 90).moved(z=0.25), cap.turned("x", 90).moved(z=0.25)
    b.add(form, label(b.rng, b.main))
    b.add(cap, paint(b.rng, b.accent, 0))


def pouch(b: Builder) -> None:
    """A crisp packet or coffee bag: pillow-shaped with crimped ends."""
    n, m, full = 17, 40, b.between(0.12, 0.25)
    t = np.linspace(-1, 1, n)[:, None]
    angle = np.arange(m) * 2 * np.pi / m
    swell = full * np.maximum(1 - np.abs(t) ** 3, 0.05)
    c, s = np.cos(angle), np.sin(angle)
    across = np.sign(c) * np.abs(c) ** 0.6 * (0.5 - 0.03 * (1 - t**2))
    points = np.stack(
        [across, swell * np.sign(s) * np.abs(s) ** 1.2, np.broadcast_to(t * b.between(0.6, 0.8), (n, m))], -1
    )
    points[..., 1] += 0.02 * b.rng.normal(size=(n, 1)) + 0.015 * np.sin(3 * angle + b.between(0, 6))
    form = loft(points)
    b.add(form.turned("x", 80) if b.chance(0.3) else form, label(b.rng, color(b.rng)))


def cooking_pot(b: Builder) -> None:
    """A pot or pan with two ears or a long handle; hollow or with a lid."""
    r, tall = 0.6, b.between(0.2, 0.8)
    metal = paint(b.rng, named(b.rng, "steel") if b.chance(0.5) else b.main, 0.1)
    b.add(lathe(hollow([[r * b.between(0.8, 1), 0], [r, 0.06], [r, tall]], 0.04)), metal)
    grip = paint(b.rng, named(b.rng, "rubber") if b.chance(0.6) else b.accent)
    if b.chance(0.5):
        path = smooth(
            [
                [r - 0.02, -0.15, tall * 0.8],
                [r + 0.15, -0.12, tall * 0.85],
                [r + 0.15, 0.12, tall * 0.85],
                [r - 0.02, 0.15, tall * 0.8],
            ]
        )
        b.add(tube(path, 0.035), grip, both=True)
    else:
        b.add(tube([[r - 0.02, 0, tall * 0.8], [r + b.between(0.6, 1.1), 0, tall * 0.95]], [0.05, 0.07]), grip)
    if b.chance(0.4):
        b.add(lathe([[r * 1.02, tall], [r * 0.6, tall + 0.1], [0.06, tall + 0.14], [0.05, tall + 0.2]]), metal)
        b.add(ball(0.1, 0.1, 0.06).moved(z=tall + 0.22), grip)


def egg_box_tray(b: Builder) -> None:
    """A tray or a lunch box: a rounded open box with a rim, or closed by a lid with clips."""
    x, y, z = b.between(0.9, 1.4), b.between(0.6, 0.9), b.between(0.2, 0.5)
    outline = rounded_rectangle(x, y, 0.15)
    if b.chance(0.5):
        levels = [(0.08, 0), (0, z), (-0.06, z), (-0.06, z + 0.03), (0.03, z + 0.03), (0.12, 0.05)]
        sections = [np.concatenate([inset(outline, d), np.full((len(outline), 1), h)], 1) for d, h in levels]
        b.add(loft(np.stack(sections)), covering(b.rng, b.main))
        return
    b.add(prism(outline, z, 0.06), covering(b.rng, b.main))
    b.add(prism(inset(outline, -0.03), z * 0.35, 0.04).moved(z=z), covering(b.rng, b.second))
    b.add(box(0.2, 0.06, 0.2, 0.02).moved(y=-y / 2 - 0.04, z=z * 0.8), paint(b.rng, b.accent))


KINDS = {
    carton: 4,
    parcel: 2,
    gable_carton: 2,
    tin: 3,
    bottle: 4,
    jar: 1,
    mug: 5,
    pitcher: 2,
    bucket: 2,
    crate: 2,
    squeeze_tube: 1,
    pouch: 1,
    cooking_pot: 2,
    egg_box_tray: 1,
}
