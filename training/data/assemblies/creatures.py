# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: RUF005 - these are sums of vectors, not joined lists
"""Animals, plush toys, people and other figurines: limbs melted together, eyes and clothes on top."""

import numpy as np

from ..builder import Builder
from ..forms import Limb, ball, blob, box, cylinder, lathe, smooth, tube
from ..surfaces import color, covering, named, paint

FUR = [(0.55, 0.36, 0.2), (0.3, 0.2, 0.13), (0.8, 0.68, 0.5), (0.9, 0.88, 0.84), (0.12, 0.11, 0.11), (0.55, 0.53, 0.5)]


def _fur(b: Builder, fancy: float = 0.3) -> np.ndarray:
    """A natural coat, or any colour with this chance."""
    if b.chance(fancy):
        return b.main
    return np.clip(np.array(FUR[b.rng.integers(len(FUR))]) * np.exp(b.rng.normal(0, 0.15)), 0, 1)


def _pairs(limbs: list[Limb]) -> list[Limb]:
    return [*limbs, *(limb.mirrored() for limb in limbs)]


def _speckle(b: Builder, limbs: list[Limb], blend: float, amount: float = 0.05) -> None:
    """Add melted limbs whose colours vary a little from place to place."""
    form = blob(limbs, blend)
    waves = sum(np.sin(form.vertices @ b.rng.normal(0, 9, 3) + b.between(0, 6)) for _ in range(5))
    form.colors = form.colors * (1 + amount * waves / 2 + 0.04 * b.rng.normal(size=len(form.vertices)))[:, None]
    b.add(form)


def _eyes(b: Builder, x: float, y: float, z: float, r: float) -> None:
    """Two dark eyes, some with white round them."""
    if b.chance(0.35):
        b.add(ball(r * 1.5, r, r * 1.5).moved(x, y, z), paint(b.rng, named(b.rng, "white"), 0), both=True)
        y -= 0.6 * r
    b.add(ball(r, r * 0.7, r).moved(x, y, z), paint(b.rng, named(b.rng, "black"), 0), both=True)


def plush(b: Builder) -> None:
    """A sitting soft toy: bear, rabbit, cat, mouse or dog by its ears."""
    fur = _fur(b)
    pale = np.clip(fur * 0.5 + 0.45, 0, 1) if b.chance(0.7) else b.accent
    head, fat = b.between(0.32, 0.46), b.between(0.38, 0.5)
    z = 0.35 + fat + head * 0.75
    limbs = [
        Limb([0, 0, 0.38], [0, 0, 0.62], fat, fat * 0.75, fur),
        Limb([0, -fat * 0.45, 0.42], [0, -fat * 0.45, 0.5], fat * 0.62, fat * 0.6, pale),
        Limb([0, -0.05, z], [0, -0.06, z], head, head, fur, (1.1, 1, 0.95)),
    ]
    leg, arm = b.between(0.5, 0.75), b.between(0.45, 0.65)
    down = b.between(-0.4, 0.3)
    paired = [
        Limb([0.25, -0.1, 0.17], [0.33, -leg, 0.17], 0.17, 0.16, fur),
        Limb([0.33, -leg - 0.04, 0.18], [0.33, -leg - 0.08, 0.2], 0.15, 0.13, pale),
        Limb([fat * 0.7, -0.05, 0.72], [fat * 0.7 + arm * 0.7, -0.25, 0.72 + down], 0.14, 0.13, fur),
    ]
    snout = b.between(0.3, 0.5) * head
    limbs.append(Limb([0, -head * 0.85, z - head * 0.25], [0, -head * 1.1, z - head * 0.25], snout, snout * 0.8, pale))
    kind = b.rng.choice(["bear", "rabbit", "cat", "dog"])
    if kind == "bear":
        paired.append(
            Limb([head * 0.75, 0, z + head * 0.7], [head * 0.78, 0, z + head * 0.75], 0.14, 0.13, fur, (1, 0.6, 1))
        )
    elif kind == "rabbit":
        tip = z + head + b.between(0.35, 0.7)
        paired.append(Limb([head * 0.4, 0, z + head * 0.7], [head * 0.55, 0.05, tip], 0.1, 0.09, fur, (1, 0.55, 1)))
    elif kind == "cat":
        paired.append(
            Limb([head * 0.6, 0, z + head * 0.55], [head * 0.85, 0, z + head * 1.15], 0.15, 0.02, fur, (1, 0.6, 1))
        )
    else:
        paired.append(
            Limb([head * 0.8, 0, z + head * 0.5], [head * 1.15, -0.05, z - head * 0.5], 0.1, 0.14, pale, (0.7, 1, 1))
        )
    _speckle(b, limbs + _pairs(paired), 0.035)
    _eyes(b, head * 0.38, -head * 0.98 - 0.02, z + head * 0.15, 0.045)
    b.add(
        ball(0.07, 0.05, 0.05).moved(0, -head * 1.1 - snout * 0.75, z - head * 0.12),
        paint(b.rng, named(b.rng, "black"), 0),
    )
    if b.chance(0.35):
        bow = tube(smooth([[0, 0, 0], [0.25, 0, 0.1], [0.28, 0, -0.1], [0, 0, 0]]), 0.05)
        b.add(bow.moved(0, -fat * 0.75, 0.35 + fat), paint(b.rng, b.second, 0), both=True)


