"""Numbers of records inside sentences: what they are, what is refused, and what is called
undecided."""

import re

import nbformat
import pytest

from book.build import numbers
from book.build.ext.made import as_directives
from book.build.paths import ROOT, chapters
from book.build.quoted import Quote, number, parse, shown, written
from tests.book.conftest import prose
from trlab import recorded
from trlab.claims import cards
from trlab.comparison import asked, unlisted
from trlab.measures import derive
from trlab.outcomes import gap
from trlab.record import is_recorded
from trlab.significance import holm
from trlab.statistics import difference
from trlab.sweep import load_sweep
from trlab.verdicts import decide, predicted
from trlib.evaluation import Estimate

pytestmark = pytest.mark.long
DECIDES = pytest.mark.test_all("decides every comparison of large recorded sweeps")


PAGES = {path.stem: path.read_text(encoding="utf-8") for path in (ROOT / "book").glob("*.md")}
NOTEBOOKS = {path.stem: prose(path) for path in chapters()}
CLAIMS = re.compile(
    r"\b(above|below|higher|lower|better|worse|more|fewer|faster|slower)\b[^.;:,(]{0,12}\(?"
    r"<!--rec (.+?)-->"
)


def runs_of(sweep, label, **at):
    runs, history = recorded(sweep)
    runs = derive(runs, history)
    for axis, point in at.items():
        runs = runs[runs[axis].astype(str) == point]
    return runs[runs["label"] == label], history


def test_a_quote_is_read_word_by_word():
    assert parse("stale ppo") == Quote("stale", "ppo")
    assert parse('trapo sft+rl over trapo greedy "moves=1 to 12" .3') == Quote(
        "trapo", "sft+rl", "trapo", "greedy", (("moves", "1 to 12"),), 3
    )
    assert parse('noise "ppo, learner" ess "sampler of=int4"') == Quote(
        "noise", "ppo, learner", "", "ess", (("sampler of", "int4"),)
    )
    assert parse("stale ppo over troll kl").other == Quote("stale", "troll", "", "kl")
    assert parse('weights "β = 0.1" kl lr=1e-4') == Quote(
        "weights", "β = 0.1", "", "kl", (("lr", "1e-4"),)
    )


def test_runs_above_a_number_are_counted():
    runs, _ = runs_of("controls", "shuffled")
    assert shown("controls shuffled above:0.35") == f"{(runs['sampled'] > 0.35).sum()} of 72"


@DECIDES
def test_a_comparison_is_undecided_unless_it_is_decided_among_all_that_is_asked():
    far, near = "relay_best tis over pg_is rate=hot", "relay_best tis over ppo rate=hot"
    one, other = (runs_of("relay_best", label, rate="hot")[0] for label in ("tis", "pg_is"))
    e = paired_difference(one, other)
    assert shown(far) == f"+{e.value:.2f} [+{e.low:.2f}, +{e.high:.2f}]"
    assert "; not significant" in shown(near) and "; not significant" in shown(f"{near} .3")
    questions = asked(load_sweep("relay_best"))
    every = decide("relay_best", *questions)
    assert [one.corrected for one in every] == holm([one.p for one in every])
    assert {one.family for one in every} == {len(questions)} == {predicted("relay_best")[0].family}
    (small,) = decide("relay_best", parse(near).comparison)
    assert small.p < 0.005 and small.difference.low > 0.02 and small.corrected > 0.05, (
        "alone it would be decided"
    )


def paired_difference(one, other):
    """Of runs with the same seeds."""
    pair = (runs.sort_values("seed")["sampled"].to_numpy() for runs in (one, other))
    return difference(*pair, paired=True)


def test_a_comparison_with_a_choice_at_the_end_of_its_grid_says_so():
    edges = [one for one in decide("real", *asked(load_sweep("real"))) if one.edge]
    assert edges and all("pg_is, once" in str(one.comparison) for one in edges)
    assert edges[-1].marked("+0.1 [0.0, 0.2]") == "+0.1 [0.0, 0.2; not significant; edge]"


@DECIDES
def test_a_comparison_that_nobody_listed_joins_with_a_warning():
    words = r"expected a comparison that sweep 'shootout' declares, got one that it lacks: "
    assert (
        gap("rare", "pg_is", "ppo", measure="take_off", at={"parts": "whole, 8 uses"}).outcome.p < 1
    )
    with pytest.warns(UserWarning, match=f"1 more than the book asks .{words}"):
        found = gap("shootout", "clip-higher", "sapo", measure="take_off", at={"updates": "8"})
    assert found.outcome.family == len(asked(load_sweep("shootout"))) + 1, (
        "a reader's own question joins"
    )


def test_every_comparison_of_a_card_is_listed():
    """Pages cannot be written without, and a notebook that warns is not stored."""
    tests = [test for card in cards() for claim in card.claims for test in claim.tests]
    assert len(tests) > 50
    for test in tests:
        if is_recorded(test.sweep):
            assert unlisted(load_sweep(test.sweep), [test.comparison]) == [], test


def test_numbers_are_written_as_a_page_writes_them():
    assert written(Estimate(-0.051, -0.1, -0.004), "sampled", sign=True) == "−0.05 [−0.10, 0.00]"
    assert written(Estimate(0.0123, 0.01, 0.02), "kl") == "0.012 [0.010, 0.020]"
    assert written(Estimate(3.61, 0.4, 15.0), "kl") == "3.6 [0.4, 15.0]"
    assert number(1502.3, "kl") == "1502"
    assert number(1e-13, "kl") == "0" and written(Estimate(0, 0, 0), "kl") == "0 [0, 0]"
    assert number(7.104, "distinct") == "7.1" and number(0.5, "unheard of") == "0.50"


@DECIDES
def test_a_comparison_that_is_undecided_is_not_told_as_one():
    """Words that claim a difference right before a number that says undecided."""
    for name, text in [*PAGES.items(), *NOTEBOOKS.items()]:
        for word, quote in CLAIMS.findall(text):
            if parse(quote).against:
                assert "not significant" not in shown(quote), f"{name}: {word} {quote}"


def test_a_role_becomes_a_number_between_comments_and_a_stale_one_is_renewed():
    query = "basin pg_is lr=1e-05 plain"
    expected = f"ends at <!--rec {query}-->{shown(query)}<!--/rec-->."
    assert numbers.filled(f"ends at {{rec}}`{query}`.") == expected
    assert numbers.filled(expected.replace(shown(query), "0.12")) == expected
    assert numbers.filled(expected) == expected
    asked = f"{{rec}}`{query}`"
    cells = [nbformat.v4.new_markdown_cell(asked), nbformat.v4.new_code_cell(asked)]
    notebook = nbformat.writes(nbformat.v4.new_notebook(cells=cells))
    filled, code = nbformat.reads(numbers.filled_notebook(notebook), as_version=4)["cells"]
    assert filled["source"] in expected and code["source"] == asked
    code = f"```text\n{{rec}}`{query}`\n```"
    assert numbers.filled(code) == code
    source = ["from <!--rec a b-->0.81 [0.79, 0.82; not significant]<!--/rec--> on"]
    as_directives(None, "page", source)
    assert source == ["from 0.81 &#91;0.79,\N{NO-BREAK SPACE}0.82; not significant] on"]


def test_no_comment_begins_a_line_which_markdown_would_take_for_html():
    for name, text in [*PAGES.items(), *NOTEBOOKS.items()]:
        assert not re.search(r"(?m)^[ >*0-9.-]*<!--rec", text), name
