"""The front page's record: what it holds, that its sentences are true of it, and that the engine
still learns so."""

import json
import shutil

import pytest

from book.build.pack.front import learn
from trbook.explorables.files import data_of
from trbook.explorables.front import (
    COMPLETIONS,
    LAST,
    median,
    typical,
)

RECORD = json.loads(data_of("front") or "")


def ends(lane):
    runs = RECORD["lanes"][lane]["right"]
    return [sum(rows[-LAST:]) / LAST / COMPLETIONS for rows in runs]


def test_the_middle_of_an_even_number_is_the_lower_one():
    assert median([0.1, 0.9, 0.4, 0.5]) == 2 and median([3.0, 1.0, 2.0]) == 2


def test_a_typical_answer_ends_as_most_do_and_words_are_graded():
    answers = [
        {"words": ["a"], "p": [0.95], "right": True},
        {"words": ["b", "c"], "p": [0.6, 0.05], "right": False},
        {"words": ["d"], "p": [0.3], "right": False},
    ]
    found = typical(answers)
    assert found == {"words": ["b", "c"], "grades": [1, 3], "right": False, "of8": 1}


def test_it_learns_breaks_and_holds_in_the_record():
    once, reuse, clip = (sorted(ends(lane)) for lane in ("once", "reuse", "clip"))
    assert once[0] > clip[-1] and clip[0] > reuse[-1], "every seed of one above every seed below"
    middle = {lane: found["right"][found["median"]] for lane, found in RECORD["lanes"].items()}
    assert middle["reuse"][1] > 2 * middle["once"][1], "far ahead after one batch"
    right = {lane: found["said"][-1]["right"] for lane, found in RECORD["lanes"].items()}
    assert right["clip"] and not right["reuse"], "a right answer beside a broken one"


@pytest.mark.skipif(shutil.which("node") is None, reason="the engine learns in Node")
def test_the_engine_learns_as_it_was_recorded():
    seed = RECORD["lanes"]["clip"]["median"]
    found = learn("clip", seed, batches=2)["rows"]
    kept = [count / COMPLETIONS for count in RECORD["lanes"]["clip"]["right"][seed][:2]]
    assert found[0] == kept[0], "before anything is learned"
    assert abs(found[1] - kept[1]) < 0.1
