# SPDX-License-Identifier: GPL-3.0-or-later
"""What Blender's status bar says while something of ours goes on."""

import bpy


def show_status(context: bpy.types.Context, text: str) -> None:
    """Say it, already translated, in the workspace that the artist looks at."""
    if context.workspace is not None:
        context.workspace.status_text_set(text)


def clear_status() -> None:
    """Say nothing more in any workspace: meanwhile the artist may have gone from one to another.

    Blender sets the text of the context's workspace, whichever its function is called on.
    """
    for workspace in bpy.data.workspaces:
        with bpy.context.temp_override(workspace=workspace):
            workspace.status_text_set(None)
