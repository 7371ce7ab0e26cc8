# SPDX-License-Identifier: GPL-3.0-or-later
"""Fruit, vegetables and things to eat."""

import numpy as np

from ..builder import Builder
from ..forms import Form, Limb, ball, blob, box, cylinder, hollow, lathe, prism, ring, smooth, tube
from ..surfaces import Surface, covering, leather, named, paint, woven


def _skin(b: Builder, form: Form, first: np.ndarray, second: np.ndarray, spots: float) -> Form:
    """Colour a form from the first colour below to the second above, with patches and freckles."""
    v = form.vertices
    t = np.clip((v[:, 2] - v[:, 2].min()) / max(np.ptp(v[:, 2]), 1e-9) + b.between(-0.4, 0.4), 0, 1)
    patches = sum(np.sin(v @ b.rng.normal(0, 4, 3) + b.between(0, 6)) for _ in range(4)) / 4
    t = np.clip(t + 0.5 * patches, 0, 1)[:, None]
    freckles = 1 - spots * (b.rng.random(len(v)) < 0.08) + 0.03 * b.rng.normal(size=len(v))
    form.colors = (first * (1 - t) + second * t) * freckles[:, None]
    return form


def _stalk(b: Builder, z: float, leaf: float = 0.5) -> None:
    """A stalk on top, with a leaf now and then."""
    lean = b.between(-0.1, 0.1)
    b.add(
        tube(smooth([[0, 0, z - 0.08], [lean * 0.4, 0, z + 0.05], [lean, 0, z + b.between(0.1, 0.25)]]), 0.03),
        paint(b.rng, np.array([0.35, 0.25, 0.12])),
    )
    if b.chance(leaf):
        path = smooth([[0, 0, z + 0.05], [0.15, 0.05, z + 0.14], [0.36, 0.1, z + 0.08]], 14)
        b.add(
            tube(path, 0.1 * np.sin(np.linspace(0.2, np.pi - 0.1, 14)), flat=0.2),
            paint(b.rng, np.array([0.2, 0.45, 0.12])),
        )


def round_fruit(b: Builder) -> None:
    """An apple, pear, orange, lemon, plum, tomato, onion, pumpkin or pepper."""
    colors = [
        (0.8, 0.1, 0.08),
        (0.35, 0.6, 0.12),
        (0.95, 0.55, 0.05),
        (0.95, 0.85, 0.2),
        (0.4, 0.1, 0.3),
        (0.85, 0.45, 0.3),
    ]
    first, second = (np.array(colors[b.rng.integers(len(colors))]) for _ in range(2))
    if b.chance(0.6):
        second = first * b.between(0.7, 1.1)
    tall, waist, neck = b.between(0.75, 1.15), b.between(0.2, 0.55), b.between(0.25, 0.9)
    dent = b.between(0.0, 0.15)
    points = [[0.02, dent], [0.3, 0], [0.5, tall * waist], [0.5 * neck, tall * 0.85], [0.12, tall], [0.02, tall - dent]]
    form = lathe(smooth(points, 36), segments=64)
    ribs = int(b.rng.choice([0, 0, 0, 4, 9]))
    if ribs:
        angle = np.arctan2(form.vertices[:, 1], form.vertices[:, 0])
        form.vertices[:, :2] *= (1 + (0.06 if ribs > 5 else 0.12) * np.abs(np.sin(angle * ribs / 2)))[:, None]
    form.vertices += 0.015 * sum(np.sin(form.vertices @ b.rng.normal(0, 4, (3, 3)) + b.between(0, 6)) for _ in range(2))
    b.add(_skin(b, form, first, second, 0.1))
    if b.chance(0.75):
        _stalk(b, tall - dent * 0.6)