def quadruped(b: Builder) -> None:
    """Dog, cat, horse, cow, sheep, pig, giraffe, elephant... by chance between all of them."""
    fur, belly = _fur(b, 0.15), None
    belly = np.clip(fur * 1.3, 0, 1) if b.chance(0.5) else _fur(b, 0)
    length, leg, fat = b.between(0.7, 1.3), b.between(0.35, 1.0), b.between(0.17, 0.36)
    neck, head = b.between(0.1, 0.75), b.between(0.15, 0.28)
    foot = b.between(0.05, 0.12)
    back = leg + fat
    front = -length / 2
    nape = np.array([0, front - neck * 0.45, back + neck * 0.9 + 0.12])
    limbs = [
        Limb([0, front, back], [0, length / 2, back + b.between(-0.06, 0.06)], fat, fat * b.between(0.8, 1.15), fur),
        Limb([0, front, back - 0.05], [0, length / 2, back - 0.08], fat * 0.9, fat * 0.8, belly),
        Limb([0, front, back], nape, fat * 0.7, head * 0.7, fur),
        Limb(nape, nape + [0, -0.05, 0.02], head, head * 0.9, fur),
    ]
    muzzle = nape + [0, -head - b.between(0.08, 0.35), -b.between(0.02, 0.2)]
    limbs.append(Limb(nape, muzzle, head * 0.8, head * b.between(0.4, 0.6), belly))
    sock = belly if b.chance(0.4) else fur * 0.7
    paired = []
    stride = b.between(-0.15, 0.15)
    for y, swing in ((front + 0.06, stride), (length / 2 - 0.08, -stride)):
        knee = [fat * 0.65, y + swing * 0.5 + 0.03, leg * 0.5]
        paired.append(Limb([fat * 0.6, y, back - fat * 0.3], knee, fat * 0.5, foot * 1.1, fur))
        paired.append(Limb(knee, [fat * 0.65, y + swing, foot], foot * 1.1, foot, sock))
    ear = b.between(0.05, 0.3)
    droop = b.between(-0.6, 1)
    paired.append(
        Limb(
            nape + [head * 0.7, 0.03, head * 0.6],
            nape + [head * 0.8 + ear * 0.6, 0.05, head * 0.6 + ear * droop],
            0.06,
            0.03,
            fur * 0.85,
        )
    )
    if b.chance(0.2):
        paired.append(
            Limb(
                nape + [head * 0.4, 0, head * 0.8],
                nape + [head * 1.2, -0.05, head * 1.7],
                0.05,
                0.015,
                [0.85, 0.8, 0.7],
            )
        )
    tail = b.between(0.2, 0.7)
    end = [0, length / 2 + fat * 0.8 + tail * 0.6, back + tail * b.between(-0.9, 0.8)]
    limbs.append(Limb([0, length / 2 + fat * 0.7, back + 0.05], end, 0.05, 0.03, fur * 0.8))
    if b.chance(0.12):
        limbs.append(Limb(muzzle, muzzle + [0, -0.15, -leg * 0.9], head * 0.35, 0.05, fur))
    if b.chance(0.2):
        limbs += [
            Limb([0, y, back + fat * 0.9], [0, y, back + fat * 0.9], 0.1, 0.1, belly)
            for y in np.linspace(front, 0.1, 4)
        ]
    _speckle(b, limbs + _pairs(paired), b.between(0.03, 0.055), 0.12 if b.chance(0.3) else 0.04)
    _eyes(b, head * 0.75, nape[1] - head * 0.62, nape[2] + head * 0.25, 0.035)


