"""Advice rests on what it says, and a threshold has one wording."""

import pytest

from book.build import advice, quoted


def test_a_rule_that_rests_on_nothing_cannot_be_built(monkeypatch):
    for rule, said in (
        ({"do": "clip"}, "expected one of proved"),
        ({"do": "clip", "recorded": {"tasks": "dial", "sweeps": ["basins"]}}, "basins"),
        ({"do": "clip", "counts": [["trapo", "ppo"]]}, "expected a recorded cell, got none"),
        ({"do": "clip", "study": {"nobody2025": "says so"}}, "nobody2025"),
    ):
        monkeypatch.setattr(advice, "_kept", lambda rule=rule: {"clip": rule})
        with pytest.raises(ValueError, match=said):
            advice.rules.__wrapped__()


def test_a_page_words_no_threshold_anew():
    with pytest.raises(ValueError, match="rule patience"):
        advice.one_wording("If it is flat after fifty updates, stop.", "stale.md")
    quoted_one = f"flat after <!--rec rule patience-->{quoted.shown('rule patience')}<!--/rec-->"
    advice.one_wording(quoted_one, "stale.md")


def test_runs_that_collapse_are_counted():
    asked = 'one_setting_dial_stale "A, tis" collapses "sampler=lag 16"'
    assert quoted.shown(asked) == "7 of 12 [0.28, 0.85]"