def long_fruit(b: Builder) -> None:
    """A banana, or a bunch; a cucumber, carrot, aubergine, chilli, corn cob, baguette or sausage."""
    kinds = {
        "banana": ((0.95, 0.8, 0.2), 0.13, 0.35),
        "cucumber": ((0.2, 0.4, 0.12), 0.14, 0.05),
        "carrot": ((0.95, 0.45, 0.1), 0.16, 0.0),
        "aubergine": ((0.22, 0.08, 0.25), 0.26, 0.1),
        "bread": ((0.78, 0.52, 0.26), 0.2, 0.03),
        "chilli": ((0.8, 0.08, 0.05), 0.1, 0.2),
    }
    name = str(b.rng.choice(list(kinds)))
    base, r, bend = kinds[name]
    r *= b.between(0.8, 1.25)
    x = np.linspace(-0.9, 0.9, 30)
    path = np.stack([x, (bend * b.between(0.6, 1.6)) * (1 - (x / 0.9) ** 2), np.full(30, r)], 1)
    t = np.linspace(0, 1, 30)
    radius = r * np.clip(np.sin(np.pi * t) * 2.4, 0.25, 1)
    if name in ("carrot", "chilli"):
        radius = r * np.clip(1 - 0.9 * t, 0.1, 1)
    elif name == "aubergine":
        radius = r * np.clip(0.45 + 0.7 * t, 0, 1) * np.clip(np.sin(np.pi * (1 - t) * 0.9 + 0.25) * 3, 0.2, 1)
    count = int(b.rng.integers(2, 5)) if name == "banana" and b.chance(0.4) else 1
    for i in range(count):
        form = tube(path, radius, segments=20)
        tint = np.array(base) * b.between(0.85, 1.1)
        form = _skin(b, form, tint, tint * b.between(0.8, 1.1), 0.25 if name == "banana" else 0.1)
        b.add(form.moved(0, (i % 2) * 0.04, 1.7 * r * i).turned("z", b.between(-6, 6)))
    green = paint(b.rng, np.array([0.25, 0.42, 0.12]))
    if name in ("carrot", "aubergine", "chilli"):
        b.add(
            tube(
                [[-0.9, path[0, 1], r], [-1.08, path[0, 1] * 1.1 - 0.02, r]],
                [r * 0.5 if name == "aubergine" else 0.05, 0.04],
            ),
            green,
        )
    if name == "carrot" and b.chance(0.7):
        for _ in range(5):
            tip = [-1.3 - b.between(0, 0.3), b.between(-0.25, 0.25), r + b.between(-0.1, 0.2)]
            b.add(tube(smooth([[-0.9, 0, r], [-1.1, tip[1] * 0.3, r + 0.05], tip]), 0.03), green)


def _slice(b: Builder, cream: Surface, dough: Surface) -> None:
    """A wedge of layers."""
    angle = np.radians(np.linspace(-20, 20, 8) * b.between(0.8, 1.5))
    outline = np.concatenate([[[0, 0]], np.stack([np.cos(angle), np.sin(angle)], 1)])
    tall = b.between(0.15, 0.22)
    z = 0.0
    for i in range(int(b.rng.integers(1, 4)) * 2):
        layer = tall if i % 2 == 0 else 0.06
        b.add(prism(outline, layer).moved(z=z), dough if i % 2 == 0 else cream)
        z += layer
    if b.chance(0.6):
        b.add(ball(0.1, 0.1, 0.1).moved(0.75, 0, z + 0.06), paint(b.rng, np.array([0.8, 0.08, 0.1]), 0))


def _layer_cake(b: Builder, cream: Surface) -> None:
    """Round tiers with dabs of cream and candles."""
    z, r = 0.0, 0.8
    for _ in range(int(b.rng.integers(1, 4))):
        tall = b.between(0.25, 0.45)
        b.add(cylinder(r, tall, 0.04).moved(z=z), covering(b.rng, np.clip(b.main * 0.5 + 0.45, 0, 1)))
        for i in range(int(b.rng.integers(0, 13))):
            b.add(
                ball(0.07, 0.07, 0.07)
                .turned("z", 0)
                .moved(r * 0.86 * np.cos(i / 2), r * 0.86 * np.sin(i / 2), z + tall + 0.04),
                cream,
            )
        z, r = z + tall, r * b.between(0.55, 0.8)
    for i in range(int(b.rng.integers(0, 5))):
        b.add(
            cylinder(0.025, 0.3).moved(0.25 * r * np.cos(2.4 * i), 0.25 * r * np.sin(2.4 * i), z),
            paint(b.rng, b.accent, 0),
        )