def bird(b: Builder) -> None:
    """A duck, hen, penguin, parrot or owl; some on two legs, some sitting flat."""
    coat, under = _fur(b, 0.6), np.clip(b.second, 0, 1)
    beak = np.array([0.95, b.between(0.4, 0.75), 0.1])
    upright, fat = b.between(0.15, 1.2), b.between(0.3, 0.42)
    leg = 0.25 if b.chance(0.45) else 0.0
    z = leg + fat
    chest = np.array([0, -0.3 * np.cos(upright), z + 0.35 * np.sin(upright)])
    rump = np.array([0, 0.4 * np.cos(upright), z - 0.1 * np.sin(upright)])
    head = chest + [0, -0.18, b.between(0.3, 0.6)]
    r = b.between(0.18, 0.27)
    limbs = [
        Limb(chest, rump, fat * 0.85, fat, coat),
        Limb(chest + [0, -0.1, -0.08], rump + [0, -0.12, -0.1], fat * 0.75, fat * 0.8, under),
        Limb(chest, head, fat * 0.55, r * 0.8, coat),
        Limb(head, head, r, r, b.accent if b.chance(0.3) else coat),
        Limb(rump, rump + [0, b.between(0.35, 0.7), b.between(-0.1, 0.4)], fat * 0.6, 0.05, coat * 0.8, (1.2, 1, 0.6)),
    ]
    wing = Limb(chest + [fat * 0.8, 0.1, 0.05], rump + [fat * 0.85, 0.2, 0.0], 0.2, 0.06, coat * 0.7, (0.45, 1, 1))
    _speckle(b, limbs + _pairs([wing]), 0.04)
    snout = head + [0, -r * 0.85, -0.02]
    b.add(
        tube([snout, snout + [0, -b.between(0.1, 0.28), -0.03]], [0.09, 0.02], flat=b.between(0.4, 1)),
        paint(b.rng, beak, 0),
    )
    _eyes(b, r * 0.75, head[1] - r * 0.6, head[2] + 0.05, 0.04)
    if leg:
        b.add(tube([[0.14, 0.05, z * 0.7], [0.15, 0.02, 0.03]], 0.035), paint(b.rng, beak, 0), both=True)
        b.add(tube([[0.15, 0.06, 0.03], [0.17, -0.15, 0.03]], [0.03, 0.07], flat=0.4), paint(b.rng, beak, 0), both=True)


def swimmer(b: Builder) -> None:
    """A fish, shark, whale or dolphin, or a crocodile or lizard with short legs."""
    coat, belly = _fur(b, 0.7), np.clip(b.second * 0.5 + 0.45, 0, 1)
    fat, tall = b.between(0.16, 0.32), b.between(0.8, 1.5)
    has_legs = b.chance(0.35)
    z = 0.34
    limbs = [
        Limb([0, -0.6, z], [0, 0.1, z], fat * 0.7, fat, coat, (0.8, 1, tall)),
        Limb([0, 0.1, z], [0, 0.95, z + 0.02], fat, 0.05, coat, (0.8, 1, tall)),
        Limb([0, -0.55, z - fat * 0.35], [0, 0.4, z - fat * 0.35], fat * 0.65, fat * 0.4, belly, (0.9, 1, tall)),
    ]
    paired = []
    if has_legs:
        limbs.append(Limb([0, -0.6, z], [0, -1.1, z - 0.03], fat * 0.6, fat * 0.3, coat, (1, 1, 0.7)))
        limbs.append(Limb([0, 0.9, z], [0, 1.6, z - 0.15], 0.09, 0.03, coat))
        for y in (-0.35, 0.45):
            paired.append(Limb([fat * 0.6, y, z], [fat + 0.2, y + 0.02, 0.08], 0.09, 0.06, coat))
    else:
        up = b.between(0.2, 0.4)
        flat = b.chance(0.3)
        for sign in (1, -1):
            tip = [sign * up, 1.25, z] if flat else [0, 1.25, z + sign * up]
            limbs.append(Limb([0, 0.9, z], tip, 0.08, 0.04, coat * 0.8))
        limbs.append(
            Limb(
                [0, -0.1, z + fat * tall * 0.8],
                [0, 0.25, z + fat * tall + b.between(0.05, 0.3)],
                0.1,
                0.03,
                coat * 0.8,
                (0.4, 1, 1),
            )
        )
        paired.append(
            Limb([fat * 0.6, -0.25, z - 0.05], [fat + 0.25, 0.05, z - 0.15], 0.08, 0.04, coat * 0.8, (1, 1, 0.4))
        )
    _speckle(b, limbs + _pairs(paired), 0.03, 0.12)
    _eyes(b, fat * 0.55, -0.68, z + fat * 0.35, 0.045)


