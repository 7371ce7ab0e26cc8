# SPDX-License-Identifier: GPL-3.0-or-later
"""Dolls, busts, gnomes, nesting dolls and vinyl toys: figures with faces that are painted on or stand out."""

import numpy as np
from PIL import Image, ImageDraw

from ..builder import Builder
from ..forms import Limb, ball, blob, cylinder, lathe, smooth, tube
from ..surfaces import Surface, covering, leather, named, paint, patterned, woven

#: Width and height of a face's texture, which goes once round a turned form, and the column that looks ahead (-y).
ROUND, TALL, AHEAD = 512, 256, 384
SKIN = [(0.93, 0.76, 0.64), (0.8, 0.6, 0.45), (0.5, 0.34, 0.23), (0.95, 0.9, 0.85), (0.98, 0.85, 0.3)]


def _skin(b: Builder) -> np.ndarray:
    return np.clip(np.array(SKIN[b.rng.integers(len(SKIN))]) * np.exp(b.rng.normal(0, 0.06)), 0, 1)


def _rgb(value: np.ndarray) -> tuple[int, ...]:
    return tuple(int(255 * x) for x in np.clip(value, 0, 1))


def face(b: Builder, skin: np.ndarray, hair: np.ndarray, level: float, wide: float = 34.0) -> Surface:
    """A painted head: skin and hair all round; eyes, brows, mouth and cheeks ahead.

    level: the height of the eyes, 0..1 from the form's bottom; wide: half the distance of the eyes, pixels.
    """
    image = Image.new("RGB", (ROUND, TALL), _rgb(skin))
    draw = ImageDraw.Draw(image)
    y = (1 - level) * TALL
    fringe = y - b.between(22, 45)
    draw.rectangle([0, 0, ROUND, fringe], fill=_rgb(hair))
    nape = y + b.between(10, 70)
    reach = wide + b.between(45, 75)
    draw.rectangle([0, 0, AHEAD - reach, nape], fill=_rgb(hair))
    draw.rectangle([AHEAD + reach, 0, ROUND, nape], fill=_rgb(hair))
    white, dark = (248, 246, 242), _rgb(named(b.rng, "black"))
    iris, size = _rgb(b.accent * 0.7), b.between(7, 13)
    for x in (AHEAD - wide, AHEAD + wide):
        if b.chance(0.6):
            draw.ellipse([x - 1.5 * size, y - size, x + 1.5 * size, y + size], fill=white)
            draw.ellipse([x - 0.9 * size, y - 0.9 * size, x + 0.9 * size, y + 0.9 * size], fill=iris)
        draw.ellipse([x - 0.5 * size, y - 0.5 * size, x + 0.5 * size, y + 0.5 * size], fill=dark)
        draw.line([x - 1.6 * size, y - 1.9 * size, x + 1.6 * size, y - 2.1 * size], fill=_rgb(hair * 0.6), width=4)
        cheek = np.clip(skin * [1.05, 0.78, 0.75], 0, 1)
        draw.ellipse([x - 13, y + 26, x + 13, y + 44], fill=_rgb(cheek))
    low = y + b.between(44, 60)
    mouth = _rgb(np.array([0.75, 0.2, 0.2]) * b.between(0.6, 1.2))
    draw.arc([AHEAD - 26, low - 24, AHEAD + 26, low], 20, 160, fill=mouth, width=int(b.between(4, 8)))
    draw.line([AHEAD, y + 8, AHEAD - 3, y + 26], fill=_rgb(skin * 0.8), width=4)
    return Surface(np.asarray(image), "own")


def nesting_doll(b: Builder) -> None:
    """A turned wooden doll: painted face, shawl, and an apron with dots."""
    fat, tall = b.between(0.36, 0.5), b.between(1.1, 1.5)
    neck = b.between(0.5, 0.62) * tall
    profile = [[0.01, 0], [fat * 0.8, 0.01], [fat, tall * 0.28], [fat * 0.72, neck], [fat * 0.7, tall * 0.78]]
    skin, shawl = _skin(b), b.main
    b.add(lathe(smooth([*profile, [fat * 0.4, tall * 0.97], [0.01, tall]], 40)), face(b, skin, shawl, 0.72))
    band = lathe([[fat * 0.74, neck - 0.05], [fat * 0.78, neck - 0.01], [fat * 0.74, neck + 0.03]])
    b.add(band, paint(b.rng, b.accent, 0.1))
    skirt = smooth([[fat * 0.81, 0.01], [fat * 1.01, tall * 0.28], [fat * 0.86, neck * 0.88]], 20)
    b.add(lathe(skirt), patterned(b.rng, b.second, b.main) if b.chance(0.7) else covering(b.rng, b.second))


