# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong, told the way an artist wants to hear it.

Every failure the engine foresees is a ``ReconstructionError``: one sentence that says what happened and one that
says what to do next. Operators, the command line and the worker catch this class alone; anything else is a bug and
travels with its traceback.
"""


class ReconstructionError(Exception):
    """A foreseen failure.

    Attributes:
        message: what happened, one sentence, naming the file or thing concerned.
        hint: what to do next, one sentence.
    """

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}"


class SettingsError(ReconstructionError):
    """A setting is out of its range."""


class PhotoError(ReconstructionError):
    """The photo cannot be read, or is not one."""


class CutoutError(ReconstructionError):
    """The mask is empty, fills the frame or does not fit the photo."""


class ModelError(ReconstructionError):
    """A network's file is missing, corrupt or of the wrong kind."""


class DownloadError(ReconstructionError):
    """A network's file cannot be fetched: no connection, no permission, or not the file that was expected."""


class SurfaceError(ReconstructionError):
    """The field holds no surface that could be extracted."""


class SymmetryError(ReconstructionError):
    """The object has no mirror plane that fits."""


class OutputError(ReconstructionError):
    """Results cannot be written: no permission, no space, no such folder."""


class WorkerError(ReconstructionError):
    """The worker process died, stalled or answered nonsense."""


class Cancelled(Exception):
    """The artist cancelled; nothing was changed."""
