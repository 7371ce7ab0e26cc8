# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: RUF005 - these are sums of vectors, not joined lists
"""Plants in pots, lamps, headphones, sandals and heels, soft bags, cups on saucers, layer cakes, watches."""

import numpy as np

from ..builder import Builder
from ..forms import Form, ball, box, cylinder, hollow, lathe, loft, ring, smooth, tube
from ..surfaces import Surface, covering, grained, label, leather, named, paint, patterned, woven

LEAF = [(0.2, 0.45, 0.15), (0.35, 0.55, 0.2), (0.12, 0.35, 0.18), (0.45, 0.6, 0.3), (0.4, 0.2, 0.3)]


def _pot(b: Builder, wide: float, tall: float) -> None:
    """A pot or planter with earth in it."""
    low = wide * b.between(0.6, 1.0)
    corners = int(b.rng.choice([0, 0, 0, 4, 6]))
    shape = [[low * 0.95, 0], [low, 0.02], [wide, tall * 0.8], [wide * 1.06, tall * 0.82], [wide * 1.06, tall]]
    clay = np.array([0.7, 0.38, 0.25]) * b.between(0.7, 1.1) if b.chance(0.4) else b.main
    b.add(lathe(hollow(shape, 0.05), corners=corners), covering(b.rng, clay))
    across = wide * 0.94 * (np.cos(np.pi / corners) if corners else 1)
    b.add(cylinder(across, 0.02).moved(z=tall * 0.85), leather(b.rng, np.array([0.2, 0.14, 0.1])))


def _leaf(length: float, wide: float, rise: float, droop: float, thick: float = 0.02) -> Form:
    """A leaf from the origin along -y: it rises, then droops, and is widest in its middle."""
    t = np.linspace(0, 1, 12)
    half = wide * np.sin(np.pi * np.clip(t * 0.96 + 0.03, 0, 1)) ** 0.8
    y, z = -length * t, rise * t - droop * t**2
    sections = []
    for at, w, up in zip(y, half, z, strict=True):
        fold = 0.25 * w
        sections.append([[-w, at, up + fold], [0, at, up - thick], [w, at, up + fold], [0, at, up + thick]])
    return loft(np.array(sections)[:, ::-1])


def potted_plant(b: Builder) -> None:
    """Leaves of one kind in rings round a stem or straight out of the earth, in a pot."""
    wide, tall = b.between(0.22, 0.36), b.between(0.3, 0.5)
    _pot(b, wide, tall)
    green = np.clip(np.array(LEAF[b.rng.integers(len(LEAF))]) * b.between(0.7, 1.3), 0, 1)
    surface = patterned(b.rng, green, green * 1.3) if b.chance(0.2) else leather(b.rng, green)
    stem = b.between(0.2, 0.6) if b.chance(0.4) else 0.0
    if stem:
        b.add(tube([[0, 0, tall * 0.8], [0, 0, tall + stem]], 0.035), leather(b.rng, np.array([0.35, 0.25, 0.15])))
    length, slim = b.between(0.35, 0.7), b.between(0.05, 0.18)
    rings, each = int(b.rng.integers(2, 4)), int(b.rng.integers(5, 9))
    for number in range(rings):
        upright = 0.3 + 0.9 * number / rings
        for turn in range(each):
            angle = 360 * (turn + 0.5 * number + 0.3 * b.rng.normal()) / each
            long = length * b.between(0.8, 1.15)
            leaf = _leaf(long * np.cos(upright * 0.9), slim, long * (0.3 + upright), long * b.between(0.2, 0.6))
            b.add(leaf.turned("z", angle).moved(z=tall * 0.85 + stem * (0.5 + 0.5 * number / rings)), surface)


