"""What the first page shows of a policy before and after is what the quickstart's run makes."""

from __future__ import annotations

import json

import pytest

from bookext.opening import page
from tools.opening import FILE, opening


@pytest.mark.nightly("trains as the first page shows")
def test_the_first_page_shows_what_a_run_makes() -> None:
    shown = json.loads(FILE.read_text(encoding="utf-8"))
    assert shown == opening()
    assert (shown["before"]["reward"], shown["after"]["reward"]) == (0, 1), "a page that shows no change shows nothing"
    assert shown["after"]["text"].endswith(f"so {shown['answer']}")
    assert shown["after"]["right"] > shown["before"]["right"]


def test_what_it_says_is_markup_that_cannot_be_broken() -> None:
    answer = {"text": "<b>", "reward": 0, "right": 1, "of": 8}
    shown = {"prompt": "a & b", "batches": 3, "before": answer, "after": {**answer, "reward": 1}}
    made = page(shown, "", "<", "x.html")
    assert "a &amp; b" in made and "&lt;b&gt;" in made and "<b>" not in made
    assert "✕ wrong; 1 of 8" in made and "✓ right; 1 of 8" in made and "after 3 batches" in made
