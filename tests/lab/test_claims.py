"""Claims cards: their verdicts follow the record, whichever way it comes out."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.by_day import by_day
from tests.lab.records import history_of, runs_of
from trlab import Axis, Budget, Sweep, Variant
from trlab.cell import MEASURES
from trlab.claims import Card, Claim, Side, Test, cards, markdown, outcome, tell
from trlab.claims.card import above, below
from trlab.counted import Counts
from trlab.measures import DERIVED, derive
from trlab.record import RecordError
from trlab.statistics import difference
from trlab.sweep import declared, load_sweep

TESTS = [(card.name, test) for card in cards() for claim in card.claims for test in claim.tests]
ONE, FOUR = {"uses": "1"}, {"uses": "4"}
SWEEP = Sweep(
    text="",
    seeds=range(12),
    name="made",
    source="made",
    variants=[Variant("ppo", label=label) for label in "abc"],
    budget=Budget(steps=9),
    axes=[Axis("uses", {"1": {}, "4": {"epochs": 4}})],
)


def test_every_card_has_a_source_and_nothing_is_a_foregone_verdict():
    for card in cards():
        assert any(claim.untestable for claim in card.claims) and any(
            claim.tests for claim in card.claims
        )
        assert all(
            len(claim.arxiv) == 10 and claim.where and claim.text.endswith(".")
            for claim in card.claims
        )
    with pytest.raises(
        ValueError, match=r"claim 'It works.': expected tests, or the reason .* got neither"
    ):
        Claim("It works.", "abstract", "2402.03300")


@pytest.mark.parametrize(
    ("card", "test"), by_day(TESTS, *TESTS[:8], reason="the same question of every claim")
)
def test_every_test_asks_what_its_sweep_can_answer(card, test):
    assert test.sweep in declared()
    try:
        sweep = load_sweep(test.sweep)
    except RecordError:
        pytest.skip("it stands on a record that has not been made")
    axes = {axis.name: [label for label, _ in axis.points()] for axis in sweep.axes}
    for side in (side for side in (test.higher, test.lower) if isinstance(side, Side)):
        assert side.label in [variant.name for variant in sweep.variants]
        assert all(point in axes[axis] for axis, point in side.at.items())
        if test.within is not None or not isinstance(test.higher, Side):
            assert side.at.keys() == axes.keys(), (
                "where nothing is said to differ nothing is pooled"
            )
    assert test.measure in {**MEASURES, **DERIVED}


@pytest.fixture
def answers(shipped, monkeypatch):
    """What the cards' machinery says of a record that is made here, of which the book prints these
    tests."""
    monkeypatch.setattr(outcome, "counted", lambda _: None)
    monkeypatch.setattr("trlab.claims.text.page_of", lambda name: f"trlab/records/{name}/README.md")

    def ask(tests, runs, history):
        sweep = replace(SWEEP, comparisons=[test.comparison for test in tests])
        shipped(sweep, derive(runs, history), history)
        return [outcome.answer(test) for test in tests]

    return ask


def made(**heights):
    """Twelve runs of each label and use around a height; rewards that rise to it in a straight
    line."""
    rng = np.random.default_rng(0)
    ends = {
        (label, uses): height + rng.normal(0, 0.02, 12)
        for label, height in heights.items()
        for uses in ("1", "4")
    }
    runs = runs_of(ends, "uses", method="ppo", steps=9)
    runs = runs.assign(
        kl=0.1 * runs["sampled"],
        train=[json.dumps({"lr": 1.5e-3 if label == "c" else 1e-4}) for label in runs["label"]],
    )
    history = history_of(
        runs, 9, reward=lambda run, b: run.sampled * b / 8, entropy=lambda run, b: 2 - b / 8
    )
    return runs, history


def values(runs, label, uses, column="sampled"):
    return runs[(runs["label"] == label) & (runs["uses"] == uses)][column].to_numpy()


def test_one_variant_at_two_places_is_alike_or_not(answers):
    runs, history = made(a=0.8, b=0.6, c=0.5)
    alike = Test("made", Side("a", ONE), Side("a", FOUR), within=0.1)
    assert answers([alike], runs, history)[0].verdict == "reproduced"
    moved = runs.assign(sampled=runs["sampled"] - 0.3 * (runs["uses"] == "4"))
    assert answers([alike], moved, history)[0].verdict == "not reproduced"


def test_a_claim_has_one_verdict_where_its_tests_agree(answers, monkeypatch):
    runs, history = made(a=0.8, b=0.6, c=0.5)
    up, down, new = (
        above("made", "a", "b", at=ONE),
        above("made", "c", "b", at=ONE),
        above("other", "a", "b"),
    )
    level = above("made", "a", "b", "steps", at=ONE)
    card = Card(
        "x",
        "X",
        [
            Claim("Up.", "abstract", "2402.03300", [up]),
            Claim("Both.", "abstract", "2402.03300", [up, down]),
            Claim("Down.", "abstract", "2402.03300", [down, level]),
            Claim("Some.", "abstract", "2402.03300", [up, level]),
            Claim("Partly.", "abstract", "2402.03300", [new, up]),
            Claim("New.", "abstract", "2402.03300", [new]),
            Claim(
                "Below.", "abstract", "2402.03300", [below("made", "b", 0.5, "sampled", at=FOUR)]
            ),
            Claim("Far.", "experiments", "2402.03300", untestable="Too large."),
        ],
    )
    answers([up], runs, history)
    for cells in (Counts(1, 9, 8, 2, 1), Counts(4, 1, 0, 1, 1), None):
        monkeypatch.setattr(outcome, "counted", lambda _, cells=cells: cells)
        assert tell(card)[0].verdict == "reproduced in one cell"
    monkeypatch.setattr(outcome, "counted", lambda _: Counts(4, 1, 0, 2, 2))
    assert [judged.verdict for judged in tell(card)] == [
        "reproduced",
        "not significant",
        "not reproduced",
        "not significant",
        "reproduced",
        "not run",
        "not reproduced",
        "not testable at this size",
    ]
    text = markdown(card)
    mine = [values(runs, label, "1") for label in "ab"]
    gap = difference(*mine)
    assert (
        "| 1 | [`made`](../trlab/records/made/README.md), 1 epochs, at 1e-4: `a` > `b` | "
        f"{gap.value:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}] | **reproduced** |"
    ) in text
    assert text.count("<summary>") == 1 and "<summary>11 tests</summary>" in text
    assert (
        "|  | [`made`](../trlab/records/made/README.md), 1 epochs, at 1.5e-3 (`c`) and 1e-4 (`b`): "
        in text
    )
    assert "1. Up. ([abstract](https://arxiv.org/abs/2402.03300)) **Reproduced.**\n" in text
    assert (
        "8. Far. ([experiments](https://arxiv.org/abs/2402.03300)) **Not testable.** Too large.\n"
        in text
    )
    assert "| 6 | `other`: `a` > `b` |  | not run yet |" in text