def person(b: Builder) -> None:
    """A figurine: head, clothes, arms and legs in some pose, hair or a hat."""
    skin = np.array([(0.9, 0.72, 0.6), (0.75, 0.55, 0.4), (0.45, 0.3, 0.2), (0.85, 0.85, 0.85)][b.rng.integers(4)])
    shirt, trousers, hair = b.main, b.second, _fur(b, 0.2)
    big = b.between(0.13, 0.3)
    leg, wide = b.between(0.35, 0.75), b.between(0.13, 0.2)
    hip = leg + 0.08
    neck = hip + b.between(0.38, 0.55)
    z = neck + big * 0.95
    spread, arm = b.between(0.02, 0.15), b.between(0.35, 0.5)
    raise_, ahead = b.between(-1.3, 1.2), b.between(0, 0.6)
    hand = np.array([wide + 0.08 + arm * np.cos(raise_) * 0.8, -ahead * arm, neck - 0.1 + arm * np.sin(raise_)])
    elbow = (np.array([wide + 0.04, 0, neck - 0.07]) + hand) / 2 + [0.03, 0.06, -0.03]
    limbs = [
        Limb([0, 0, hip], [0, 0, neck - 0.1], wide, wide * 1.1, shirt, (1, 0.7, 1)),
        Limb([0, 0, hip - 0.03], [0, 0, hip + 0.05], wide * 1.02, wide * 1.02, trousers, (1, 0.75, 1)),
        Limb([0, 0, neck - 0.05], [0, 0, z], 0.07, 0.07, skin),
        Limb([0, -0.01, z], [0, -0.01, z], big, big, skin, (0.9, 0.95, 1.05)),
    ]
    paired = [
        Limb([wide * 0.95, 0, neck - 0.07], elbow, 0.075, 0.06, shirt),
        Limb(elbow, hand, 0.06, 0.05, shirt if b.chance(0.5) else skin),
        Limb(hand, hand, 0.065, 0.065, skin),
        Limb([wide * 0.55, 0, hip], [wide * 0.55 + spread, 0.02, leg * 0.5], 0.1, 0.075, trousers),
        Limb([wide * 0.55 + spread, 0.02, leg * 0.5], [wide * 0.55 + spread, 0.03, 0.06], 0.075, 0.06, trousers),
        Limb([wide * 0.55 + spread, 0.04, 0.05], [wide * 0.6 + spread, -0.12, 0.045], 0.06, 0.05, b.accent),
    ]
    if b.chance(0.6):
        limbs.append(Limb([0, big * 0.25, z + big * 0.35], [0, big * 0.3, z + big * 0.1], big * 0.9, big * 0.85, hair))
        if b.chance(0.4):
            limbs.append(Limb([0, big * 0.6, z], [0, big * 0.6 + 0.05, z - big - 0.15], big * 0.5, big * 0.3, hair))
    if b.chance(0.3):
        limbs.append(Limb([0, 0, hip], [0, 0, leg * 0.25], wide * 0.9, wide * 2, trousers))
    _speckle(b, limbs + _pairs(paired), 0.02, 0.03)
    _eyes(b, big * 0.35, -big * 0.88, z + big * 0.1, big * 0.09)
    if b.chance(0.4):
        tall = b.between(0.5, 1.4) * big
        hat = lathe([[big * 1.5, 0], [big * 1.5, 0.02], [big * 0.95, 0.04], [big * b.between(0.1, 0.9), tall]])
        b.add(hat.moved(0, 0, z + big * 0.55), covering(b.rng, b.accent))
    if b.chance(0.35):
        b.add(cylinder(0.45, 0.06, 0.01).moved(z=-0.055), covering(b.rng, color(b.rng)))


