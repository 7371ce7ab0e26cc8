# SPDX-License-Identifier: GPL-3.0-or-later
"""The camera that took the photo, in the object frame, and the square window of the photo it looks through.

Two coordinate systems meet here. *Window coordinates* span the framed square crop: x to the right and y up, both
from -1 to 1. *Photo coordinates* are pixels of the upright photo: x to the right and y down from its top left corner.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Window:
    """The square part of the photo that was framed; it may reach beyond the photo's edges.

    Attributes:
        centre_x, centre_y: its centre in photo coordinates, pixels.
        half_size: half its side, pixels.
        photo_width, photo_height: the upright photo's size, pixels.
    """

    centre_x: float
    centre_y: float
    half_size: float
    photo_width: int
    photo_height: int

    def to_photo(self, window_points: Float) -> Float:
        """Window coordinates (n, 2) to photo coordinates (n, 2)."""
        scale = np.array([self.half_size, -self.half_size])
        return window_points * scale + np.array([self.centre_x, self.centre_y])

    def from_photo(self, photo_points: Float) -> Float:
        """Photo coordinates (n, 2) to window coordinates (n, 2)."""
        scale = np.array([self.half_size, -self.half_size])
        return (photo_points - np.array([self.centre_x, self.centre_y])) / scale


@dataclass(frozen=True)
class Camera:
    """A pinhole camera in the object frame whose image plane is the framed window.

    The optical axis passes through the window's centre, so that a crop away from the photo's centre is a lens shift,
    and the photo lands on the object exactly where it shows it.

    Attributes:
        position: (3,) the camera's place in the object frame.
        rotation: (3, 3) camera to object; its columns are the camera's right, up and backward directions (Blender's
            and OpenGL's convention: the camera looks along its own -Z).
        focal: focal length in units of half the window's side; equals 1 / tan(half the field of view).
    """

    position: Float
    rotation: Float
    focal: float

    @classmethod
    def looking_at_origin(cls, elevation: float, focal: float, distance: float) -> Self:
        """A camera in front of the object (towards -Y), raised by ``elevation`` radians, looking at the origin.

        Args:
            elevation: angle above the horizon, radians.
            focal: in half windows.
            distance: from the origin, in object units.
        """
        sine, cosine = np.sin(elevation), np.cos(elevation)
        backward = np.array([0.0, -cosine, sine])
        right = np.array([1.0, 0.0, 0.0])
        up = np.cross(backward, right)
        return cls(backward * distance, np.stack([right, up, backward], axis=1), float(focal))

    def to_camera(self, points: Float) -> Float:
        """Object frame (n, 3) to the camera's own frame (n, 3): x right, y up, z backward."""
        return (points - self.position.astype(points.dtype)) @ self.rotation.astype(points.dtype)

    def project(self, points: Float) -> tuple[Float, Float]:
        """Object frame (n, 3) to window coordinates (n, 2) and depth (n,) along the optical axis, object units.

        Points at or behind the camera get a depth of zero or less and meaningless window coordinates.
        """
        local = self.to_camera(points)
        depth = -local[:, 2]
        safe = np.where(depth > 1e-6, depth, 1.0)
        return local[:, :2] * (self.focal / safe)[:, None], depth

    def unproject(self, window_points: Float, depth: Float) -> Float:
        """Window coordinates (n, 2) at a depth (n,) to the object frame (n, 3); inverse of ``project``."""
        local = np.concatenate([window_points * (depth / self.focal)[:, None], -depth[:, None]], axis=1)
        return local @ self.rotation.T.astype(local.dtype) + self.position.astype(local.dtype)

    def to_json(self) -> dict[str, Any]:
        """Plain numbers for JSON."""
        return {"position": self.position.tolist(), "rotation": self.rotation.tolist(), "focal": self.focal}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Inverse of ``to_json``."""
        return cls(np.array(values["position"]), np.array(values["rotation"]), float(values["focal"]))
