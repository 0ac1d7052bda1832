"""The dial's record: what it holds, and that the engine still learns so."""

import json
import shutil

import pytest

from book.build.pack.dial import learn
from trbook.explorables.dial import COMPLETIONS, settings
from trbook.explorables.files import data_of

RECORD = json.loads(data_of("dial") or "")


def test_it_guesses_at_first_and_writes_its_steps_in_the_end():
    before, after = (
        [words[-2:] == ["so", "14"] for words in answers] for answers in RECORD["said"]
    )
    assert sum(before) <= 2 and sum(after) >= 6
    assert RECORD["right"][0] < 0.4 * COMPLETIONS < 0.8 * COMPLETIONS < RECORD["right"][-1]


@pytest.mark.skipif(shutil.which("node") is None, reason="the engine learns in Node")
def test_the_engine_learns_as_it_was_recorded():
    found = learn(settings(), batches=2)["rows"]
    kept = [count / COMPLETIONS for count in RECORD["right"][:2]]
    assert found[0] == kept[0], "before anything is learned"
    assert abs(found[1] - kept[1]) < 0.1
