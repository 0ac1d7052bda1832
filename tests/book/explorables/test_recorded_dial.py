"""The engine still learns as in the dial's record."""

import json
import shutil

import pytest

from book.build.pack.packs import on_dial as learn
from trbook.explorables.dial import COMPLETIONS, settings
from trbook.explorables.files import data_of

RECORD = json.loads(data_of("dial") or "")


@pytest.mark.skipif(shutil.which("node") is None, reason="the engine learns in Node")
def test_the_engine_learns_as_it_was_recorded():
    found = learn(settings(), batches=2)["rows"]
    kept = [count / COMPLETIONS for count in RECORD["right"][:2]]
    assert found[0] == kept[0], "before anything is learned"
    assert abs(found[1] - kept[1]) < 0.1
