# SPDX-License-Identifier: GPL-3.0-or-later
"""Shoes, boots, hats, helmets, bags, suitcases, folded clothes."""

from copy import deepcopy

import numpy as np

from ..builder import Builder
from ..forms import Form, ball, box, cylinder, hollow, lathe, loft, prism, ring, rounded_rectangle, smooth, tube
from ..surfaces import covering, label, leather, named, paint, patterned, woven

#: A shoe's outline along its length from heel (0) to toe (1): half widths to the inside and outside.
LAST = np.array(
    [
        [0, 0.02, 0.02],
        [0.03, 0.11, 0.11],
        [0.2, 0.15, 0.16],
        [0.45, 0.13, 0.16],
        [0.7, 0.2, 0.19],
        [0.88, 0.19, 0.14],
        [0.97, 0.11, 0.06],
        [1, 0.02, 0.01],
    ]
)


def _sole(length: float, wide: float, grow: float) -> np.ndarray:
    """A sole's outline (m, 2), toe towards -y."""
    half = smooth(LAST, 24)
    inner = np.stack([-half[:, 1] * wide - grow, half[:, 0]], 1)
    outer = np.stack([half[:, 2] * wide + grow, half[:, 0]], 1)
    outline = np.concatenate([outer, inner[::-1]])
    outline[:, 1] = 0.5 - outline[:, 1] + grow * np.sign(0.5 - outline[:, 1]) * (np.abs(outline[:, 1] - 0.5) > 0.45)
    return outline[::-1] * [1, length]


def _front(t: float, instep: float, open_to: float) -> float:
    """How far back (-0.5 toe to 0.5 heel) a shoe's front is at this share of its height: round toe, then tongue."""
    return -0.5 + open_to * float(np.clip(t / instep, 0, 1)) ** 2.0


def _upper(length: float, wide: float, high: float, instep: float, open_to: float) -> Form:
    """The shoe's hull from toe to collar, hollow: horizontal rings that retreat from the toe as they rise."""
    outline = _sole(length, wide, 0.0)
    sections = []
    for t in np.linspace(0, 1, 14):
        front = _front(t, instep, open_to)
        y = outline[:, 1] / length
        squeezed = 0.5 - (0.5 - y) * (0.5 - front)
        pinch = 1 - 0.28 * np.sin(np.pi * min(t, 1) / 2) ** 2
        bulge = 1 + 0.06 * np.sin(np.pi * t)
        sections.append(np.stack([outline[:, 0] * pinch * bulge, squeezed * length, np.full(len(y), t * high)], 1))
    middle = sections[-1].mean(0)
    for depth in (0.0, 0.3, 0.6):
        section = middle + (sections[-1] - middle) * (0.8 - 0.1 * depth)
        section[:, 2] = high - depth * high
        sections.append(section)
    return loft(np.stack(sections))


def _laces(b: Builder, length: float, high: float, instep: float, open_to: float, wide: float) -> list[Form]:
    """Bars across the tongue, above the sole's top at z = 0."""
    forms = []
    for t in np.linspace(0.62, 0.97, int(b.rng.integers(3, 6))) * instep:
        y, z = _front(float(t), instep, open_to) * length, float(t) * high
        path = smooth([[-wide, y + 0.06, z - 0.015], [0, y - 0.005, z + 0.015], [wide, y + 0.06, z - 0.015]], 12)
        forms.append(tube(path, 0.016))
    return forms


