# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences for the artist that can still be translated when they reach Blender's side."""

from numbers import Integral, Real


class Sentence(str):
    """An English sentence that remembers its template and values; everywhere else a plain string.

    The engine knows no languages: ``translations`` looks the template up and fills the values in. A sentence without
    values is a plain string, which is its own template.

    Attributes:
        template: for ``str.format``, with named places.
        values: by name: numbers, strings, and sentences, which are translated too.
    """

    template: str
    values: dict[str, "int | float | str"]

    def __new__(cls, template: str, /, **values: object) -> "Sentence":
        """Fill the template; numbers become Python's own, and all but sentences, strings and numbers become strings."""
        plain = {name: _plain(value) for name, value in values.items()}
        made = super().__new__(cls, template.format(**plain))
        made.template, made.values = template, plain
        return made


def _plain(value: object) -> int | float | str:
    if isinstance(value, str):
        return value
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else str(value)
