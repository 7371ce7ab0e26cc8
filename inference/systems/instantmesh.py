# SPDX-License-Identifier: GPL-3.0-or-later
"""InstantMesh's reconstruction network by Tencent ARC Lab: six views to a triplane; two sizes.

The authors make the views from one photo with Zero123++, a diffusion network that this extension does not run. It takes
the views themselves, as Zero123++'s sheet (``views``), so it is not offered for single photos.

Conventions are those of the authors' code (github.com/TencentARC/InstantMesh, commit 08822c5), its mesh variants:

* Frame (``src/utils/camera_util.py``): cameras go round z, azimuth 0 is on +x and the photo from which the views were
  made; z is up. So the object frame's X is y, its Y is -x and its Z is z, as with TripoSR. (The authors' ``save_obj``
  negates an axis, which mirrors; their renderers don't, so neither is it done here.)
* The planes cover [-1, 1]^3; the lattice of the surface reaches to 1.05 (``grid_scale`` 2.1), which becomes 1 here.
* The surface is where the signed distance is 0. The network also says how far to move each vertex of the lattice that
  carries the distances, at most an eighth of a cell; here the field is moved instead, to first order: the value at a
  point is the distance at the point minus its displacement. The network's weights for FlexiCubes, which place vertices
  within their cells, have no meaning for a field and are not used.
* Cameras (``get_zero123plus_input_cameras``): 4 away, 30 degrees; 16 numbers each, the first three rows of the pose in
  OpenGL's axes, then focal lengths and centre in sides of the picture.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..camera import Camera, Window
from ..code import Code
from ..errors import PhotoError
from ..fields import Points
from ..framing import FramedPhoto, FramingSettings
from ..monitor import Monitor
from ..network import Network
from ..photo import Photo
from ..runtime import Runtime
from ..sentence import Sentence
from ..triplane import PLANES, Decoder, LevelSet, Placement, TriplaneField, stored_planes, texel_size
from ..views import AZIMUTHS, COLUMNS, COUNT, ELEVATIONS, VIEW_SIZE, split_sheet
from . import GRAPHS, CheckpointSource, SystemCard
from .single_view import check_version, read_weights, weight_names
from .triposr import TURN

Array = NDArray[np.float32]

HALF_SIZE = 1.05
"""Half the side of the lattice's cube, the network's units."""

DISTANCE, FIELD_OF_VIEW = 4.0, math.radians(30)
"""Of the cameras: the network's units, radians."""


def camera_inputs() -> Array:
    """(6, 16): the views' cameras as the network is told them."""
    focal = 0.5 / math.tan(FIELD_OF_VIEW / 2)
    rows = []
    for number in range(COUNT):
        camera = view_camera(number)
        # From the object frame, whose unit is half the lattice, back to the network's.
        rotation, position = TURN @ camera.rotation, TURN @ camera.position * HALF_SIZE
        pose = np.concatenate([rotation, position[:, None]], axis=1)
        rows.append(np.concatenate([pose.ravel(), [focal, focal, 0.5, 0.5]]))
    return np.array(rows, np.float32)


def view_camera(number: int) -> Camera:
    """The camera of a view, object frame."""
    azimuth, elevation = math.radians(AZIMUTHS[number]), math.radians(ELEVATIONS[number])
    front = Camera.looking_at_origin(elevation, 1 / math.tan(FIELD_OF_VIEW / 2), DISTANCE / HALF_SIZE)
    cosine, sine = math.cos(azimuth), math.sin(azimuth)
    turn = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])
    return Camera(turn @ front.position, turn @ front.rotation, front.focal)


@dataclass(frozen=True)
class InstantMesh:
    """One size; see ``System`` and ``MultiViewSystem``."""

    card: SystemCard

    def encode(self, framed: FramedPhoto, runtime: Runtime, monitor: Monitor) -> Code:  # noqa: ARG002 - it only refuses
        """Refuse: one photo is not enough.

        Raises:
            PhotoError: always.
        """
        raise PhotoError(
            Sentence("{name} needs {count} views of the object.", name=self.card.name, count=COUNT),
            "Give it a sheet of six views.",
        )

    def encode_views(self, sheet: Photo, runtime: Runtime, monitor: Monitor) -> Code:
        """Run the encoder on a sheet of views; see ``MultiViewSystem.encode_views``.

        The code keeps no photo: its picture is the first view, wholly transparent, so that colours are the network's.
        """
        encoder, geometry, color = self.card.graphs
        views = split_sheet(sheet)
        checkpoint = runtime.store.require(self.card)
        weights = read_weights(geometry, checkpoint) | read_weights(color, checkpoint)
        images = np.ascontiguousarray(np.moveaxis(views, -1, 1))
        outputs = runtime.run(Network(encoder, checkpoint), {"images": images, "cameras": camera_inputs()}, monitor)
        arrays: dict[str, NDArray[Any]] = {PLANES: stored_planes(outputs[PLANES]), **weights}
        height, width = sheet.pixels.shape[:2]
        half = width / COLUMNS / 2
        window = Window(half, half, half, width, height)
        photo = np.zeros((VIEW_SIZE, VIEW_SIZE, 4), np.uint8)
        photo[..., :3] = np.round(views[0] * 255)
        return Code(self.card.id, self.card.version, arrays, view_camera(0), window, photo, {})

    def field(self, code: Code, runtime: Runtime) -> TriplaneField:
        """The code as a function of space; see ``System.field``."""
        check_version(code, self.card)
        _, geometry, color = self.card.graphs
        distances = Decoder.of(geometry, code.arrays, weight_names(geometry), runtime)
        colors = Decoder.of(color, code.arrays, weight_names(color), runtime)

        def level(points: Points) -> Array:
            return distances(points - distances(points, "displacement"), "sdf")

        return TriplaneField(
            level,
            lambda points: colors(points, "color"),
            Placement(TURN, HALF_SIZE),
            LevelSet(0.0, (-0.1, 0.1)),
            texel_size(code) / HALF_SIZE,
        )


def _system(size: str, checkpoint_bytes: int, memory_bytes: int) -> InstantMesh:
    return InstantMesh(
        SystemCard(
            id=f"instantmesh-{size}",
            name=f"InstantMesh {size}",
            version="1",
            description=f"Six views of an object instead of one photo, {size} size; for sheets made by Zero123++",
            good_for="six views of one object on a sheet",
            gives="surface, base colour",
            licence="Apache-2.0",
            licence_url="https://huggingface.co/TencentARC/InstantMesh",
            who_may_use="Everyone, for any purpose; views made by Zero123++ come from weights for non-commercial work",
            source="Tencent ARC Lab, huggingface.co/TencentARC/InstantMesh",
            checkpoint=CheckpointSource(
                repository="TencentARC/InstantMesh",
                revision="main",
                filename=f"instant_mesh_{size}.ckpt",
                size_bytes=checkpoint_bytes,
            ),
            graphs=tuple(GRAPHS / f"instantmesh_{size}_{part}.onnx" for part in ("encoder", "geometry", "color")),
            memory_bytes=memory_bytes,
            framing=FramingSettings(size=VIEW_SIZE, foreground_ratio=0.85),
            views=COUNT,
        )
    )


SYSTEMS = {
    system.card.id: system
    for system in (
        # Memory is estimated: the checkpoint and, for six views, somewhat more than TripoSR takes besides its own.
        _system("base", 1_253_000_000, 2_400_000_000),
        _system("large", 1_514_000_000, 2_700_000_000),
    )
}