def shoe(b: Builder) -> None:
    """A sneaker, loafer, ankle boot or wellington with its sole; single, or a pair side by side."""
    length, wide = b.between(1.0, 1.25), b.between(0.85, 1.05)
    boot = b.chance(0.3)
    high = b.between(0.6, 1.1) if boot else b.between(0.27, 0.45)
    sole = b.between(0.05, 0.14)
    alone = Builder(b.rng)
    alone.main, alone.second, alone.accent = b.main, b.second, b.accent
    outer = covering(b.rng, b.main) if b.chance(0.7) else leather(b.rng, named(b.rng, "oak") * b.between(0.3, 1))
    instep = 0.42 if boot else b.between(0.75, 1.0)
    open_to = b.between(0.5, 0.6) if boot else b.between(0.45, 0.62)
    alone.add(_upper(length, wide, high, instep, open_to).moved(z=sole), outer)
    rubber = paint(b.rng, named(b.rng, "white" if b.chance(0.5) else "rubber") if b.chance(0.7) else b.accent, 0.2)
    base = prism(_sole(length, wide, 0.015), sole + 0.03, 0.02)
    alone.add(base, rubber)
    if b.chance(0.2):
        heel = box(0.24 * wide, 0.24, b.between(0.1, 0.2)).moved(y=length * 0.36, z=-0.1)
        alone.add(heel, rubber)
    if b.chance(0.65):
        lace = paint(b.rng, named(b.rng, "white") if b.chance(0.6) else b.accent, 0)
        for form in _laces(b, length, high, instep, open_to, 0.1 * wide):
            alone.add(form.moved(z=sole), lace)
    if b.chance(0.5):
        toe = ball(0.2 * wide, 0.17, high * 0.3, (1, 0.8)).moved(y=-length * 0.36, z=sole + 0.02)
        alone.add(toe, paint(b.rng, b.second, 0))
    if b.chance(0.5):
        stripe = tube(
            smooth(
                [[0.165 * wide, 0.1, sole + 0.08], [0.15 * wide, 0.0, sole + 0.2], [0.1 * wide, -0.02, sole + 0.28]]
            ),
            0.02,
        )
        alone.add(stripe, paint(b.rng, b.accent, 0), both=True)
    b.parts += alone.parts
    if b.chance(0.2):
        for part in deepcopy(alone.parts):
            part.corners[..., 0] = 0.5 * wide - part.corners[..., 0]
            part.normals[..., 0] *= -1
            for array in (part.corners, part.normals, part.colors, part.uv):
                if array is not None:
                    array[:] = array[:, ::-1].copy()
            b.parts.append(part)


def hat(b: Builder) -> None:
    """A cap with a peak, a brimmed hat, or a knitted cap with a bobble."""
    r, high = 0.5, b.between(0.3, 0.6)
    cloth = woven(b.rng, b.main) if b.chance(0.6) else covering(b.rng, b.main)
    kind = b.rng.choice(["cap", "brim", "knitted"])
    crown = [[r, 0], [r * 1.01, high * 0.4], [r * 0.8, high * 0.85], [r * 0.4, high], [1e-3, high * 1.02]]
    if kind == "brim":
        top = b.between(0.5, 0.95)
        reach = b.between(0.7, 1.1)
        profile = [
            [reach, 0],
            [reach, 0.03],
            [r * 1.02, 0.05],
            [r * 0.95, high * 0.6],
            [r * top, high],
            [1e-3, high * b.between(0.8, 1)],
        ]
        brim = lathe(profile)
        brim.vertices[:, 2] += b.between(0, 0.3) * np.maximum(np.abs(brim.vertices[:, 0]) - r, 0)
        b.add(brim, cloth)
        b.add(cylinder(r * 1.03, 0.1).moved(z=0.05), paint(b.rng, b.accent, 0))
        return
    b.add(lathe(np.concatenate([[[r * 0.9, 0.0]], smooth(crown, 24)])), cloth)
    if kind == "cap":
        peak = ball(r * 0.95, 0.5, 0.03, (0.6, 0.8)).moved(y=-r * 0.95, z=0.02)
        peak.vertices[:, 2] -= 0.35 * peak.vertices[:, 0] ** 2
        b.add(peak, covering(b.rng, b.second))
        b.add(ball(0.05, 0.05, 0.03).moved(z=high * 1.02), paint(b.rng, b.second, 0))
    else:
        b.add(ring(r, 0.07, height=0.12).moved(z=0.08), woven(b.rng, b.second))
        b.add(ball(0.16, 0.16, 0.15).moved(z=high * 1.1), woven(b.rng, b.accent))


def helmet(b: Builder) -> None:
    """A motorcycle, bicycle or building site helmet."""
    r = 0.5
    shell = ball(r * 0.9, r * 1.1, r * b.between(0.8, 1))
    shell.vertices[:, 2] = np.maximum(shell.vertices[:, 2], -b.between(0.0, 0.35))
    b.add(shell, covering(b.rng, b.main))
    if b.chance(0.5):
        visor = ball(r * 0.8, r * 0.75, 0.2).moved(y=-r * 0.45, z=0.08)
        b.add(visor, paint(b.rng, named(b.rng, "glass"), 0))
    else:
        rim = ball(r * 1.0, r * 1.3, 0.035, (0.7, 1)).moved(y=-0.06)
        b.add(rim, paint(b.rng, b.main))
        b.add(
            tube(smooth([[0, -r * 1.05, 0.05], [0, -0.3, r * 0.85], [0, 0.3, r * 0.85], [0, r * 1.05, 0.05]]), 0.05),
            paint(b.rng, b.accent),
        )


