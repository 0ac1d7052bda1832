"""The page of questions: its records have the seeds that it names, and what its lines print is stored
as it is (`test_made.py` compares)."""

from pathlib import Path

import pytest

from book.build import quoted
from book.build.printed import filled, settled

BOOK = Path(__file__).parents[2] / "book"
PAGE = (BOOK / "questions.md").read_text(encoding="utf-8")


def test_every_number_has_at_least_as_many_seeds_as_the_page_names():
    quotes = [asked for asked, _ in quoted.FILLED.findall(PAGE)]
    seeds = {quoted.part(quoted.parse(text), whole=False)["seed"].nunique() for text in quotes}
    assert "at least <!--rec corrected none seeds-->8<!--/rec--> seeds" in PAGE
    assert min(seeds) == 8 and quoted.shown("corrected none seeds") == "8"


def test_a_number_stays_where_only_its_last_digit_is_another():
    """Another processor rounds otherwise, and a page is not written anew for it."""
    assert settled("a 0.0439, 1.00\n", "a 0.0440, 1.00") == "a 0.0439, 1.00"
    assert settled("a 0.02", "a 0.00") == "a 0.02"
    for before, now in (("a 0.42", "a 0.31"), ("a 1", "b 1"), ("a 0.1", "a 0.11"), (None, "a")):
        assert settled(before, now) == now


CODED = "<!--runs-->\n```python\nprint(1)\n```\n"


@pytest.mark.parametrize(
    "block",
    [
        CODED,
        f"{CODED}\nProse.\n<!--/runs-->\n",
        f"{CODED}\nProse.\n\n```text\n1\n```\n<!--/runs-->\n",
        f"{CODED}\n{CODED}<!--/runs-->\n",
        "<!--/runs-->\n",
    ],
)
def test_a_block_that_holds_prose_or_does_not_end_is_refused_by_page_and_line(block):
    with pytest.raises(ValueError, match=r"book/page\.md, line 3: expected"):
        filled(f"A page.\n\n{block}", "book/page.md")
    assert filled(f"{CODED}<!--/runs-->\n", "").count("```text\n1\n```") == 1
