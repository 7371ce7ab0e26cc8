# SPDX-License-Identifier: GPL-3.0-or-later
"""How Pebble, the bundled network, is made: data, network, training, evaluation, export."""