def cactus(b: Builder) -> None:
    """A ribbed column or ball, or paddles on paddles, in a pot."""
    wide, tall = b.between(0.2, 0.32), b.between(0.22, 0.4)
    _pot(b, wide, tall)
    green = leather(b.rng, np.clip(np.array([0.3, 0.5, 0.28]) * b.between(0.6, 1.3), 0, 1))
    foot = tall * 0.85
    if b.chance(0.4):
        lift, side, reach = foot, 0.0, b.between(0.16, 0.24)
        for number in range(int(b.rng.integers(2, 5))):
            paddle = ball(reach, 0.06, reach * 1.4).turned("y", b.between(-35, 35) * (number > 0))
            b.add(paddle.moved(x=side, z=lift + reach), green)
            lift, side = lift + reach * 1.4, side + reach * b.between(-0.5, 0.5)
            reach *= b.between(0.65, 0.9)
        return
    radius, high, ribs = wide * b.between(0.5, 0.85), b.between(0.25, 0.9), int(b.rng.integers(7, 14))
    angle = np.arange(ribs * 6) * 2 * np.pi / (ribs * 6)
    wave = 1 + 0.1 * np.cos(ribs * angle)
    t = np.linspace(0, np.pi / 2, 12)
    rows = np.concatenate([[[radius * 0.8, 0.0]], np.stack([radius * np.cos(t), high * (0.4 + 0.6 * np.sin(t))], 1)])
    rings = [np.stack([r * wave * np.cos(angle), r * wave * np.sin(angle), np.full_like(angle, z)], 1) for r, z in rows]
    b.add(loft(np.array(rings)).moved(z=foot), green)
    if b.chance(0.5):
        arm = smooth(
            [
                [radius * 0.8, 0, foot + high * 0.4],
                [radius + 0.18, 0, foot + high * 0.4],
                [radius + 0.2, 0, foot + high * 0.75],
            ],
            14,
        )
        b.add(tube(arm, radius * 0.4), green, both=b.chance(0.5))
    elif b.chance(0.6):
        b.add(ball(0.07, 0.07, 0.06).moved(z=foot + high), paint(b.rng, b.accent, 0))


def bedside_lamp(b: Builder) -> None:
    """A lamp with a hollow drum or cone of cloth on a turned, square or branching foot."""
    tall, low = b.between(0.45, 0.8), b.between(0.28, 0.45)
    high, deep = low * b.between(0.55, 1.0), b.between(0.3, 0.5)
    shade = patterned(b.rng, b.second, b.accent) if b.chance(0.3) else woven(b.rng, np.clip(b.second * 0.6 + 0.4, 0, 1))
    b.add(lathe([[low, 0], [high, deep], [high - 0.02, deep], [low - 0.02, 0]]).moved(z=tall), shade)
    foot = grained(b.rng) if b.chance(0.35) else covering(b.rng, b.main)
    kind = b.rng.choice(["turned", "stacked", "tripod"])
    if kind == "turned":
        waist = [[b.between(0.06, 0.26), z] for z in (tall * 0.2, tall * 0.45, tall * 0.7)]
        b.add(lathe(smooth([[0.2, 0], [0.19, 0.05], *waist, [0.04, tall * 0.95]], 30)), foot)
    elif kind == "stacked":
        count = int(b.rng.integers(2, 4))
        radius = tall / count / 2
        for number in range(count):
            b.add(ball(radius * 1.1, radius * 1.1, radius).moved(z=(2 * number + 1) * radius), foot)
    else:
        for turn in (90, 210, 330):
            b.add(tube([[0, 0, tall], [0.0, -0.3, 0.02]], 0.03).turned("z", turn), foot)
    b.add(tube([[0, 0, tall * 0.85], [0, 0, tall + deep * 0.6]], 0.025), paint(b.rng, named(b.rng, "brass")))
    b.add(ball(0.08, 0.08, 0.1).moved(z=tall + deep * 0.5), paint(b.rng, named(b.rng, "white"), 0))


def reading_lamp(b: Builder) -> None:
    """A jointed lamp: heavy foot, two rods with springs, a bell that looks down."""
    metal = paint(b.rng, b.main if b.chance(0.7) else named(b.rng, "steel"), b.between(0, 0.4))
    b.add(cylinder(b.between(0.2, 0.32), b.between(0.05, 0.1), 0.02), metal)
    elbow = np.array([0, b.between(0.15, 0.45), b.between(0.55, 0.8)])
    head = elbow + [0, -b.between(0.4, 0.75), b.between(0.05, 0.35)]
    rod = paint(b.rng, named(b.rng, "steel"))
    for side in (-0.03, 0.03):
        b.add(tube([[side, 0, 0.06], elbow + [side, 0, 0]], 0.018), rod)
        b.add(tube([elbow + [side, 0, 0], head + [side, 0, 0]], 0.018), rod)
    for joint in (elbow, head):
        b.add(cylinder(0.05, 0.14).turned("y", 90).moved(*(joint - [0.07, 0, 0])), metal)
    wide, deep = b.between(0.16, 0.26), b.between(0.22, 0.36)
    bell = lathe(hollow(smooth([[0.05, 0], [0.09, deep * 0.3], [wide, deep]], 16), 0.02))
    b.add(bell.turned("x", b.between(140, 205)).moved(*head), metal)


