# SPDX-License-Identifier: GPL-3.0-or-later
"""Export the active object for the web, AR or a game engine, and check it before."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, StringProperty

from ..inference.errors import OutputError, ReconstructionError
from ..inference.sentence import Sentence
from ..scene.asset_check import Finding, check_asset
from ..scene.export_asset import KINDS, ExportSettings, export_asset, obstacle_to, with_suffix
from ..scene.levels import levels_of
from ..translations import error_text, iface_, rpt_, tip_

BUTTON_KIND = "image_to_3d_export_kind"
"""Name in the context by which a button's row says which use it is for, as Blender's poll sees no properties."""

KIND_ITEMS = tuple((key, kind.label, kind.description) for key, kind in KINDS.items())


class IMAGE_TO_3D_OT_export_asset(bpy.types.Operator):
    """Write the active object as a file ready for where it will be used, with its textures and where it came from"""

    bl_idname = "image_to_3d.export_asset"
    bl_label = "Export Asset"

    filepath: StringProperty(name="File", description="Where to write", subtype="FILE_PATH", options={"SKIP_SAVE"})
    kind: EnumProperty(name="Use", description="Where the asset is used", items=KIND_ITEMS, default="WEB")
    texture_size: IntProperty(
        name="Largest Texture", description="Pixels; 0 takes what suits the use", default=0, min=0, max=8192
    )
    megabytes: FloatProperty(
        name="Largest File",
        description="Megabytes; textures are halved until the file is no larger. 0 takes what suits the use",
        default=0.0,
        min=0.0,
        soft_max=200.0,
    )
    with_levels: BoolProperty(
        name="Levels of Detail", description="Put the object's levels of detail into an FBX, as a group", default=True
    )
    check_existing: BoolProperty(
        name="Check Existing", description="Ask before a file is replaced", default=True, options={"HIDDEN"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without a mesh in Object Mode, or where this Blender cannot write for the button's use, and says so."""
        if context.object is None or context.object.type != "MESH" or context.mode != "OBJECT":
            cls.poll_message_set(tip_("Select a mesh object in Object Mode"))
            return False
        obstacle = obstacle_to(getattr(context, BUTTON_KIND, ""))
        if obstacle:
            cls.poll_message_set(tip_(obstacle))
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Ask for the file, named after the object."""
        folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
        self.filepath = str(folder / (bpy.path.clean_name(context.object.name) + KINDS[self.kind].suffix))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def check(self, _context: bpy.types.Context) -> bool:
        """The file's suffix follows the use."""
        wanted = str(with_suffix(Path(self.filepath), self.kind)) if has_name(self.filepath) else self.filepath
        changed = wanted != self.filepath
        self.filepath = wanted
        return changed

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Write it, or tell why not."""
        kind = KINDS[self.kind]
        settings = ExportSettings(self.kind, self.texture_size or kind.texture_size, self.megabytes or kind.megabytes)
        # A group of levels is FBX's alone; elsewhere the active object is meant, be it the third level.
        has_group = self.with_levels and self.kind == "ENGINE"
        levels = levels_of(context.object) if has_group else [context.object]
        try:
            if not has_name(self.filepath):
                raise OutputError("The file to export to has no name.", "Choose a folder and type a name.")
            made = export_asset(context, levels, Path(bpy.path.abspath(self.filepath)), settings)
        except ReconstructionError as error:
            self.report({"ERROR"}, error_text(error))
            return {"CANCELLED"}
        for finding in check_asset(context.object):
            if finding.advice:
                self.report({"WARNING"}, told(finding))
        self.report(
            {"INFO"},
            rpt_(
                Sentence(
                    "Wrote '{name}', {megabytes:.1f} MB, textures up to {texture_size}",
                    name=made.path.name,
                    megabytes=made.megabytes,
                    texture_size=made.texture_size,
                )
            ),
        )
        return {"FINISHED"}


class IMAGE_TO_3D_OT_check_asset(bpy.types.Operator):
    """Look at what matters before the active object goes out: triangles, holes, size, UV map, textures, names"""

    bl_idname = "image_to_3d.check_asset"
    bl_label = "Check Asset"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without a mesh in Object Mode, and says so."""
        return IMAGE_TO_3D_OT_export_asset.poll.__func__(cls, context)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Show the list."""
        self._findings = check_asset(context.object)
        return context.window_manager.invoke_popup(self, width=460)

    def draw(self, _context: bpy.types.Context) -> None:
        """One line for each finding, with its advice."""
        column = self.layout.column(align=True)
        for finding in self._findings:
            row = column.split(factor=0.25)
            row.label(text=finding.subject, icon="ERROR" if finding.advice else "CHECKMARK")
            parts = [iface_(part) for part in (finding.value, finding.advice) if part]
            row.label(text=". ".join(parts), translate=False)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """From scripts: report the list."""
        for finding in check_asset(context.object):
            kind = {"WARNING"} if finding.advice else {"INFO"}
            self.report(kind, told(finding))
        return {"FINISHED"}


def has_name(filepath: str) -> bool:
    """Whether a path names a file; the file browser gives the folder alone where nothing was typed."""
    return Path(filepath).name != "" and not filepath.endswith(("/", "\\"))


def told(finding: Finding) -> str:
    """A finding as one line of a report."""
    parts = [rpt_(part) for part in (finding.value, finding.advice) if part]
    return f"{rpt_(finding.subject)}: {'. '.join(parts)}"


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_OT_export_asset, IMAGE_TO_3D_OT_check_asset))
