# SPDX-License-Identifier: GPL-3.0-or-later
"""The worker process as Blender sees it. No bpy.

How it is used::

    host = Host(launch)
    job = host.reconstruct(photo_path, settings)
    while job.poll() is JobState.RUNNING:
        ...  # from a timer: show job.stage and job.fraction; job.cancel() to stop
    job.result  # or job.error
    host.shutdown()

Paths, settings and results are the engine's own types.
"""

from .composite import CompositeJob, JobChain, JobLadder
from .host import Host
from .job import Job, JobState
from .launch import Launch, launch_from_interpreter

__all__ = [
    "CompositeJob",
    "Host",
    "Job",
    "JobChain",
    "JobLadder",
    "JobState",
    "Launch",
    "launch_from_interpreter",
]
