# SPDX-License-Identifier: GPL-3.0-or-later
"""Panels: they draw, nothing else."""

from .sidebar import register, unregister

__all__ = ["register", "unregister"]
