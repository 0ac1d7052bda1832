"""The recorded comparison of readers of final answers, and what it says of ours today."""

from __future__ import annotations

import json

from benchmarks.answers import run

RECORD = json.loads((run.HERE / "run.json").read_text(encoding="utf-8"))


def test_the_readme_holds_what_the_record_holds():
    text = (run.HERE / "README.md").read_text(encoding="utf-8")
    assert run.filled(text) == text and run.filled(text.replace("| a mark,", "| no mark,")) == text


def test_the_record_is_of_the_cases_that_there_are_and_ours_is_right_on_all():
    odd = run.odd_cases()
    assert len(odd) == RECORD["odd_cases"] and RECORD["solutions"] == 8792
    assert all(run.ours(text, answer) == accepted for text, answer, accepted in odd)
    rows = RECORD["readers"]
    assert list(rows) == list(run.READERS)
    ours = rows["trlib.tasks.answers"]
    assert ours["odd"] == {"as_wanted": len(odd), "accepted_wrongly": 0, "refused_wrongly": 0}
    assert ours["other_accepted"] == 0
    assert all(form["right"] == 8792 for name, form in ours["forms"].items() if name != "no mark")


def test_it_was_kept_because_the_other_is_not_better_at_anything_that_it_reads():
    ours, *others = RECORD["readers"].values()
    for other in others:
        assert (
            other["odd"]["as_wanted"] < ours["odd"]["as_wanted"]
            and other["odd"]["accepted_wrongly"] > 0
        )
        for name, form in other["forms"].items():
            assert (
                form["right"] <= ours["forms"][name]["right"] + 1
            )  # one solution of those that mark nothing
            assert form["ms"] > ours["forms"][name]["ms"]
