# SPDX-License-Identifier: GPL-3.0-or-later
"""Install, verify and remove the models of reconstruction systems."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from ..inference.errors import Cancelled, ModelError, ReconstructionError
from ..inference.model_tasks import AdoptModel, InstallModel, VerifyModel
from ..inference.sentence import Sentence
from ..inference.store import checkpoint_source, gigabytes
from ..inference.systems import SystemCard, get_system
from ..models import MODELS, ModelTask, connection, facts, models_folder
from ..preferences import user_settings
from ..text import broken
from ..translations import error_text, iface_, rpt_, tip_
from .task_operator import runs_in_window

SYSTEM_TEXTS = {"name": "System", "description": "Id of the reconstruction system, such as triposr"}

DIALOG_WIDTH = 520
"""Pixels."""

DIALOG_LINE = 58
"""Characters of a value in the dialog."""


class ModelOperator:
    """Base of the operators that run a task on one system's model: live in a window, blocking from scripts."""

    _is_live = False

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Grey while another task is in progress, and says so."""
        if MODELS.is_busy:
            cls.poll_message_set(tip_("A model is being installed or verified. Wait for it or cancel it"))
            return False
        return True

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Start the task and let the window live on."""
        self._is_live = runs_in_window(context)
        return self.execute(context)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """From a script, block until it is done."""
        try:
            card = get_system(self.system).card
            checkpoint_source(card)
            task, settings = self.create_task(context, card), user_settings(context)
            if self._is_live:
                MODELS.begin_with_timer(task, settings)
                return {"FINISHED"}
            MODELS.run(task, settings)
        except ReconstructionError as error:
            self.report({"ERROR"}, error_text(error))
            return {"CANCELLED"}
        except Cancelled:
            return {"CANCELLED"}
        self.report({"INFO"}, rpt_(MODELS.notice))
        return {"FINISHED"}

    def create_task(self, context: bpy.types.Context, card: SystemCard) -> ModelTask:
        """By the operator's arguments; raises ``ReconstructionError`` where they make no sense."""
        raise NotImplementedError


