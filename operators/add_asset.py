# SPDX-License-Identifier: GPL-3.0-or-later
"""Add the active object to an asset library."""

from pathlib import Path

import bpy
from bpy.props import EnumProperty, StringProperty

from ..inference.errors import ReconstructionError, SettingsError
from ..inference.sentence import Sentence
from ..scene.asset_library import add_asset, catalogs_of, root_of_file
from ..translations import error_text, iface_, rpt_, tip_

PRESENT_FILE = "PRESENT"
DEFAULT_CATALOG = "Image to 3D"

_shown_libraries: list[tuple[str, str, str]] = []
"""What the selector was last given: Blender wants the texts of computed items kept alive."""


def _libraries(_self: bpy.types.Operator, context: bpy.types.Context | None) -> list[tuple[str, str, str]]:
    """The present file, and the artist's own libraries by name."""
    preferences = (context or bpy.context).preferences
    _shown_libraries[:] = [
        (PRESENT_FILE, iface_("Current File"), iface_("Mark it as an asset where it is; saved with this file")),
        *((item.name, item.name, item.path) for item in preferences.filepaths.asset_libraries if item.path),
    ]
    return _shown_libraries


def _search_catalogs(self: bpy.types.Operator, context: bpy.types.Context, _text: str) -> list[str]:
    """The library's catalogs, and ours."""
    known = [catalog.path for catalog in catalogs_of(_root(context, self.library))]
    return list(dict.fromkeys([*known, DEFAULT_CATALOG]))


class IMAGE_TO_3D_OT_add_asset(bpy.types.Operator):
    """Add the object to an asset library, with a picture, the photo's name, the network and the licence"""

    bl_idname = "image_to_3d.add_asset"
    bl_label = "Add to Asset Library"
    bl_options = {"REGISTER", "UNDO"}

    library: EnumProperty(
        name="Library", description="This file, or one of the asset libraries in the preferences", items=_libraries
    )
    catalog: StringProperty(
        name="Catalog",
        description="Where the asset browser shows it, such as Props/Kitchen; made if it is not there",
        default=DEFAULT_CATALOG,
        search=_search_catalogs,
        search_options={"SUGGESTION"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without a mesh in Object Mode, and says so."""
        if context.object is None or context.object.type != "MESH" or context.mode != "OBJECT":
            cls.poll_message_set(tip_("Select a mesh object in Object Mode"))
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for library and catalog."""
        return context.window_manager.invoke_props_dialog(self, confirm_text="Add")

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Add it, or tell why not."""
        target = context.object
        try:
            written = add_asset(context, target, self.catalog, _library(context, self.library))
        except ReconstructionError as error:
            self.report({"ERROR"}, error_text(error))
            return {"CANCELLED"}
        _refresh_browsers(context)
        done = Sentence("'{name}' is an asset of this file now; save the file to use it", name=target.name)
        if written is not None:
            done = Sentence("'{name}' is in the library as '{file}'", name=target.name, file=written.name)
        self.report({"INFO"}, rpt_(done))
        return {"FINISHED"}


def _library(context: bpy.types.Context, name: str) -> Path | None:
    """The folder of a library; None for the present file.

    Raises:
        SettingsError: its folder is not there.
    """
    if name in ("", PRESENT_FILE):
        return None
    folder = Path(bpy.path.abspath(context.preferences.filepaths.asset_libraries[name].path))
    if not folder.is_dir():
        raise SettingsError(
            Sentence("The folder of the asset library '{name}' is not there.", name=name),
            "Choose its folder in the preferences (File Paths, Asset Libraries).",
        )
    return folder


def _root(context: bpy.types.Context, name: str) -> Path | None:
    """Where the library's catalogs are."""
    if name in ("", PRESENT_FILE):
        return root_of_file()
    return Path(bpy.path.abspath(context.preferences.filepaths.asset_libraries[name].path))


def _refresh_browsers(context: bpy.types.Context) -> None:
    """Let open asset browsers read their library again."""
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "FILE_BROWSER" and area.ui_type == "ASSETS":
                with context.temp_override(window=window, area=area):
                    bpy.ops.asset.library_refresh()


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_OT_add_asset,))
