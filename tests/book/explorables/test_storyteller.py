"""The storyteller's record: what it holds, and that the engine still learns so."""

import json
import shutil

import pytest

from book.build.pack.storyteller import learn
from trbook.explorables.files import data_of
from trbook.explorables.storyteller import BATCHES, PROMPT, settings
from trlib import load_task

RECORD = json.loads(data_of("storyteller") or "")


def test_without_a_penalty_the_score_rises_and_the_language_goes():
    rows = RECORD["rows"]
    assert len(rows) == len(RECORD["said"]) == BATCHES and RECORD["settings"] == settings(0.0)
    score, right, far = ([row[name] for row in rows] for name in ("reward", "right", "kl_ref_seq"))
    assert max(right[:20]) > 2 * right[0], "at first the stories get better"
    assert max(right[-10:]) == 0 and min(score[-10:]) > max(score[:20])
    assert far[-1] > 100 > 5 > far[0]
    task = load_task("tales")
    prompt = next(one for one in task.prompts(500, seed=0) if one.text == PROMPT)
    reasons = [task.verify(prompt, text, ended=ended).reason for text, ended, _ in RECORD["said"]]
    assert "good" in reasons[:20] and reasons[-1] == "not a story"
    assert RECORD["said"][-1][0].count("happy") > 5


@pytest.mark.skipif(shutil.which("node") is None, reason="the engine learns in Node")
def test_the_engine_learns_as_it_was_recorded():
    found = learn(settings(0.0), batches=2)["rows"]
    for row, kept in zip(found, RECORD["rows"][:2], strict=True):
        assert {name: row[name] for name in kept} == pytest.approx(kept, abs=1e-3)