def robot(b: Builder) -> None:
    """A toy robot of boxes, cylinders and balls."""
    body = covering(b.rng, b.main)
    limb, eye = covering(b.rng, b.second), paint(b.rng, b.accent, 0)
    leg, w, d, t = b.between(0.2, 0.6), b.between(0.4, 0.7), b.between(0.3, 0.45), b.between(0.4, 0.7)
    bevel = b.between(0, 0.08)
    b.add(box(w, d, t, bevel).moved(z=leg), body)
    hw, hh = w * b.between(0.5, 1.0), b.between(0.25, 0.4)
    head = box(hw, d * 0.85, hh, bevel) if b.chance(0.7) else ball(hw / 2, d * 0.45, hh / 2).moved(z=hh / 2)
    b.add(head.moved(z=leg + t + 0.06), body)
    b.add(cylinder(0.08, 0.1).moved(z=leg + t - 0.02), limb)
    b.add(cylinder(0.07, 0.06).turned("x", 90).moved(hw * 0.24, -d * 0.4, leg + t + 0.06 + hh * 0.6), eye, both=True)
    b.add(box(w * 0.6, 0.05, t * 0.4, 0.01).moved(y=-d / 2, z=leg + t * 0.4), eye)
    fore = b.between(-0.4, 0.1)
    arm = tube(
        [[w / 2 + 0.09, 0, leg + t * 0.85], [w / 2 + 0.12, -0.05, leg + t * 0.4], [w / 2 + 0.12, fore, leg + t * 0.15]],
        0.07,
    )
    b.add(arm, limb, both=True)
    b.add(ball(0.11, 0.11, 0.11).moved(w / 2 + 0.12, fore, leg + t * 0.12), body, both=True)
    b.add(cylinder(0.1, leg).moved(w * 0.27, 0, 0.05), limb, both=True)
    b.add(box(w * 0.4, d * 1.1, 0.12, min(bevel, 0.05)).moved(x=w * 0.27, y=-0.04), body, both=True)
    if b.chance(0.6):
        top = leg + t + 0.06 + hh
        b.add(cylinder(0.02, 0.2).moved(z=top), limb)
        b.add(ball(0.05, 0.05, 0.05).moved(z=top + 0.22), eye)


def insect_or_reptile(b: Builder) -> None:
    """A turtle, ladybird, snail, crab, spider or octopus: a shell or sac and what looks out of it."""
    skin, shell = _fur(b, 0.6), b.second
    kind = b.rng.choice(["turtle", "snail", "octopus"])
    if kind == "turtle":
        high = b.between(0.25, 0.55)
        dome = ball(0.6, 0.7, high)
        dome.vertices[:, 2] = np.maximum(dome.vertices[:, 2], -0.06)
        b.add(dome.moved(z=0.2), covering(b.rng, shell))
        head = Limb([0, -0.6, 0.25], [0, -0.85, 0.38], 0.12, 0.17, skin)
        legs = [Limb([0.4, y, 0.2], [0.62, y * 1.35, 0.07], 0.13, 0.09, skin) for y in (-0.4, 0.42)]
        _speckle(b, [head, Limb([0, -0.3, 0.2], [0, 0.5, 0.18], 0.4, 0.25, skin, (1, 1, 0.4)), *_pairs(legs)], 0.03)
        _eyes(b, 0.11, -0.95, 0.46, 0.04)
    elif kind == "snail":
        turn = np.linspace(0, 4.6 * np.pi, 60)
        r = np.linspace(0.42, 0.03, 60)
        coil = np.stack([np.linspace(0.0, 0.12, 60), 0.15 + r * np.sin(turn), 0.55 - r * np.cos(turn)], 1)
        b.add(tube(coil, r * 0.42 + 0.02), covering(b.rng, shell))
        body = [
            Limb([0, 0.75, 0.04], [0, 0.0, 0.1], 0.04, 0.15, skin),
            Limb([0, 0, 0.1], [0, -0.6, 0.14], 0.15, 0.12, skin),
        ]
        body.append(Limb([0, -0.55, 0.14], [0, -0.75, 0.4], 0.12, 0.12, skin))
        _speckle(b, body + _pairs([Limb([0.05, -0.78, 0.45], [0.13, -0.88, 0.72], 0.03, 0.045, skin)]), 0.03)
    else:
        limbs = [Limb([0, 0, 0.4], [0, 0.08, 0.8], 0.32, 0.4, skin, (1, 1, b.between(0.9, 1.3)))]
        for i in range(8):
            angle = (i + 0.5) * np.pi / 4
            out = np.array([np.cos(angle), np.sin(angle), 0])
            reach = b.between(0.6, 1.0)
            middle = out * reach * 0.6 + [0, 0, 0.1]
            limbs.append(Limb(out * 0.2 + [0, 0, 0.3], middle, 0.14, 0.1, skin))
            limbs.append(
                Limb(middle, out * reach + [0, 0, b.between(0.05, 0.25)], 0.1, 0.04, shell if b.chance(0.3) else skin)
            )
        _speckle(b, limbs, 0.04)
        _eyes(b, 0.15, -0.3, 0.75, 0.06)


KINDS = {plush: 6, quadruped: 8, bird: 4, swimmer: 3, person: 5, robot: 3, insect_or_reptile: 3}
