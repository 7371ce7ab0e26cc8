# SPDX-License-Identifier: GPL-3.0-or-later
"""Which shape, if any, takes the prediction's place."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from ..camera import Camera
from ..code import Code, Prior
from ..errors import ModelError
from ..fields import Field
from ..monitor import Monitor
from ..sentence import Sentence
from .ball import Ball, fit_ball
from .box import Box, fit_box
from .evidence import Evidence, evidence_of
from .primitive import Fit, Numbers, Primitive
from .revolution import Revolution, fit_revolution
from .upright import upright_elevation
from .view_frame import Array

FIT = 0.95
"""The object's largest coordinate in the object frame, as in ``systems.pebble``."""


UPRIGHT = "upright"
"""Kind of a ``Prior`` without a shape: a body that leaned as predicted, drawn upright by its camera alone."""


class ShapeChoice(StrEnum):
    """What the artist says of the shape."""

    AUTOMATIC = "automatic"
    AS_PREDICTED = "as-predicted"
    ROUND = "round"
    BOX = "box"
    BALL = "ball"


@dataclass(frozen=True)
class Kind:
    """A kind of shape.

    Attributes:
        name: as it is stored with a code.
        choice: with which the artist asks for it.
        label: as the artist reads it in the choice.
        fit: fits the shape to the evidence. The second argument says whether the artist asked for it: if not, the fit
            gives up, returning None, as soon as something cheap speaks against it.
        restore: makes the shape from its stored numbers.
    """

    name: str
    choice: ShapeChoice
    label: str
    fit: Callable[[Evidence, bool], Fit | None]
    restore: Callable[[Numbers], Primitive]


KINDS = (
    Kind("ball", ShapeChoice.BALL, "Ball", fit_ball, Ball.from_numbers),
    Kind("box", ShapeChoice.BOX, "Box", fit_box, Box.from_numbers),
    Kind("revolution", ShapeChoice.ROUND, "Round", fit_revolution, Revolution.from_numbers),
)
"""In the order in which they are tried, the cheapest first."""

REPORTS = {
    ShapeChoice.BALL: "Drawn as a ball; the outline fits by {overlap:.0%}.",
    ShapeChoice.BOX: "Drawn as a box; the outline fits by {overlap:.0%}.",
    ShapeChoice.ROUND: "Drawn round about its axis; the outline fits by {overlap:.0%}.",
}
"""What the artist reads of a shape that was taken, recognised or asked for."""


@dataclass(frozen=True)
class Choice:
    """What was chosen.

    Attributes:
        code: with the prior and its camera, or as it was.
        fit: how well the shape fits; None where it stays as predicted.
        report: one sentence for the artist; empty where the shape stays as predicted.
    """

    code: Code
    fit: Fit | None = None
    report: str = ""


def choose_shape(code: Code, choice: ShapeChoice, make_field: Callable[[], Field], monitor: Monitor) -> Choice:
    """Find out whether a code's object is of a known shape.

    Args:
        code: as its system made it.
        choice: what the artist says.
        make_field: makes the code's field; only asked of systems that predict no depths.
        monitor: told where the shape that was asked for does not fit; asked for cancellation.

    Raises:
        Cancelled: the monitor said so.
    """
    if choice is ShapeChoice.AS_PREDICTED:
        return Choice(code)
    evidence = evidence_of(code, make_field, monitor)
    if evidence is None:
        return Choice(code)
    is_asked = choice is not ShapeChoice.AUTOMATIC
    for kind in KINDS:
        if is_asked and kind.choice is not choice:
            continue
        fit = kind.fit(evidence, is_asked)
        if fit is not None and (fit.is_sure or (is_asked and fit.is_fair)):
            report = Sentence(REPORTS[kind.choice], overlap=fit.overlap)
            return Choice(with_prior(code, kind.name, fit.primitive, evidence), fit, report)
        if is_asked:
            monitor.warn(
                Sentence("Shape: {kind} does not fit this photo. The shape is as predicted.", kind=Sentence(kind.label))
            )
    return Choice(code) if is_asked else _stood_upright(code, evidence)


def _stood_upright(code: Code, evidence: Evidence) -> Choice:
    """The code of a tall body that leans, with the camera at which it stands; any other as it is."""
    elevation = upright_elevation(evidence)
    if elevation is None:
        return Choice(code)
    up = np.array([0.0, np.cos(elevation), np.sin(elevation)])
    camera = fitted_camera(evidence.points(), code.camera.focal, up)
    report = Sentence(
        "Drawn upright: as predicted, it leaned by {angle:.0f} degrees.",
        angle=np.degrees(abs(elevation - evidence.elevation)),
    )
    return Choice(replace(code, camera=camera, prior=Prior(UPRIGHT, {}, code.camera)), report=report)


def with_prior(code: Code, name: str, primitive: Primitive, evidence: Evidence) -> Code:
    """The code with a shape, and with a camera under which the shape stands upright and fills the object frame."""
    up = evidence.up if primitive.up is None else primitive.up
    points = primitive.corners() if primitive.rest is None else np.concatenate([primitive.corners(), evidence.points()])
    camera = fitted_camera(points, code.camera.focal, up)
    return replace(code, camera=camera, prior=Prior(name, primitive.numbers(), code.camera))


def fitted_camera(points: Array, focal: float, up: Array) -> Camera:
    """The camera in front of the object, looking at the origin, at which points just fit the object frame's cube.

    Args:
        points: (n, 3), view frame.
        focal: half windows.
        up: (3,) unit vector, the direction in the view frame that becomes the object frame's Z.
    """
    backward = np.array([0.0, 0.0, 1.0])
    front = backward - up[2] * up
    if np.linalg.norm(front) < 1e-3:  # seen from right above, the bottom of the photo is the front
        front = np.array([0.0, -1.0, 0.0])
    front /= np.linalg.norm(front)
    rotation = np.stack([np.cross(up, front), -front, up])
    distance = focal * FIT / float(np.abs(points @ rotation.T).max())
    return Camera(rotation[:, 2] * distance, rotation, focal)


def primitive_of(prior: Prior) -> Primitive | None:
    """The shape that is stored with a code; None where it is as predicted, only seen from elsewhere.

    Raises:
        ModelError: this version knows no such shape.
    """
    if prior.kind == UPRIGHT:
        return None
    for kind in KINDS:
        if kind.name == prior.kind:
            return kind.restore(prior.numbers)
    raise ModelError(
        Sentence("The stored code's shape '{kind}' is not known here.", kind=prior.kind), "Update the extension."
    )
