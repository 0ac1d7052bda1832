"""The figure of the loop: what it carries is what the shipped model writes, and what it says of it
is true."""

import json

import pytest

from trbook.explorables.files import BUILT
from trbook.explorables.loop import GROUPS
from trbook.explorables.loop_batch import LR, batch
from trlib.tasks import Prompt, load_task
from trlib.tasks.dial import CAREFUL

FILE = json.loads((BUILT / "loop.data.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def made():
    return batch()


def test_the_file_holds_what_the_shipped_model_writes(made):
    assert (
        FILE["lr"] == made["lr"] == LR and tuple(FILE["groups"]) == tuple(made["groups"]) == GROUPS
    )
    for name, group in made["groups"].items():
        kept = FILE["groups"][name]
        for got, want in [(kept, group), *zip(kept["rows"], group["rows"], strict=True)]:
            for key, value in want.items():
                if key != "rows":
                    assert got[key] == (
                        pytest.approx(value, rel=1e-3) if isinstance(value, float) else value
                    ), key


def test_what_the_figure_says_of_its_groups():
    """The words of `js/loop.js` and `js/loop/words.js` that no number there is inserted into."""
    dial, groups = load_task("dial"), FILE["groups"]
    for group in groups.values():
        rewards = [row["reward"] for row in group["rows"]]
        assert len(rewards) == 4
        for row in group["rows"]:
            verdict = dial.verify(
                Prompt(group["prompt"], group["answer"], 5), row["text"], ended=True
            )
            assert (verdict.reward, verdict.reason) == (row["reward"], row["why"])
            assert row["advantage"] == row["weight"] == row["reward"] - sum(rewards) / 4
            assert (row["after"] > row["before"]) == (row["advantage"] > 0)
            assert row["tokens"] == len(row["text"].split()) + 1, (
                "a token per word, and the end token"
            )
    two, none, luck = ([row["reward"] for row in groups[name]["rows"]] for name in GROUPS)
    assert (two, luck) == ([1, 1, 0, 0], [0, 0, 0, 1]) and len(set(none)) == 1
    assert groups["none"]["loss"] == groups["none"]["gradient"] == 0, "no gradient, no step"
    openers = [groups[name]["rows"][-1]["text"].split()[0] in CAREFUL for name in ("two", "luck")]
    assert openers == [True, False], "a careful slip, and a guess that was right"
