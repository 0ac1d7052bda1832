"""Every card has all of its parts: outcome, curve, settings, cost, and a line that runs it."""

import contextlib
import io
import re
import shlex

import pytest

from book.build import quoted
from book.build.cards import CARDS
from book.build.cards.outcome import outcomes

pytestmark = pytest.mark.test_all("pages of every method")

FUNCTIONS = [card for card in CARDS.values() if "<!--made runs-->" not in card.text]
TRAINED = [card for card in CARDS.values() if "<!--made runs-->" in card.text]


@pytest.mark.parametrize("card", TRAINED, ids=lambda card: card.name)
def test_an_outcome_is_the_record_s(card):
    for one in outcomes(card):
        assert "[" in quoted.shown(one.quote.removeprefix("{rec}`").removesuffix("`"))
        assert one.uses >= 1 and 0 < one.lr < 1


@pytest.mark.parametrize("card", FUNCTIONS, ids=lambda card: card.name)
def test_the_line_of_a_function_runs(card):
    found = re.findall(r"^```bash\n(.+?)\n```$", card.text, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"{card.name}.md: expected `made runs`, or a line of bash that runs"
    (line,) = found
    python, flag, code = shlex.split(line)
    assert (python, flag) == ("python", "-c")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, card.name, "exec"), {})
    assert "tensor(" in out.getvalue() and "nan" not in out.getvalue()
