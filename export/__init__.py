# SPDX-License-Identifier: GPL-3.0-or-later
"""Torch definitions of other people's reconstruction networks, and how weightless graphs are made of them.

Written for this project from the published papers, configurations and lists of tensors; names of modules and parameters
equal the official checkpoints', so that those load as they are. Nothing here ships: the extension carries the graphs
(``inference/graphs/``), and the weights come from their authors. ``python -m export`` writes the graphs.
"""
