# SPDX-License-Identifier: GPL-3.0-or-later
"""From a sculpture to a game asset with one button."""

from dataclasses import replace
from pathlib import Path

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from ..calling import begin_or_report
from ..game_asset import AssetFile, GameAssetOptions, GameAssetTask
from ..inference.errors import ModelError, OutputError
from ..inference.sentence import Sentence
from ..options import DEFAULT_PRESET, TEXTURE_SIZES
from ..retopology_properties import EXPORT_ITEMS, EXPORT_TEXTS, PRESET_ITEMS, PRESET_TEXTS
from ..scene.export_asset import with_suffix
from ..scene.family import sculpture_of
from ..scene.levels import levels_of
from ..translations import rpt_, tip_
from .arguments import low_poly_options, retopology_options
from .export_asset import has_name, told
from .task_operator import TaskOperator


class IMAGE_TO_3D_OT_make_game_asset(TaskOperator, bpy.types.Operator):
    """Make a mesh with few faces, bake all textures to it, add levels of detail, check it and write it to a file"""

    bl_idname = "image_to_3d.make_game_asset"
    bl_label = "Make Game Asset"
    # Without REGISTER: the redo panel would start minutes of work for every slider touched.
    bl_options = {"UNDO"}

    _is_browsing = False

    preset: EnumProperty(**PRESET_TEXTS, items=PRESET_ITEMS, default=DEFAULT_PRESET, options={"SKIP_SAVE"})
    faces: IntProperty(
        name="Faces",
        description="Instead of the preset's; 0 takes the preset's",
        default=0,
        min=0,
        max=500_000,
        options={"SKIP_SAVE"},
    )
    texture_size: IntProperty(
        name="Texture Size",
        description="Instead of the preset's; 0 takes the preset's",
        default=0,
        min=0,
        max=TEXTURE_SIZES[-1],
        options={"SKIP_SAVE"},
    )
    levels: IntProperty(
        name="Levels of Detail",
        description="Instead of the preset's; -1 takes the preset's",
        default=-1,
        min=-1,
        max=6,
        options={"SKIP_SAVE"},
    )
    export: EnumProperty(**EXPORT_TEXTS, items=EXPORT_ITEMS, default="NONE", options={"SKIP_SAVE"})
    filepath: StringProperty(name="File", description="Where to write", subtype="FILE_PATH", options={"SKIP_SAVE"})
    use_sidebar: BoolProperty(
        name="Use Sidebar",
        description="Take everything from the panels' settings",
        default=False,
        options={"SKIP_SAVE", "HIDDEN"},
    )
    check_existing: BoolProperty(
        name="Check Existing", description="Ask before a file is replaced", default=True, options={"HIDDEN"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey without a reconstructed object in Object Mode, and says so."""
        if sculpture_of(context.object) is None or context.mode != "OBJECT":
            cls.poll_message_set(tip_("Select an object that was reconstructed from a photo, in Object Mode"))
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """From the sidebar: with its settings; where a file is wanted, the file browser opens first."""
        if self.use_sidebar and not self.properties.is_property_set("export"):
            self.export = context.scene.image_to_3d.retopology.export
        if self.export != "NONE" and not self.filepath:
            self._is_browsing = True
            folder = Path(bpy.data.filepath).parent if bpy.data.filepath else Path.home()
            name = bpy.path.clean_name(sculpture_of(context.object).name.removesuffix("_high"))
            self.filepath = str(with_suffix(folder / name, self.export))
            context.window_manager.fileselect_add(self)
            return {"RUNNING_MODAL"}
        return super().invoke(context, event)

    def draw(self, _context: bpy.types.Context) -> None:
        """Beside the file browser: nothing, for the panels have it all."""

    def check(self, _context: bpy.types.Context) -> bool:
        """The file's suffix follows the use."""
        wanted = str(with_suffix(Path(self.filepath), self.export)) if has_name(self.filepath) else self.filepath
        changed = wanted != self.filepath
        self.filepath = wanted
        return changed

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Block; but after the file browser, start anew with the chosen file so that the window lives on."""
        if self._is_browsing:
            self._is_browsing = False
            names = ("preset", "faces", "texture_size", "levels", "export", "filepath", "use_sidebar")
            arguments = {name: getattr(self, name) for name in names}
            return begin_or_report(self, "make_game_asset", **arguments)
        return super().execute(context)

    def create_task(self, context: bpy.types.Context) -> GameAssetTask:
        """By the operator's own arguments, or by the panels' settings where it was pressed there."""
        high = sculpture_of(context.object)
        if high is None:
            raise ModelError("No object that was reconstructed is active.", "Select one.")
        return GameAssetTask(high, self._options(context), context.evaluated_depsgraph_get())

    def report_done(self, _context: bpy.types.Context, task: GameAssetTask) -> None:
        """What was made, what could be better, and the file."""
        for note in task.notes:
            self.report({"WARNING"}, rpt_(note))
        for finding in task.findings:
            if finding.advice:
                self.report({"WARNING"}, told(finding))
        low = bpy.data.objects[task.low]
        made = Sentence(
            "Made '{name}': {faces:,} faces, {levels} levels of detail",
            name=task.low,
            faces=len(low.data.polygons),
            levels=len(levels_of(low)) - 1,
        )
        if task.written is not None:
            made = Sentence(
                "{made}; wrote '{file}', {megabytes:.1f} MB",
                made=made,
                file=task.written.path.name,
                megabytes=task.written.megabytes,
            )
        self.report({"INFO"}, rpt_(made))

    def _options(self, context: bpy.types.Context) -> GameAssetOptions:
        """Raises ``OutputError`` where a file is wanted and none is named."""
        file = self._file()
        scene = context.scene.image_to_3d
        if self.use_sidebar:
            return GameAssetOptions(
                replace(retopology_options(scene.retopology), levels=scene.retopology.asset_levels),
                low_poly_options(scene.retopology, int(scene.retopology.texture_size), scene.photo_strength),
                file,
            )
        return GameAssetOptions.preset(
            self.preset,
            file,
            faces=self.faces or None,
            texture_size=self.texture_size or None,
            levels=self.levels if self.levels >= 0 else None,
        )

    def _file(self) -> AssetFile | None:
        if self.export == "NONE":
            return None
        if not has_name(self.filepath):
            raise OutputError("The file to export to has no name.", "Choose a folder and type a name.")
        return AssetFile(Path(bpy.path.abspath(self.filepath)), self.export)


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_OT_make_game_asset,))