def vinyl_toy(b: Builder) -> None:
    """A collector's figure: a large head with a painted face, a small body, arms that hang or are raised."""
    skin, hair = _skin(b), b.main
    head, body = b.between(0.42, 0.55), b.between(0.45, 0.6)
    shape = ball(head * b.between(1, 1.2), head, head * b.between(0.85, 1), (b.between(0.6, 1), b.between(0.6, 1)))
    z = body + 0.18 + head * 0.8
    b.add(shape.moved(z=z), face(b, skin, hair, 0.5, b.between(26, 44)))
    shirt, trousers = covering(b.rng, b.second), covering(b.rng, b.accent)
    b.add(lathe(smooth([[0.2, 0.18], [0.24, 0.18 + body * 0.4], [0.15, 0.2 + body]], 16)).scaled(1, 0.75, 1), shirt)
    raised = b.between(-0.35, 0.3)
    arm = smooth(
        [[0.17, 0, 0.1 + body], [0.32, -0.02, 0.05 + body * 0.7], [0.36, -0.12, 0.1 + body * 0.6 + raised]], 12
    )
    b.add(tube(arm, 0.065), shirt, both=True)
    b.add(ball(0.08, 0.08, 0.08).moved(*arm[-1]), paint(b.rng, skin, 0), both=True)
    b.add(cylinder(0.1, 0.22, 0.02).moved(x=0.12), trousers, both=True)
    b.add(ball(0.12, 0.17, 0.07, (0.7, 0.8)).moved(0.12, -0.05, 0.05), paint(b.rng, b.main * 0.5, 0.1), both=True)
    if b.chance(0.4):
        b.add(ball(0.14, 0.08, 0.16).moved(head * 0.8, 0, z + head * 0.75), paint(b.rng, hair, 0), both=True)
    elif b.chance(0.5):
        cap = ball(head * 1.12, head * 1.08, head * 0.55)
        cap.vertices[:, 2] = np.maximum(cap.vertices[:, 2], 0)
        b.add(cap.moved(z=z + head * 0.4), covering(b.rng, hair))


def rag_doll(b: Builder) -> None:
    """A cloth doll, sitting or standing: round head with a stitched face, dress, limp arms and legs, plaits."""
    skin, hair = (
        _skin(b),
        np.array([(0.5, 0.25, 0.1), (0.15, 0.1, 0.08), (0.85, 0.65, 0.25), (0.6, 0.12, 0.1)][b.rng.integers(4)]),
    )
    sits = b.chance(0.5)
    hip, head = (0.12 if sits else 0.55), b.between(0.2, 0.28)
    neck = hip + b.between(0.42, 0.55)
    z = neck + head * 0.85
    b.add(ball(head * 1.05, head, head).moved(z=z), face(b, skin, hair, 0.52, b.between(26, 36)))
    dress = patterned(b.rng, b.main, b.second) if b.chance(0.6) else woven(b.rng, b.main)
    wide = b.between(0.25, 0.36)
    b.add(lathe(smooth([[wide, hip - 0.1], [wide * 0.75, hip + 0.15], [0.1, neck]], 20)).scaled(1, 0.75, 1), dress)
    limbs = paint(b.rng, skin, 0.1)
    hand = [b.between(0.3, 0.5), b.between(-0.25, 0.05), neck - b.between(0.2, 0.45)]
    b.add(tube(smooth([[0.08, 0, neck - 0.06], [0.24, -0.02, neck - 0.14], hand], 14), 0.06), dress, both=True)
    b.add(ball(0.07, 0.07, 0.07).moved(*hand), limbs, both=True)
    knee = [0.16, -0.3, hip] if sits else [0.12, -0.01, hip * 0.5]
    foot = [0.2, -0.62, hip - 0.04] if sits else [0.13, 0.0, 0.07]
    b.add(tube(smooth([[0.1, -0.05, hip], knee, foot], 14), 0.07), woven(b.rng, b.accent), both=True)
    b.add(ball(0.08, 0.12, 0.08).moved(*foot), paint(b.rng, b.second * 0.5, 0.2), both=True)
    plait = smooth([[head, 0.02, z], [head * 1.25, 0, z - head * 0.7], [head * 1.2, -0.05, z - head * 1.6]], 14)
    b.add(tube(plait, np.linspace(0.07, 0.04, 14)), woven(b.rng, hair), both=True)


