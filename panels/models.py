# SPDX-License-Identifier: GPL-3.0-or-later
"""Systems and their models: the list in the preferences, and the hint in the sidebar."""

import bpy

from ..inference.sentence import Sentence
from ..inference.store import HashOrigin, gigabytes
from ..inference.systems import SystemCard
from ..models import MODELS, ModelState, models_folder, photos
from ..text import wrap
from ..translations import iface_

ICONS = {"bundled": "CHECKMARK", "installed": "CHECKMARK", "missing": "ERROR", "available": "IMPORT"}

ORIGINS = {
    HashOrigin.CARD: "the published file",
    HashOrigin.HUB: "as the hub had it when it was installed",
    HashOrigin.FILE: "your own file",
}


def draw_models(layout: bpy.types.UILayout, context: bpy.types.Context, preferences: bpy.types.Preferences) -> None:
    """The list, then where models are kept and how the hub is reached."""
    layout.separator()
    layout.label(text="Models")
    draw_online_access(layout, context)
    folder = models_folder(context)
    for state in MODELS.states(folder):
        _draw_state(layout.box(), context, state)
    layout.prop(preferences, "models_folder", placeholder=str(folder))
    layout.prop(preferences, "mirror", placeholder="https://huggingface.co")
    layout.prop(preferences, "token")
    layout.separator()


def draw_hint(layout: bpy.types.UILayout, context: bpy.types.Context, system: str) -> None:
    """Below the sidebar's selector: what is missing before this system can be used, or how far it is."""
    if not system:
        return  # the file was saved with a newer version of the extension, which knew one more
    state = MODELS.state(models_folder(context), system)
    if MODELS.job is not None and MODELS.system == system:
        _draw_progress(layout, state.card)
    elif not state.is_ready:
        column = layout.column(align=True)
        template = "{name} is missing its file" if state.name == "missing" else "{name} is not installed"
        column.label(text=iface_(Sentence(template, name=state.card.name)), icon="INFO", translate=False)
        column.label(text=f"{gigabytes(state.card.download_bytes)}, {state.card.licence}", icon="BLANK1")
        if bpy.app.online_access:
            _install_button(layout, state.card, "Install...")
        draw_online_access(layout, context)
        if MODELS.failure is not None and MODELS.system == system:
            _draw_failure(layout, context)


def draw_online_access(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Where Blender forbids connecting: a word on it, and the button to the preference; otherwise nothing."""
    if bpy.app.online_access:
        return
    if bpy.app.online_access_override:
        text = "Blender was started offline (--offline-mode)."
    else:
        text = "Online access is off: models can't be downloaded."
    column = layout.column(align=True)
    for number, part in enumerate(wrap(text, context)):
        column.label(text=part, icon="INTERNET_OFFLINE" if number == 0 else "BLANK1")
    if not bpy.app.online_access_override:
        column.operator("extensions.userpref_show_online", text="Allow Online Access...", icon="PREFERENCES")


def _draw_state(box: bpy.types.UILayout, context: bpy.types.Context, state: ModelState) -> None:
    card = state.card
    top = box.row()
    top.label(text=card.name, icon=ICONS[state.name])
    buttons = top.row(align=True)
    buttons.alignment = "RIGHT"
    _draw_buttons(buttons, state)
    about = box.column(align=True)
    gives = iface_(card.gives)
    needs = "{gives}, from {photos}; {memory} memory"
    if card.checkpoint:
        needs = "{gives}, from {photos}; {download} download, {memory} memory"
    lines = [
        f"{card.licence}. {iface_(card.who_may_use)}.".replace("..", "."),
        iface_(
            Sentence(
                needs,
                gives=gives[:1].upper() + gives[1:],
                photos=photos(card),
                download=gigabytes(card.download_bytes),
                memory=gigabytes(card.memory_bytes),
            )
        ),
    ]
    if state.installed is not None:
        found = state.installed
        origin = iface_(ORIGINS[found.hash_origin])
        lines.append(f"{found.path}: {origin}, SHA-256 {found.sha256[:12]}")
    for text in lines:
        for line in wrap(text, context):
            about.label(text=line, icon="BLANK1")
    if MODELS.system == card.id:
        _draw_task(box, context, card)


def _draw_buttons(row: bpy.types.UILayout, state: ModelState) -> None:
    if state.name == "bundled":
        row.label(text="Bundled")
        return
    if state.name == "installed":
        row.operator("image_to_3d.verify_model", text="Verify").system = state.card.id
    else:
        _install_button(row, state.card, "Install...")
        row.operator("image_to_3d.use_model_file", text="", icon="FILE_FOLDER").system = state.card.id
    if state.installed is not None:
        row.operator("image_to_3d.remove_model", text="", icon="TRASH").system = state.card.id


def _install_button(layout: bpy.types.UILayout, card: SystemCard, text: str) -> None:
    layout.operator("image_to_3d.install_model", text=text, icon="IMPORT").system = card.id


def _draw_task(layout: bpy.types.UILayout, context: bpy.types.Context, card: SystemCard) -> None:
    """The task in progress, or what became of the last."""
    if MODELS.job is not None:
        _draw_progress(layout, card)
    elif MODELS.failure is not None:
        _draw_failure(layout, context)
    elif MODELS.notice:
        for line in wrap(MODELS.notice, context):
            layout.label(text=line, icon="INFO")


def _draw_progress(layout: bpy.types.UILayout, card: SystemCard) -> None:
    job = MODELS.job
    if job is None:
        return
    total = card.download_bytes
    done = Sentence("{done} of {total}", done=gigabytes(int(job.fraction * total)), total=gigabytes(total))
    row = layout.row(align=True)
    row.progress(factor=job.fraction, text=f"{iface_(job.stage)}  {iface_(done)}")
    row.operator("image_to_3d.cancel_model", text="", icon="X")


def _draw_failure(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    failure = MODELS.failure
    if failure is None:
        return
    column = layout.column(align=True)
    told = column.column(align=True)
    told.alert = True
    for number, line in enumerate(wrap(failure.message, context)):
        told.label(text=line, icon="ERROR" if number == 0 else "BLANK1")
    for line in wrap(failure.hint, context):
        column.label(text=line, icon="BLANK1")
