# SPDX-License-Identifier: GPL-3.0-or-later
"""All tasks, for a real worker in which whatever opens a socket fails."""

import socket

from image_to_3d.inference import model_tasks, tasks


class NoSocket:
    """In place of ``socket.socket``."""

    def __init__(self, *_arguments, **_named):
        raise AssertionError("a socket was opened")


socket.socket = NoSocket

TASKS = tasks.TASKS | model_tasks.TASKS