def gnome(b: Builder) -> None:
    """A garden gnome: pointed hat, beard, round belly, boots; some hold a lantern or a spade."""
    skin, fat = _skin(b), b.between(0.26, 0.36)
    neck = b.between(0.6, 0.75)
    z = neck + 0.16
    coat = paint(b.rng, b.main, b.between(0.1, 0.6))
    b.add(lathe(smooth([[fat * 0.8, 0.12], [fat, 0.32], [fat * 0.6, neck]], 20)).scaled(1, 0.85, 1), coat)
    b.add(
        lathe([[fat * 0.98, 0.34], [fat * 1.04, 0.37], [fat * 0.98, 0.41]]).scaled(1, 0.87, 1),
        paint(b.rng, named(b.rng, "black")),
    )
    b.add(ball(0.2, 0.19, 0.2).moved(z=z), face(b, skin, named(b.rng, "white"), 0.55, 30))
    b.add(ball(0.045, 0.06, 0.045).moved(0, -0.2, z), paint(b.rng, skin * [1, 0.8, 0.75], 0))
    white = np.clip(named(b.rng, "white") * b.between(0.7, 1), 0, 1)
    drop = b.between(0.2, 0.42)
    beard = [Limb([0, -0.13, z - 0.1], [0, -fat * 0.85, z - 0.1 - drop], 0.13, 0.04, white, (1, 0.6, 1))]
    beard += [Limb([x, -0.12, z - 0.05], [0, -0.17, z - 0.12], 0.07, 0.06, white) for x in (-0.13, 0.13)]
    b.add(blob(beard, 0.03, 40))
    lean = b.between(-0.12, 0.12)
    hat = lathe(smooth([[0.23, 0], [0.2, 0.12], [0.1, 0.4], [0.01, b.between(0.55, 0.8)]], 20)).sheared(lean)
    b.add(
        hat.moved(z=z + 0.06),
        covering(b.rng, b.second) if b.chance(0.5) else paint(b.rng, np.array([0.75, 0.12, 0.1]), 0.4),
    )
    hand = [fat + 0.1, -0.18, b.between(0.3, 0.5)]
    b.add(tube(smooth([[fat * 0.6, 0, neck - 0.08], [fat + 0.1, -0.02, 0.45], hand], 12), 0.075), coat, both=True)
    b.add(ball(0.075, 0.075, 0.075).moved(*hand), paint(b.rng, skin, 0.1), both=True)
    b.add(ball(0.13, 0.2, 0.11, (0.7, 0.8)).moved(0.14, -0.06, 0.09), paint(b.rng, named(b.rng, "rubber")), both=True)
    if b.chance(0.4):
        b.add(
            tube([[hand[0], -0.22, 0.02], [hand[0], -0.22, b.between(0.7, 1.0)]], 0.025),
            paint(b.rng, named(b.rng, "oak")),
        )


def bust(b: Builder) -> None:
    """A sculpted head on shoulders and a socle: nose, brows, lips, ears and hair stand out in one material."""
    stone = np.clip(named(b.rng, str(b.rng.choice(["white", "brass", "steel", "card"]))) * b.between(0.6, 1.05), 0, 1)
    r, z = b.between(0.26, 0.32), 0.95
    y = -r * 0.9
    limbs = [
        Limb([0, 0, z], [0, -0.03, z - r * 0.5], r, r * 0.75, stone, (0.88, 1, 1.1)),
        Limb([0, 0.02, z - r], [0, 0.05, 0.42], 0.14, 0.17, stone),
        Limb([0, y * 0.98, z + 0.05], [0, y * 1.16, z - 0.07], 0.03, 0.055, stone),
        Limb([-0.05, y * 0.98, z - 0.17], [0.05, y * 0.98, z - 0.17], 0.028, 0.028, stone),
        Limb([0, y * 0.8, z - 0.27], [0, y * 0.82, z - 0.27], 0.07, 0.07, stone),
        Limb([0, 0.06, z + r * 0.45], [0, 0.12, z], r * 0.95, r * b.between(0.9, 1.15), stone * 0.93),
    ]
    wide = b.between(0.3, 0.45)
    for side in (-1, 1):
        limbs += [
            Limb([0, 0.05, 0.42], [side * wide, 0.06, 0.36], 0.16, 0.14, stone, (1, 0.8, 1)),
            Limb([side * 0.05, y * 0.95, z + 0.08], [side * 0.15, y * 0.85, z + 0.07], 0.025, 0.02, stone),
            Limb([side * 0.1, y * 0.88, z + 0.01], [side * 0.1, y * 0.9, z + 0.01], 0.035, 0.035, stone * 0.9),
            Limb([side * r * 0.88, 0.02, z], [side * r * 0.92, 0.04, z - 0.08], 0.05, 0.04, stone, (0.6, 1, 1.2)),
        ]
    if b.chance(0.35):
        limbs.append(Limb([0, y * 0.8, z - 0.25], [0, y * 0.8, z - b.between(0.35, 0.5)], 0.12, 0.05, stone * 0.93))
    b.add(blob(limbs, 0.022, 90))
    socle = lathe(smooth([[0.22, 0], [0.2, 0.05], [0.12, 0.12], [0.13, 0.32]], 16), corners=int(b.rng.choice([0, 4])))
    b.add(socle, leather(b.rng, stone * b.between(0.4, 1)))


KINDS = {nesting_doll: 3, vinyl_toy: 5, rag_doll: 4, gnome: 3, bust: 4}
