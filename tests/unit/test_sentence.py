# SPDX-License-Identifier: GPL-3.0-or-later
"""Sentences are plain English strings that keep template and values, also from one process to another."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from image_to_3d.inference import protocol
from image_to_3d.inference.errors import WorkerError
from image_to_3d.inference.sentence import Sentence


@dataclass(frozen=True)
class Told:
    warnings: tuple[str, ...]
    hint: str | None


def test_it_is_the_filled_template():
    told = Sentence("'{name}' has {share:.0%} of {count:,}", name="{a}", share=np.float32(0.5), count=np.int64(1200))
    assert told == "'{a}' has 50% of 1,200"
    assert isinstance(told, str)
    assert told.template == "'{name}' has {share:.0%} of {count:,}"
    assert told.values == {"name": "{a}", "share": 0.5, "count": 1200}


def test_what_is_no_number_becomes_a_string():
    assert Sentence("{path}", path=Path("cup.png")).values == {"path": "cup.png"}


def test_it_crosses_between_the_processes():
    inner = Sentence("'{stage}' failed", stage=Sentence("Unwrapping"))
    sent = Told(("plain", Sentence("{doing}: {count} left", doing=inner, count=3)), Sentence("Wait."))
    tree, arrays = protocol.pack(sent)
    received = protocol.unpack(Told, json.loads(json.dumps(tree)), arrays)
    assert received == sent
    assert not isinstance(received.warnings[0], Sentence)
    assert received.warnings[1].values["doing"].template == "'{stage}' failed"
    assert received.warnings[1].values["doing"].values["stage"].template == "Unwrapping"
    assert received.hint.template == "Wait."


@pytest.mark.parametrize("tree", [{"template": "{a}", "values": {}}, {"template": "a"}, {"values": {}}])
def test_a_tree_that_is_no_sentence_is_refused(tree):
    with pytest.raises(WorkerError):
        protocol.unpack(str, tree, {})
