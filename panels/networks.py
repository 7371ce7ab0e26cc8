# SPDX-License-Identifier: GPL-3.0-or-later
"""The choice of a network: a selector, one line on the chosen one, and a list that compares them all."""

import bpy

from ..engine import ENGINE
from ..inference.sentence import Sentence
from ..inference.store import gigabytes
from ..inference.systems import SystemCard
from ..models import MODELS, ModelState, models_folder
from ..progress import reconstruction_kind
from ..text import wrap
from .models import draw_hint

LIST_WIDTH = 22
"""Of the list, in Blender's units for pop-overs (``UI_UNIT_X``)."""


def draw_network(column: bpy.types.UILayout, context: bpy.types.Context, settings: bpy.types.PropertyGroup) -> None:
    """The selector with the button to the list; what is missing before the network can be used."""
    row = column.row(align=True)
    row.prop(settings, "system")
    row.popover("IMAGE_TO_3D_PT_networks", text="", icon="QUESTION")
    draw_hint(column, context, settings.system)


class IMAGE_TO_3D_PT_networks(bpy.types.Panel):
    """Compare the networks: what each is better for, what it needs and what it may be used for"""

    bl_idname = "IMAGE_TO_3D_PT_networks"
    bl_label = "Networks"
    bl_space_type = "VIEW_3D"
    bl_region_type = "HEADER"
    bl_options = {"INSTANCED"}
    bl_ui_units_x = LIST_WIDTH

    def draw(self, context: bpy.types.Context) -> None:
        """One after another, with a button to choose or to install it."""
        column = self.layout.column()
        for state in MODELS.states(models_folder(context)):
            if state.card.views == 1:
                _draw_network(column.column(align=True), context, state)
        column.operator("image_to_3d.open_preferences", text="All Models...", icon="PREFERENCES")


def _draw_network(column: bpy.types.UILayout, context: bpy.types.Context, state: ModelState) -> None:
    card = state.card
    row = column.row(align=True)
    if state.is_ready:
        row.prop_enum(context.scene.image_to_3d, "system", card.id)
    else:
        row.label(text=card.name, icon="IMPORT", translate=False)
        row.operator("image_to_3d.install_model", text="Install...").system = card.id
    settings = context.scene.image_to_3d
    kind = reconstruction_kind(card.id, settings.resolution, int(settings.texture_size))
    for text in network_lines(card, ENGINE.progress.usual_seconds(kind)):
        for line in wrap(text, context):
            column.label(text=line, icon="BLANK1", translate=False)


def network_lines(card: SystemCard, seconds: float | None) -> list[Sentence]:
    """What an artist compares networks by.

    Args:
        card: of the network.
        seconds: how long it takes on this machine with the present settings; None where that is not known.
    """
    time = Sentence("How long it takes here is known after its first run")
    if seconds is not None:
        time = Sentence("About {seconds:.0f} s here", seconds=max(1.0, seconds))
    use = "Commercial work is allowed" if card.is_free_for_work else "Not for commercial work"
    needs = Sentence("{memory} memory", memory=gigabytes(card.memory_bytes))
    if card.checkpoint is not None:
        needs = Sentence(
            "{download} download, {memory} memory",
            download=gigabytes(card.download_bytes),
            memory=gigabytes(card.memory_bytes),
        )
    return [
        Sentence("Good for {purpose}", purpose=Sentence(card.good_for)),
        time,
        Sentence("{use} ({licence}); {needs}", use=Sentence(use), licence=card.licence, needs=needs),
    ]


register, unregister = bpy.utils.register_classes_factory((IMAGE_TO_3D_PT_networks,))
