# SPDX-License-Identifier: GPL-3.0-or-later
"""Image to 3D: a textured, UV-unwrapped object from one photo, in Blender.

Artists find it in the 3D viewport's sidebar, tab "Image to 3D". Scripts call ``bpy.ops.image_to_3d.reconstruct`` or
the functions of ``api.py``; batches run ``blender --background --command image_to_3d``.

Nothing is imported here at module level, so that tests and tools can import this package without Blender.
"""


def register() -> None:
    """Called by Blender when the extension is enabled."""
    from . import registration

    registration.register()


def unregister() -> None:
    """Called by Blender when the extension is disabled; ends a running job and the worker process."""
    from . import registration

    registration.unregister()