def _cupcake(b: Builder, cream: Surface) -> None:
    """A fluted cup with a spiral of cream and a cherry."""
    cup = lathe([[0.35, 0], [0.52, 0.45]], segments=48)
    cup.vertices[::2, :2] *= 0.94
    b.add(cup, paint(b.rng, b.second))
    turn = np.linspace(0, 6 * np.pi, 80)
    spiral = np.stack(
        [(0.42 - 0.022 * turn) * np.cos(turn), (0.42 - 0.022 * turn) * np.sin(turn), 0.5 + 0.03 * turn], 1
    )
    b.add(tube(spiral, np.linspace(0.16, 0.08, 80)), cream)
    b.add(ball(0.4, 0.4, 0.25).moved(z=0.5), cream)
    b.add(ball(0.11, 0.11, 0.11).moved(z=1.13), paint(b.rng, np.array([0.8, 0.08, 0.1]), 0))


def _burger(b: Builder, dough: Surface) -> None:
    """A bun and what is in it."""
    b.add(lathe(smooth([[0.55, 0], [0.62, 0.08], [0.6, 0.18]], 12)), dough)
    z = 0.18
    for tint in [(0.3, 0.16, 0.08), (0.95, 0.75, 0.2), (0.35, 0.6, 0.15), (0.8, 0.15, 0.1)]:
        if b.chance(0.8):
            thick = b.between(0.06, 0.16)
            layer = cylinder(b.between(0.58, 0.7), thick, 0.03)
            layer.vertices[:, 2] += 0.03 * np.sin(5 * np.arctan2(layer.vertices[:, 1], layer.vertices[:, 0]))
            b.add(layer.moved(z=z), paint(b.rng, np.array(tint), 0.3))
            z += thick
    b.add(lathe(smooth([[0.58, 0], [0.63, 0.1], [0.45, 0.36], [0.02, 0.45]], 24)).moved(z=z), dough)


def _doughnut(b: Builder, cream: Surface, dough: Surface) -> None:
    """A ring with icing."""
    b.add(ring(0.5, b.between(0.2, 0.3), height=0.22).moved(z=0.22), dough)
    icing = ring(0.5, 0.24, height=0.2)
    icing.vertices[:, 2] = np.maximum(
        icing.vertices[:, 2], 0.02 + 0.06 * np.sin(6 * np.arctan2(icing.vertices[:, 1], icing.vertices[:, 0]))
    )
    b.add(icing.moved(z=0.26), cream)


def _ice_cream(b: Builder) -> None:
    """A wafer cone with scoops."""
    b.add(lathe([[0.02, 0], [0.3, 0.85], [0.33, 0.85], [0.33, 0.92]]), woven(b.rng, np.array([0.8, 0.58, 0.3])))
    z = 0.98
    for _ in range(int(b.rng.integers(1, 4))):
        scoop = ball(0.34, 0.34, 0.3)
        scoop.vertices += 0.02 * b.rng.normal(size=scoop.vertices.shape)
        b.add(scoop.moved(z=z), leather(b.rng, np.clip(b.rng.uniform(0.2, 1, 3) * 0.5 + 0.45, 0, 1)))
        z += 0.36


def cake(b: Builder) -> None:
    """A cake or a slice, a pie, cupcake, burger, doughnut, cheese, ice cream or sushi roll."""
    kind = b.rng.choice(["slice", "round", "cupcake", "burger", "doughnut", "cone"])
    cream, dough = (
        paint(b.rng, np.clip(b.main * 0.4 + 0.55, 0, 1)),
        leather(b.rng, np.array([0.75, 0.52, 0.28]) * b.between(0.5, 1.1)),
    )
    if kind == "slice":
        _slice(b, cream, dough)
    elif kind == "round":
        _layer_cake(b, cream)
    elif kind == "cupcake":
        _cupcake(b, cream)
    elif kind == "burger":
        _burger(b, dough)
    elif kind == "doughnut":
        _doughnut(b, cream, dough)
    else:
        _ice_cream(b)