def over_ear_headphones(b: Builder) -> None:
    """Headphones with a padded band, forks, hollow cushions and shells, standing upright."""
    r, z = b.between(0.42, 0.5), 0.42
    angle = np.radians(np.linspace(0, 180, 40))
    arch = np.stack([r * np.cos(angle), np.zeros(40), z + 0.12 + r * b.between(1.0, 1.3) * np.sin(angle)], 1)
    skin = leather(b.rng, b.main) if b.chance(0.5) else paint(b.rng, b.main, 0.1)
    b.add(tube(arch, 0.03, flat=b.between(1.2, 2.2)), skin)
    b.add(tube(arch[9:31] - [0, 0, 0.03], 0.05, flat=b.between(1.0, 1.8)), leather(b.rng, named(b.rng, "black")))
    cup = b.between(0.2, 0.28)
    fork = smooth([[r, cup * 0.9, z], [r + 0.02, cup * 0.7, z + 0.16], [r, 0, z + 0.24]], 14)
    metal = paint(b.rng, named(b.rng, "steel"))
    for side in (1, -1):
        b.add(tube(fork * [1, side, 1], 0.02), metal, both=True)
    profile = smooth([[0.01, 0.13], [cup * 0.6, 0.13], [cup * 0.95, 0.08], [cup, 0]], 16)[::-1]
    shell = lathe(np.concatenate([profile, [[0.01, 0.125]]])).scaled(1.15, 0.92, 1).turned("y", 90)
    b.add(shell.moved(x=r, z=z), paint(b.rng, b.second, 0.1), both=True)
    pad = ring(cup * 0.74, cup * 0.26).scaled(1.15, 0.92, 1.1).turned("y", 90)
    b.add(pad.moved(x=r - 0.06, z=z), leather(b.rng, named(b.rng, "black")), both=True)
    b.add(cylinder(cup * 0.5, 0.01).turned("y", 90).moved(x=r + 0.128, z=z), paint(b.rng, b.accent), both=True)


def _sole(length: float, wide: float, thick: float) -> Form:
    """A sole on z = 0 from its heel (y > 0) to its toe, narrower in the middle."""
    t = np.linspace(0, 1, 30)
    half = wide * (0.8 + 0.25 * np.sin(2 * np.pi * (t - 0.42))) * np.sqrt(np.clip(1 - (2 * t - 1) ** 6, 0.002, 1))
    corners = [(-0.9, 0.0), (1.0, 0.0), (1.0, 1.0), (-0.9, 1.0)]
    rows = [[[x * w, length * (0.5 - at), z * thick] for x, z in corners] for at, w in zip(t, half, strict=True)]
    return loft(np.array(rows))


def open_shoe(b: Builder) -> None:
    """A sandal, a slipper or a shoe with a heel: a sole that may rise, straps or a cap over the toes."""
    length, wide = 1.1, b.between(0.17, 0.22)
    rise = b.between(0.25, 0.5) if b.chance(0.4) else 0.0
    sole = _sole(length, wide, b.between(0.05, 0.12))

    def lift(form: Form) -> Form:
        t = np.clip(form.vertices[:, 1] / length + 0.25, 0, 0.75) / 0.75
        form.vertices[:, 2] += rise * t**1.5
        return form

    b.add(lift(sole), leather(b.rng, named(b.rng, "oak") if b.chance(0.5) else b.main))
    if rise:
        slim = b.between(0.03, 0.11)
        b.add(cylinder(slim, rise + 0.02, top=max(slim, 0.1)).moved(y=length * 0.4), covering(b.rng, b.second))
    strap = leather(b.rng, b.second) if b.chance(0.6) else woven(b.rng, b.second)
    base, count = 0.1, int(b.rng.integers(1, 4))
    for place in np.linspace(-0.32, -0.05, count):
        arch = smooth([[-wide, 0, 0], [-wide * 0.7, 0, 0.14], [0, 0, 0.19], [wide * 0.7, 0, 0.14], [wide, 0, 0]], 16)
        band = tube(arch, b.between(0.04, 0.1), flat=0.3).moved(y=place * length, z=base - 0.06)
        b.add(lift(band), strap)
    if b.chance(0.6):
        loop = [
            [-wide * 0.8, 0.2, 0.05],
            [-wide * 0.8, 0.3, 0.28],
            [0, 0.52, 0.3],
            [wide * 0.8, 0.3, 0.28],
            [wide * 0.8, 0.2, 0.05],
        ]
        b.add(lift(tube(smooth(np.array(loop) * [1, length * 0.9, 1], 24), 0.03, flat=1.6)), strap)


