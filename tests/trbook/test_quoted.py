"""Numbers of records inside sentences: what they are, what is refused, and what is called undecided."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest

from bookext import quoted
from bookext.quoted import Quote, comparisons, corrected, number, parse, said, written
from tools.paths import ROOT
from trlab import recorded
from trlab.findings import before, judge, price
from trlab.measures import derive, matched
from trlab.record import RECORDS
from trlab.significance import holm, improvement_p
from trlab.statistics import difference, interval
from trlab.sweep import declared, load_sweep
from trlab.tuning import choose
from trlib.evaluation import Estimate

BOOK = ROOT / "book"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in BOOK.glob("*.md")}
SHOWN = re.compile(r"not run yet|\d+ of \d+|[\d.]+( to [\d.]+)?")
CLAIMS = re.compile(
    r"\b(above|below|higher|lower|better|worse|more|fewer|faster|slower)\b[^.;:,(]{0,12}\(?"
    r"\{rec\}`([^`]+)`"
)
QUOTES = [text for page in PAGES.values() for text in quoted.QUOTE.findall(page)]


def runs_of(sweep: str, label: str, **at: str):
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
    point = parse("mismatch dppo-tv over anchor=recomputed sampler=int4 anchor=rollout")
    assert point.other == Quote("mismatch", "dppo-tv", at=(("sampler", "int4"), ("anchor", "recomputed")))
    assert parse("stale ppo over troll kl").other == Quote("stale", "troll", "", "kl")
    for wrong in ("stale", "stale ppo kl greedy", "stale over ppo"):
        with pytest.raises(ValueError, match="expected SWEEP LABEL"):
            parse(wrong)


def test_a_number_is_the_interquartile_mean_with_its_interval():
    runs, history = runs_of("shootout", "gspo", updates="32")
    e = interval(runs["sampled"].to_numpy())
    assert said("shootout gspo updates=32", BOOK) == f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]"
    assert said("shootout gspo updates=32 .3", BOOK) == f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}]"
    e = interval(runs["take_off"].to_numpy())
    assert said("shootout gspo take_off updates=32", BOOK) == f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]"
    paid = price(runs, history)
    assert said("shootout gspo nats_per_point updates=32", BOOK).split()[0] == f"{1000 * paid.value:.0f}"
    runs, history = runs_of("diversity", "quatro", updates="8")
    at = matched(runs, history, "entropy")
    e = interval(at.loc[at["reached"], "matched"].to_numpy())
    assert len(at) == 8 and at["reached"].sum() == 7
    assert said("diversity quatro entropy@0.7 updates=8", BOOK) == f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]"
    runs, history = runs_of("controls", "shuffled")
    assert said("controls shuffled above:0.35", BOOK) == f"{(runs['sampled'] > 0.35).sum()} of 72" == "17 of 72"
    assert said("controls shuffled base", BOOK) == f"{np.mean([before(history)[cell] for cell in runs['cell']]):.2f}"
    runs, _ = runs_of("stale", "pg_is")
    assert said("stale pg_is range", BOOK) == f"{runs['sampled'].min():.2f} to {runs['sampled'].max():.2f}"


def page(folder: Path, *quotes: str) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "page.md").write_text("".join(f"{{rec}}`{text}` " for text in quotes), encoding="utf-8")
    return folder


def test_a_comparison_is_undecided_unless_it_survives_its_interval_and_holm(tmp_path):
    far, near = "heatmap dppo-tv over ppo take_off lr=3e-05 updates=32", "heatmap troll over ppo lr=3e-05 updates=32"
    one, other = (runs_of("heatmap", label, lr="3e-05", updates="32")[0] for label in ("dppo-tv", "ppo"))
    e = difference(one["take_off"].to_numpy(), other["take_off"].to_numpy())
    alone = page(tmp_path / "alone", far, near)
    assert said(far, alone) == f"+{e.value:.2f} [+{e.low:.2f}, +{e.high:.2f}]"
    assert said(near, alone).endswith("], undecided") and said(f"{near} .3", alone).endswith("], undecided")
    asked = comparisons(alone, "heatmap")
    assert [quote.label for quote in asked] == ["dppo-tv", "troll"]
    p = [improvement_p(quoted.values(quote), quoted.values(quote.other)) for quote in asked]
    p += [finding.p for finding in judge(load_sweep("heatmap"), recorded("heatmap")[0])]
    assert corrected(asked) == holm(p)[:2]


def test_among_many_questions_a_small_difference_is_no_longer_told(tmp_path):
    # +.02 [.00, .04]: alone its p-value is below .05, among the questions of a page it is not.
    small = "shootout clip-higher over ppo take_off updates=32"
    one = runs_of("shootout", "clip-higher", updates="32")[0]["take_off"].to_numpy()
    other = runs_of("shootout", "ppo", updates="32")[0]["take_off"].to_numpy()
    assert 0.001 < improvement_p(one, other) < 0.1
    others = [
        f"shootout {label} over ppo {measure} updates=8"
        for label in ("troll", "quatro", "sapo", "cispo", "pspo")
        for measure in ("sampled", "greedy", "entropy")
    ]
    many = page(tmp_path / "many", small, *others)
    assert len(comparisons(many, "shootout")) == 16 and said(small, many).endswith("undecided")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("stail ppo", "sweep: expected one of .*stale.*, got 'stail'"),
        ("stale pop", "label: expected one of pg_is, ppo, .*, got 'pop'"),
        ("stale ppo colour", "measure: expected one of .*sampled.*, got 'colour'"),
        ("stale ppo length@0.7x", "could not convert"),
        ("shootout ppo", "updates: expected one of 1, 8, 32, got none"),
        ("shootout ppo updates=2", "updates: expected one of 1, 8, 32, got '2'"),
        ("shootout ppo lr=1", "axis: expected one of updates, got 'lr'"),
        ("trapo sft nats_per_point moves=5", "nats_per_point: expected runs whose divergence was measured"),
    ],
)
def test_what_no_record_answers_is_refused(text, words):
    with pytest.raises(ValueError, match=words):
        said(text, BOOK)


def test_a_sweep_without_a_record_is_not_run_yet(monkeypatch, tmp_path):
    monkeypatch.setattr("trlab.record.RECORDS", tmp_path)
    quoted.record.cache_clear()
    try:
        assert said("stale ppo", BOOK) == said("stale ppo over troll", BOOK) == "not run yet"
        with pytest.raises(ValueError, match="sweep: expected one of"):
            said("stail ppo", BOOK)
    finally:
        quoted.record.cache_clear()


def test_every_tuned_choice_lies_at_an_edge_of_the_grid():
    choices = choose(recorded("grid")[0], ["lr", "threshold"])
    assert len(choices) == 10 and {choice.tried for choice in choices} == {15}
    assert {choice.at["lr"] for choice in choices} == {"0.0001"}
    widest = {choice.label for choice in choices if choice.at["threshold"] == "10"}
    assert {choice.at["threshold"] for choice in choices} == {"0.1", "10"}
    assert widest == {"pg_is", "cispo", "sapo", "pspo"}, "of the last two the larger number is the narrower region"
    assert "Every choice lies at an edge of the grid" in PAGES["recorded"]
    hot = recorded("grid")[0].query("lr == '0.001'").groupby(["label", "threshold"])["sampled"].mean()
    assert hot.max() < 0.26, "below where training began"


def test_numbers_are_written_as_a_page_writes_them():
    assert written(Estimate(-0.051, -0.1, -0.004), "sampled", sign=True) == "−0.05 [−0.10, 0.00]"
    assert written(Estimate(0.0123, 0.01, 0.02), "kl") == "0.012 [0.010, 0.020]"
    assert written(Estimate(0.0136, 0.0124, float("inf")), "nats_per_point") == "14 [12, ∞]"
    assert written(Estimate(math.inf, 1.5023, math.inf), "nats_per_point") == "∞ [1502, ∞]"
    assert number(1e-13, "kl") == "0" and written(Estimate(0, 0, 0), "kl") == "0 [0, 0]"
    assert number(7.104, "distinct") == "7.1" and number(0.5, "unheard of") == "0.50"


@pytest.mark.nightly("the build of the book refuses such a quote too")
def test_every_quote_of_the_book_resolves():
    """The build refuses one that does not; this says so in seconds, without drawing intervals."""
    assert len(QUOTES) > 150
    for text in QUOTES:
        quote = parse(text)
        assert quote.sweep in declared(), text
        if quote.measure.partition(":")[0] in quoted.COUNTED or not (RECORDS / quote.sweep / "runs.csv").is_file():
            assert SHOWN.fullmatch(said(text, BOOK)), text
        elif quote.measure == "nats_per_point":
            assert price(quoted.part(quote), quoted.record(quote.sweep)[2]) is not None, text
        else:
            for side in [quote, quote.other] if quote.against else [quote]:
                assert np.isfinite(found := quoted.values(side)).all() and len(found) >= 2, text


def test_a_comparison_that_is_undecided_is_not_told_as_one():
    """Words that claim a difference right before a number that says undecided."""
    for name, text in PAGES.items():
        for word, quote in CLAIMS.findall(text):
            if parse(quote).against:
                assert not said(quote, BOOK).endswith("undecided"), f"{name}: {word} {quote}"


def test_chapter_5_says_what_the_records_say():
    chapter = (ROOT / "notebooks/05_grpo.ipynb").read_text(encoding="utf-8")
    (row,) = [line for line in chapter.splitlines() if "can stand in for a critic" in line]
    for quote in (
        "loops ppo_critic over ppo .3",
        "critic ppo_critic over ppo updates=8",
        "critic ppo_critic over ppo updates=32",
    ):
        number, _, _ = said(quote, BOOK).partition(", undecided")
        assert number in row, quote
        assert quote in PAGES["recorded_first"] or quote.replace(" .3", "") in PAGES["recorded_first"]
    (row_of_reuse,) = [line for line in chapter.splitlines() if "A clip makes reuse of a batch safer" in line]
    assert said("reuse ppo over pg_is uses=8", BOOK) in row_of_reuse
    assert said("reuse ppo over on-policy uses=16", BOOK).startswith("−0.85 ") and "by 0.85 (" in row_of_reuse
    for claim, quotes in (
        ("CISPO:", ("cispo", "ppo")),
        ("SAPO:", ("sapo",)),
        ("PSPO:", ("pspo", "pg_is")),
        ("GSPO:", ("gspo over ppo",)),
    ):
        (row_of_method,) = [line for line in chapter.splitlines() if f"| {claim}" in line]
        assert [quote for quote in quotes if said(f"shootout {quote} updates=32", BOOK) not in row_of_method] == []
    e = quoted.compared(parse("loops ppo_critic over ppo"))
    assert max(-e.low, e.high) < 0.01 and "alike within one point" in row


@pytest.mark.parametrize(
    "name", ["reuse", "minibatches", "tuned", "rare", "noise", "signed", "perprompt", "matched", "expert"]
)
def test_the_sizes_that_a_section_tells_are_those_that_were_run(name):
    page = PAGES["recorded"]
    sweep, prose = load_sweep(name), page.split(f"```{{sweep-verdicts}} {name}")[1].split("```{sweep-record}")[0]
    told = re.search(r"(\d+) batches\b", prose)
    assert told is None or int(told[1]) == sweep.budget.steps, prose[:200]
    assert name != "reuse" or f"{16 * sweep.budget.steps} updates on fresh batches" in page
    assert list(sweep.seeds) == list(range(200, 208)) and "seeds are 200 to 207" in page
    assert (sweep.budget.prompts == 256) == (name != "rare") and sweep.budget.samples == 8


def test_the_floors_gave_the_same_runs():
    runs = recorded("perprompt")[0].set_index("seed")
    of = dict(tuple(runs.groupby("label")))
    for label in ("floor .1", "floor .001"):
        assert of[label]["digest"].equals(of["quatro"]["digest"]), "to the last digit"
    assert "The floor was not tested" in PAGES["recorded"]
