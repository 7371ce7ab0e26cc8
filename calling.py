# SPDX-License-Identifier: GPL-3.0-or-later
"""Begin one of the extension's operators from Python as a button would."""

from typing import Any

import bpy


def begin_operator(name: str, **arguments: Any) -> str:  # noqa: ANN401 - the operator's own
    """Begin it, as an undo step of its own.

    Args:
        name: the operator's, without "image_to_3d.".
        arguments: the operator's own.

    Returns:
        The sentence of its failure, already translated: Blender raises what an operator called from Python reports as
        an error, and the artist would see a traceback instead of the report. Empty where it began.
    """
    try:
        getattr(bpy.ops.image_to_3d, name)("INVOKE_DEFAULT", True, **arguments)
    except RuntimeError as error:
        return str(error).strip().removeprefix("Error: ")
    return ""


def begin_or_report(caller: bpy.types.Operator, name: str, **arguments: Any) -> set[str]:  # noqa: ANN401
    """Begin another operator in place of the caller, which reports what the other one would have; arguments as above.

    Returns:
        CANCELLED. Not FINISHED: that would be an undo step of its own in which nothing has happened.
    """
    failure = begin_operator(name, **arguments)
    if failure:
        caller.report({"ERROR"}, failure)
    return {"CANCELLED"}