def soft_bag(b: Builder) -> None:
    """A duffel bag, a pouch with a drawstring, or a shoulder bag that sags, with its strap."""
    cloth = patterned(b.rng, b.main, b.second) if b.chance(0.3) else covering(b.rng, b.main)
    kind = b.rng.choice(["duffel", "pouch", "shoulder"])
    strap = woven(b.rng, b.accent)
    if kind == "duffel":
        r, long = b.between(0.26, 0.36), b.between(0.9, 1.3)
        roll = lathe(
            smooth(
                [[0.02, 0], [r * 0.9, 0.02], [r, long * 0.3], [r, long * 0.7], [r * 0.9, long - 0.02], [0.02, long]], 30
            )
        )
        body = roll.turned("y", 90).moved(x=-long / 2, z=r * 0.85)
        body.vertices[:, 2] = np.maximum(body.vertices[:, 2], 0)
        b.add(body, cloth)
        for y in (-r * 0.75, r * 0.75):
            path = [
                [-long * 0.2, y, 0.1],
                [-long * 0.18, y * 1.25, r],
                [-0.08, y * 0.5, 2.3 * r],
                [0.08, y * 0.5, 2.3 * r],
            ]
            path += [[long * 0.18, y * 1.25, r], [long * 0.2, y, 0.1]]
            b.add(tube(smooth(path, 30), 0.03, flat=0.6), strap)
        return
    if kind == "pouch":
        r, tall = b.between(0.3, 0.42), b.between(0.5, 0.8)
        rows = smooth(
            [[r * 0.6, 0], [r, tall * 0.3], [r * 0.85, tall * 0.65], [0.12, tall * 0.9], [0.24, tall * 1.1]], 26
        )
        form = lathe(hollow(rows, 0.03, tall * 0.85))
        angle = np.arctan2(form.vertices[:, 1], form.vertices[:, 0])
        form.vertices[:, :2] *= (1 + 0.06 * np.sin(9 * angle) * form.vertices[:, 2] / tall)[:, None]
        b.add(form, cloth)
        b.add(ring(0.14, 0.025).moved(z=tall * 0.9), strap)
        return
    x, y, z = b.between(0.7, 1.0), b.between(0.2, 0.32), b.between(0.5, 0.7)
    sack = ball(x / 2, y / 2, z / 2, (b.between(0.4, 0.7), b.between(0.4, 0.7))).tapered(b.between(0.75, 1), 0.6)
    b.add(sack.moved(z=z / 2), cloth)
    flap = ball(x * 0.46, 0.05, z * 0.3, (0.4, 0.4)).moved(y=-y * 0.46, z=z * 0.68)
    b.add(flap, leather(b.rng, b.second))
    path = [
        [-x * 0.42, 0, z * 0.7],
        [-x * 0.4, 0, z * 1.2],
        [0, 0, z * b.between(1.5, 2.0)],
        [x * 0.4, 0, z * 1.2],
        [x * 0.42, 0, z * 0.7],
    ]
    b.add(tube(smooth(path, 30), 0.025, flat=1.8), strap)


def cup_on_saucer(b: Builder) -> None:
    """A cup with its handle on a saucer, often with coffee in it, some with a spoon."""
    china = np.clip(named(b.rng, "white") if b.chance(0.5) else b.main, 0, 1)
    glaze: Surface = label(b.rng, china) if b.chance(0.25) else covering(b.rng, china)
    wide, tall = b.between(0.3, 0.42), b.between(0.3, 0.5)
    outer = smooth([[wide * 0.45, 0.06], [wide * b.between(0.6, 0.95), 0.06 + tall * 0.4], [wide, 0.06 + tall]], 20)
    b.add(lathe(hollow(outer, 0.03)), glaze)
    if b.chance(0.6):
        b.add(cylinder(wide * 0.93, 0.01).moved(z=0.06 + tall * 0.85), paint(b.rng, np.array([0.25, 0.15, 0.08]), 0.2))
    reach = wide * b.between(1.4, 1.7)
    handle = smooth(
        [
            [wide * 0.85, 0, 0.1 + tall * 0.75],
            [reach, 0, 0.08 + tall * 0.7],
            [reach * 0.95, 0, 0.06 + tall * 0.4],
            [wide * 0.7, 0, 0.06 + tall * 0.25],
        ],
        20,
    )
    turn = b.between(0, 360)
    b.add(tube(handle, 0.035, flat=1.4).turned("z", turn), glaze)
    plate = wide * b.between(1.5, 1.9)
    dish = [[plate * 0.5, 0], [plate * 0.6, 0.02], [plate, b.between(0.08, 0.14)]]
    b.add(lathe(hollow(smooth(dish, 16), 0.03)), covering(b.rng, china if b.chance(0.7) else b.second))
    if b.chance(0.3):
        spoon = [
            tube([[plate * 0.75, -0.3, 0.1], [plate * 0.75, 0.3, 0.12]], 0.015),
            ball(0.06, 0.09, 0.02).moved(plate * 0.75, -0.36, 0.1),
        ]
        for form in spoon:
            b.add(form.turned("z", turn + 120), paint(b.rng, named(b.rng, "steel"), 0))