def mushroom_or_egg(b: Builder) -> None:
    """A mushroom, an egg in a cup, a garlic bulb or a bunch of grapes."""
    kind = b.rng.choice(["mushroom", "egg", "grapes", "broccoli"])
    if kind == "mushroom":
        cap = smooth(
            [
                [0.18, 0.6],
                [b.between(0.4, 0.65), 0.6],
                [0.55, 0.72],
                [0.3, b.between(0.85, 1.1)],
                [0.02, b.between(0.95, 1.15)],
            ],
            24,
        )
        b.add(lathe(cap), covering(b.rng, b.main) if b.chance(0.5) else leather(b.rng, np.array([0.75, 0.6, 0.45])))
        b.add(lathe(smooth([[0.22, 0], [0.15, 0.25], [0.17, 0.65]], 16)), leather(b.rng, named(b.rng, "white")))
    elif kind == "egg":
        egg = lathe(smooth([[0.01, 0], [0.26, 0.12], [0.36, 0.4], [0.25, 0.78], [0.01, 0.95]], 30))
        lift = 0.25 if b.chance(0.5) else 0.0
        b.add(
            egg.moved(z=lift), covering(b.rng, b.main) if b.chance(0.5) else paint(b.rng, np.array([0.88, 0.72, 0.58]))
        )
        if lift:
            b.add(
                lathe(hollow(smooth([[0.3, 0], [0.12, 0.12], [0.3, 0.35], [0.37, 0.55]], 20), 0.04)),
                covering(b.rng, b.second),
            )
    elif kind == "grapes":
        tint = np.array([(0.35, 0.1, 0.35), (0.55, 0.7, 0.25)][b.rng.integers(2)])
        for i in range(45):
            t = i / 45
            angle, r = i * 2.4, 0.38 * (1 - t) ** 0.6 * b.between(0.6, 1)
            grape = ball(0.13, 0.13, 0.14).moved(r * np.cos(angle), r * np.sin(angle), 1.1 - 1.0 * t)
            b.add(grape, paint(b.rng, tint * b.between(0.8, 1.2), 0))
        _stalk(b, 1.25)
    else:
        green = np.array([0.25, 0.42, 0.15])
        limbs = [Limb([0, 0, 0], [0, 0, 0.45], 0.16, 0.2, green * 1.6)]
        for i in range(14):
            angle, r = i * 2.4, 0.42 * np.sqrt(i / 14)
            top = [r * np.cos(angle), r * np.sin(angle), 0.85 - 0.6 * r]
            limbs.append(Limb([0, 0, 0.4], top, 0.08, 0.1, green * 1.4))
            limbs.append(Limb(top, top, 0.17, 0.17, green * b.between(0.7, 1)))
        form = blob(limbs, 0.025)
        form.vertices += 0.012 * b.rng.normal(size=form.vertices.shape) * (form.vertices[:, 2:] > 0.5)
        b.add(form)


def plate_of_food(b: Builder) -> None:
    """A plate, bowl or board with something on it, seen as one thing."""
    if b.chance(0.3):
        b.add(box(1.4, 0.9, 0.07, 0.02), leather(b.rng, named(b.rng, "oak")))
        top = 0.07
    else:
        deep = b.between(0.08, 0.35)
        b.add(
            lathe(hollow(smooth([[0.4, 0], [0.5, 0.03], [0.85, deep]], 16), 0.04)),
            covering(b.rng, b.main if b.chance(0.5) else named(b.rng, "white")),
        )
        top = 0.08
    for _ in range(int(b.rng.integers(2, 7))):
        x, y, r = b.between(-0.4, 0.4), b.between(-0.25, 0.25), b.between(0.1, 0.24)
        form = ball(r, r * b.between(0.6, 1), r * b.between(0.5, 1), (1, b.between(0.5, 1)))
        b.add(
            form.turned("z", b.between(0, 180)).moved(x, y, top + r * 0.5), leather(b.rng, b.rng.uniform(0.1, 0.9, 3))
        )


KINDS = {round_fruit: 5, long_fruit: 4, cake: 4, mushroom_or_egg: 2, plate_of_food: 2}