class IMAGE_TO_3D_OT_install_model(ModelOperator, bpy.types.Operator):
    """Download this system's model from the Hugging Face hub; licence, size and source are shown first"""

    bl_idname = "image_to_3d.install_model"
    bl_label = "Install Model"
    bl_options = {"INTERNAL"}

    system: StringProperty(**SYSTEM_TEXTS, options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Grey where Blender forbids connecting."""
        if not bpy.app.online_access:
            cls.poll_message_set(tip_("Online access is off. Allow it in the preferences, System > Network"))
            return False
        return super().poll(context)

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Show what will be installed; the dialog's button calls ``execute``."""
        if not runs_in_window(context):
            return self.execute(context)
        try:
            card = get_system(self.system).card
        except ModelError as error:
            self.report({"ERROR"}, error_text(error))
            return {"CANCELLED"}
        self._is_live = True
        return context.window_manager.invoke_props_dialog(
            self,
            width=DIALOG_WIDTH,
            title=iface_(Sentence("Install {name}", name=card.name)),
            confirm_text=iface_("Install"),
        )

    def draw(self, context: bpy.types.Context) -> None:
        """Everything that is agreed to by pressing Install."""
        draw_facts(self.layout, get_system(self.system).card, models_folder(context))

    def create_task(self, context: bpy.types.Context, card: SystemCard) -> InstallModel:
        """From the hub that the preferences name."""
        return InstallModel(card.id, required_folder(context), connection(context))


class IMAGE_TO_3D_OT_use_model_file(ModelOperator, bpy.types.Operator):
    """Use a model file that you have; it is checked like a downloaded one"""

    bl_idname = "image_to_3d.use_model_file"
    bl_label = "Use Model File"
    bl_options = {"INTERNAL"}

    system: StringProperty(**SYSTEM_TEXTS, options={"SKIP_SAVE", "HIDDEN"})
    filepath: StringProperty(
        name="File", description="The model as its authors publish it", subtype="FILE_PATH", options={"SKIP_SAVE"}
    )
    copy: BoolProperty(
        name="Copy",
        description="Copy the file into the models folder; otherwise it stays where it is and must stay there",
        default=True,
        options={"SKIP_SAVE"},
    )
    filter_glob: StringProperty(
        name="Filter",
        description="Which files are shown",
        default="*.ckpt;*.safetensors;*.bin;*.pt;*.pth",
        options={"HIDDEN", "SKIP_SAVE"},
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Without a file, ask for one."""
        self._is_live = runs_in_window(context)
        if self.filepath:
            return super().invoke(context, event)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def create_task(self, context: bpy.types.Context, card: SystemCard) -> AdoptModel:
        """With the chosen file."""
        if not self.filepath:
            raise ModelError("No file is given.", "Pass its path as 'filepath'.")
        return AdoptModel(card.id, required_folder(context), Path(bpy.path.abspath(self.filepath)), self.copy)


class IMAGE_TO_3D_OT_verify_model(ModelOperator, bpy.types.Operator):
    """Read the whole file and compare it with what was installed"""

    bl_idname = "image_to_3d.verify_model"
    bl_label = "Verify Model"
    bl_options = {"INTERNAL"}

    system: StringProperty(**SYSTEM_TEXTS, options={"SKIP_SAVE"})

    def create_task(self, context: bpy.types.Context, card: SystemCard) -> VerifyModel:
        """In the models folder."""
        return VerifyModel(card.id, required_folder(context))


class IMAGE_TO_3D_OT_remove_model(ModelOperator, bpy.types.Operator):
    """Delete this model's file and unfinished downloads; a file that you keep elsewhere stays"""

    bl_idname = "image_to_3d.remove_model"
    bl_label = "Remove Model"
    bl_options = {"INTERNAL"}

    system: StringProperty(**SYSTEM_TEXTS, options={"SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Ask first: it may be hours of downloading."""
        if not runs_in_window(context):
            return self.execute(context)
        return context.window_manager.invoke_confirm(
            self,
            event,
            title=iface_("Remove this model?"),
            message=iface_("Its file is deleted from the models folder."),
        )

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Delete."""
        try:
            freed = MODELS.remove(get_system(self.system).card, models_folder(context))
        except ReconstructionError as error:
            self.report({"ERROR"}, error_text(error))
            return {"CANCELLED"}
        self.report({"INFO"}, rpt_(Sentence("Removed; {size} are free again", size=gigabytes(freed))))
        return {"FINISHED"}


class IMAGE_TO_3D_OT_cancel_model(bpy.types.Operator):
    """Stop; what was downloaded is kept, and installing again goes on from there"""

    bl_idname = "image_to_3d.cancel_model"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Grey while there is nothing to cancel."""
        if not MODELS.is_busy:
            cls.poll_message_set(tip_("No model is being installed or verified"))
            return False
        return True

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Ask; the timer ends the task when the worker has stopped."""
        MODELS.cancel()
        return {"FINISHED"}


def required_folder(context: bpy.types.Context) -> Path:
    """The models folder; raises ``ModelError`` where there is none."""
    folder = models_folder(context)
    if folder is None:
        raise ModelError("There is no folder for models.", "Choose one in the extension's preferences.")
    return folder


def draw_facts(layout: bpy.types.UILayout, card: SystemCard, folder: Path | None) -> None:
    """The facts as a table, and the way to the licence and the page."""
    column = layout.column(align=True)
    for label, value in facts(card, folder):
        split = column.split(factor=0.22)
        name = split.row()
        name.alignment = "RIGHT"
        name.label(text=label)
        lines = split.column(align=True)
        for line in broken(iface_(value), DIALOG_LINE):
            lines.label(text=line, translate=False)
    row = layout.row()
    if card.licence_url:
        row.operator("wm.url_open", text="Read the Licence", icon="URL").url = card.licence_url
    if card.checkpoint is not None:
        page = f"https://huggingface.co/{card.checkpoint.repository}"
        row.operator("wm.url_open", text="Open Its Page", icon="URL").url = page


register, unregister = bpy.utils.register_classes_factory(
    (
        IMAGE_TO_3D_OT_install_model,
        IMAGE_TO_3D_OT_use_model_file,
        IMAGE_TO_3D_OT_verify_model,
        IMAGE_TO_3D_OT_remove_model,
        IMAGE_TO_3D_OT_cancel_model,
    )
)