def party_cake(b: Builder) -> None:
    """A cake of one to three tiers, or of layers with a piece cut out, with icing, fruit or candles."""
    icing = [np.clip(b.main * 0.4 + 0.55, 0, 1), np.array([0.35, 0.2, 0.12]), np.array([0.95, 0.92, 0.85])][
        b.rng.integers(3)
    ]
    z, r = 0.05, b.between(0.5, 0.65)
    b.add(cylinder(r * 1.25, 0.05, 0.01), paint(b.rng, named(b.rng, "white")))
    tiers = int(b.rng.choice([1, 1, 2, 3]))
    for number in range(tiers):
        tall = b.between(0.22, 0.36)
        side = patterned(b.rng, icing, icing * 0.8) if b.chance(0.2) else paint(b.rng, icing, b.between(0, 0.2))
        b.add(cylinder(r, tall, 0.04).moved(z=z), side)
        beads, bead = int(b.rng.integers(10, 18)), b.between(0.035, 0.06)
        trim = paint(b.rng, b.second, 0)
        for turn in np.arange(beads) * 360 / beads if b.chance(0.7) else ():
            b.add(ball(bead, bead, bead).moved(x=r * 0.97, z=z + 0.02).turned("z", turn), trim)
        z += tall
        if number < tiers - 1:
            r *= b.between(0.6, 0.8)
    count = int(b.rng.integers(3, 9))
    kind = b.rng.choice(["candles", "fruit", "cream"])
    for turn in np.arange(count) * 360 / count:
        place = {"x": r * 0.65, "z": z - 0.01}
        if kind == "candles":
            b.add(cylinder(0.03, 0.25).moved(**place).turned("z", turn), paint(b.rng, b.accent, 0))
        elif kind == "fruit":
            b.add(ball(0.08, 0.08, 0.09).moved(**place).turned("z", turn), leather(b.rng, np.array([0.8, 0.1, 0.12])))
        else:
            swirl = lathe(smooth([[0.1, 0], [0.09, 0.05], [0.04, 0.1], [0.01, 0.16]], 12))
            b.add(swirl.moved(**place).turned("z", turn), paint(b.rng, np.clip(icing * 1.1, 0, 1), 0))


def wrist_watch(b: Builder) -> None:
    """A watch standing on its closed strap: a case with a dial, a crown, links or leather."""
    r, wide = b.between(0.42, 0.5), b.between(0.13, 0.2)
    band = leather(b.rng, b.main * 0.6) if b.chance(0.6) else paint(b.rng, named(b.rng, "steel"))
    strap = ring(r, 0.035, height=wide).scaled(1, b.between(0.8, 1.0), 1).turned("y", 90)
    b.add(strap.moved(z=r), band)
    metal = paint(b.rng, named(b.rng, str(b.rng.choice(["steel", "brass", "black"]))))
    case = b.between(0.24, 0.32)
    square = b.chance(0.3)
    body = box(case * 1.7, case * 1.9, 0.14, 0.05) if square else cylinder(case, 0.14, 0.03)
    dial = box(case * 1.4, case * 1.6, 0.01) if square else cylinder(case * 0.85, 0.01)
    top = 1.93 * r
    for form, surface in ((body, metal), (dial.moved(z=0.14), label(b.rng, b.second))):
        b.add(form.moved(z=top), surface)
    b.add(cylinder(0.04, 0.06).turned("y", 90).moved(x=case, z=top + 0.07), metal)


KINDS = {
    potted_plant: 5,
    cactus: 2,
    bedside_lamp: 3,
    reading_lamp: 2,
    over_ear_headphones: 3,
    open_shoe: 4,
    soft_bag: 4,
    cup_on_saucer: 4,
    party_cake: 3,
    wrist_watch: 2,
}
