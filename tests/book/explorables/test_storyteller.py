"""The engine still learns as in the storyteller's record."""

import json
import shutil

import pytest

from book.build.pack.packs import of_tales as learn
from trbook.explorables.files import data_of
from trbook.explorables.storyteller import settings

RECORD = json.loads(data_of("storyteller") or "")


@pytest.mark.skipif(shutil.which("node") is None, reason="the engine learns in Node")
def test_the_engine_learns_as_it_was_recorded():
    found = learn(settings(0.0), batches=2)["rows"]
    for row, kept in zip(found, RECORD["rows"][:2], strict=True):
        assert {name: row[name] for name in kept} == pytest.approx(kept, abs=1e-3)