def handbag(b: Builder) -> None:
    """A tapered bag with a flap or open, two handles or a strap, and a clasp."""
    x, y, z = b.between(0.7, 1.2), b.between(0.22, 0.45), b.between(0.5, 0.95)
    skin = leather(b.rng, b.main) if b.chance(0.6) else covering(b.rng, b.main)
    top = b.between(0.5, 1.0), b.between(0.2, 0.7)
    b.add(box(x, y, z, min(0.09, y * 0.3)).tapered(*top), skin)
    arch = b.between(0.25, 0.6)
    reach = x * top[0] * b.between(0.2, 0.38)
    path = smooth(
        [
            [-reach, 0, z * 0.85],
            [-reach * 0.9, 0, z + arch * 0.7],
            [0, 0, z + arch],
            [reach * 0.9, 0, z + arch * 0.7],
            [reach, 0, z * 0.85],
        ]
    )
    strap = paint(b.rng, b.second)
    for side in (-1, 1) if b.chance(0.6) else (0,):
        b.add(tube(path, b.between(0.022, 0.04), flat=b.between(0.6, 1.4)).moved(y=side * y * 0.3), strap)
    if b.chance(0.6):
        flap = box(x * (1 + top[0]) / 2 * 1.01, 0.05, z * b.between(0.35, 0.6), 0.02).sheared(y * 0.25 / z)
        b.add(flap.moved(y=-y * 0.43, z=z * 0.45), covering(b.rng, b.second if b.chance(0.4) else b.main))
    b.add(box(0.12, 0.06, 0.1, 0.02).moved(y=-y * 0.46, z=z * 0.5), paint(b.rng, named(b.rng, "brass")))


def backpack(b: Builder) -> None:
    """A rucksack with a front pocket, side pockets, a top handle and shoulder straps."""
    x, y, z = b.between(0.6, 0.85), b.between(0.3, 0.45), b.between(0.8, 1.15)
    cloth = woven(b.rng, b.main) if b.chance(0.6) else covering(b.rng, b.main)
    round_ = b.between(0.1, 0.14)
    b.add(box(x, y, z, round_).tapered(b.between(0.8, 1), b.between(0.6, 0.9)), cloth)
    pocket = box(x * 0.75, y * 0.5, z * b.between(0.35, 0.5), 0.08).moved(y=-y * 0.55, z=z * 0.08)
    b.add(pocket, woven(b.rng, b.second))
    if b.chance(0.6):
        b.add(box(0.12, y * 0.6, z * 0.35, 0.05).moved(x=x / 2 + 0.02, z=z * 0.08), cloth, both=True)
    strap = smooth(
        [
            [x * 0.25, y * 0.4, z * 0.9],
            [x * 0.33, y * 0.85, z * 0.7],
            [x * 0.35, y * 0.8, z * 0.3],
            [x * 0.4, y * 0.45, z * 0.1],
        ]
    )
    b.add(tube(strap, 0.06, flat=0.5), paint(b.rng, b.accent if b.chance(0.4) else b.main * 0.6), both=True)
    b.add(
        tube(smooth([[-0.1, y * 0.3, z * 0.95], [0, y * 0.3, z * 1.06], [0.1, y * 0.3, z * 0.95]]), 0.025),
        paint(b.rng, b.accent),
    )
    zip_ = tube(
        smooth(
            [
                [-x * 0.42, -y * 0.38, z * 0.6],
                [-x * 0.36, -y * 0.36, z * 0.9],
                [0, -y * 0.34, z * 0.97],
                [x * 0.36, -y * 0.36, z * 0.9],
                [x * 0.42, -y * 0.38, z * 0.6],
            ]
        ),
        0.015,
    )
    b.add(zip_, paint(b.rng, named(b.rng, "steel")))


def suitcase(b: Builder) -> None:
    """A trolley case, briefcase or tool case: grooves, corners, handle, wheels."""
    x, y, z = b.between(0.7, 1.1), b.between(0.25, 0.4), b.between(0.6, 1.2)
    lift = 0.08
    b.add(box(x, y, z, b.between(0.03, 0.1)).moved(z=lift), covering(b.rng, b.main))
    grip = paint(b.rng, named(b.rng, "rubber") if b.chance(0.7) else b.accent)
    b.add(
        tube(
            smooth([[-0.14, 0, z + lift], [-0.1, 0, z + lift + 0.09], [0.1, 0, z + lift + 0.09], [0.14, 0, z + lift]]),
            0.03,
        ),
        grip,
    )
    if b.chance(0.6):
        for i in np.linspace(-0.36, 0.36, int(b.rng.integers(3, 7))):
            b.add(box(0.045, y + 0.03, z * 0.9, 0.015).moved(x=i * x, z=lift + z * 0.05), covering(b.rng, b.main * 0.9))
    if b.chance(0.6):
        b.add(cylinder(0.07, 0.06).turned("y", 90).moved(x=x * 0.38, y=y * 0.3, z=0.07), grip, both=True)
        b.add(cylinder(0.07, 0.06).turned("y", 90).moved(x=x * 0.38, y=-y * 0.3, z=0.07), grip, both=True)
    if b.chance(0.4):
        b.add(
            tube([[0.18, y * 0.35, z], [0.18, y * 0.35, z + 0.5]], 0.02), paint(b.rng, named(b.rng, "steel")), both=True
        )
        b.add(tube([[-0.2, y * 0.35, z + 0.5], [0.2, y * 0.35, z + 0.5]], 0.035), grip)


def tote(b: Builder) -> None:
    """A paper or cloth carrier bag: sharp, hollow, with two loops and a print."""
    x, y, z, t = b.between(0.6, 0.9), b.between(0.25, 0.4), b.between(0.7, 1.1), 0.03
    outline = rounded_rectangle(x, y, 0)
    inner = rounded_rectangle(x - 2 * t, y - 2 * t, 0)
    rows = [(outline, 0.0), (outline, z), (inner, z), (inner, t)]
    shell = loft(np.stack([np.concatenate([o, np.full((4, 1), h)], 1) for o, h in rows]))
    b.add(shell, label(b.rng, b.main) if b.chance(0.6) else woven(b.rng, b.main))
    loop = smooth(
        [
            [-x * 0.2, 0, z - 0.05],
            [-x * 0.18, 0, z + 0.2],
            [0, 0, z + 0.28],
            [x * 0.18, 0, z + 0.2],
            [x * 0.2, 0, z - 0.05],
        ]
    )
    for side in (-1, 1):
        b.add(tube(loop, 0.02).moved(y=side * (y / 2 - t)), paint(b.rng, b.accent))


def cushion(b: Builder) -> None:
    """A pillow, a folded towel or sweater, or a stack of them."""
    z = 0.0
    for _ in range(int(b.rng.choice([1, 1, 2, 3]))):
        base = b.rng.uniform(0.1, 0.95, 3)
        surface = patterned(b.rng, base, b.second) if b.chance(0.4) else woven(b.rng, base)
        high = b.between(0.1, 0.22)
        form = ball(b.between(0.5, 0.7), b.between(0.4, 0.55), high, (b.between(0.4, 1), b.between(0.25, 0.5)))
        b.add(form.moved(z=z + high), surface)
        z += 1.7 * high


def basin_hat_box(b: Builder) -> None:
    """A belt-like coil or a round box: a hat box with a lid, ribbon and strap."""
    r, tall = 0.5, b.between(0.3, 0.7)
    b.add(lathe(hollow([[r, 0], [r, tall]], 0.03)), covering(b.rng, b.main))
    b.add(cylinder(r * 1.04, tall * 0.3, 0.01).moved(z=tall * 0.85), covering(b.rng, b.second))
    b.add(
        tube(
            smooth(
                [
                    [-r * 1.03, 0, tall * 0.8],
                    [-r * 0.8, 0, tall * 1.5],
                    [r * 0.8, 0, tall * 1.5],
                    [r * 1.03, 0, tall * 0.8],
                ]
            ),
            0.02,
        ),
        paint(b.rng, b.accent),
    )


KINDS = {shoe: 9, hat: 3, helmet: 2, handbag: 4, backpack: 3, suitcase: 2, tote: 2, cushion: 1, basin_hat_box: 1}
