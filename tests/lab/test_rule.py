"""By which rule a comparison is decided: of its day or today's, over a sweep or a question, a verdict
or a description; and how often it is wrong and how often it sees what is there."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tests.lab.records import STAMPS, history_of, runs_of
from trlab import (
    Axis,
    Budget,
    Prediction,
    Sweep,
    Variant,
    findings,
    outcomes,
    record,
    rule,
    verdicts,
)
from trlab.comparison import Comparison, Side
from trlab.drawing.recorded import draw, figures
from trlab.record import RecordError
from trlab.significance import holm, improvement_p
from trlab.statistics import difference, iqm
from trlab.verdicts import judge

BETTER = Prediction("better", higher="ppo", lower="pg_is")


def made(predictions=(BETTER,), *, seeds=12, **more):
    return Sweep(
        text="",
        name="made",
        source="made",
        variants=[Variant("ppo"), Variant("pg_is")],
        seeds=range(seeds),
        budget=Budget(steps=1, common=3),
        predictions=predictions,
        **more,
    )


def ends(n, gap, seed=0):
    draw = np.random.default_rng(seed)
    return runs_of(
        {("ppo",): 0.6 + gap + draw.normal(0, 0.1, n), ("pg_is",): draw.normal(0.6, 0.1, n)}
    )


def test_fewer_than_twelve_seeds_are_a_description_and_say_so():
    (twelve,) = judge(made(round=6), ends(12, 0.3))
    (eleven,) = judge(made(seeds=11, round=6), ends(11, 0.3))
    assert (twelve.verdict, twelve.pairs, twelve.family) == ("reproduced", 0, 1)
    assert (eleven.verdict, eleven.decided, eleven.p_in_words) == ("description", False, "")
    assert eleven.plain()[0] == "description of 11 seeds" and eleven.difference.low > 0
    assert str(eleven).startswith("description of 11 seeds: better; sampled: P(ppo > pg_is) = ")
    assert eleven.marked("+0.30 [+0.25, +0.35]") == "+0.30 [+0.25, +0.35; description of 11 seeds]"
    (own,) = judge(made(seeds=11), ends(11, 0.3))
    assert own.verdict == "description", "a reader's own sweep has today's rule"
    (before,) = judge(made(seeds=11, round=5), ends(11, 0.3))
    assert (before.verdict, before.pairs, before.today) == ("reproduced", 11, "")


@pytest.mark.parametrize(
    ("gap", "greedy", "message"),
    [
        (0.3, {"ppo": 0.99, "pg_is": 0.985}, "as predicted, both solve the task"),
        (0.3, {"ppo": 0.99, "pg_is": 0.97}, "as predicted"),
        (0.3, {"ppo": 0.95, "pg_is": 0.95}, "as predicted, sharper"),
        (0.3, {"ppo": 0.7, "pg_is": 0.7}, "as predicted, in samples only"),
        (-0.3, {"ppo": 0.6, "pg_is": 0.7}, "the opposite"),
        (0.0, {"ppo": 0.99, "pg_is": 0.99}, "not significant, both solve the task"),
        (0.0, {"ppo": 0.6, "pg_is": 0.7}, "not significant"),
    ],
)
def test_sampled_answers_alone_are_no_lead(gap, greedy, message):
    """A lead counts where the arms read greedily have it too; where both solve the task, none does."""
    runs = ends(12, gap)
    runs["greedy"] = runs["label"].map(greedy) + runs["seed"] / 1e5
    (found,) = judge(made(round=6), runs)
    assert found.plain()[0] == message
    measured = replace(BETTER, measure="greedy")
    assert judge(made((measured,), round=6), runs)[0].greedy is None, (
        "only sampled answers are read twice"
    )


def test_an_earlier_round_keeps_its_verdict_and_todays_test_stands_beside_it():
    """Eight of eight above eight of eight, with pairs that are none: too few for the older rule."""
    low = np.array([0.1, 0.12, 0.15, 0.2, 0.25, 0.45, 0.5, 0.55])
    high = np.array([0.58, 0.95, 0.6, 0.9, 0.6, 0.95, 0.6, 0.57])
    runs = runs_of({("ppo",): high, ("pg_is",): low})
    others = [replace(BETTER, text=f"{i}", measure="kl") for i in range(1)]
    others += [Prediction(f"{i}", higher="ppo", lower=0.5 + i / 1000) for i in range(60)]
    (found, *_) = judge(made((BETTER, *others), seeds=8, round=5), runs)
    assert (found.verdict, found.today, found.pairs) == ("not significant", "reproduced", 8)
    assert found.plain()[0] == "not significant, today's test: as predicted"
    assert found.marked("+0.4 [+0.3, +0.5]").endswith(
        "; not significant, today's test: significant]"
    )
    p = improvement_p(high, low)
    assert p == pytest.approx(2 / 12_870) and p * (len(others) + 1) < 0.05 < found.corrected
    note = outcomes.folded([found])
    assert "<summary>1 predictions from before the runs: 1 not significant</summary>" in note
    assert "Today&#x27;s test decides 1 of 1 otherwise" in note
    (today, *_) = judge(made((BETTER, *others), seeds=8, round=6), runs)
    assert (today.verdict, today.today) == ("description", "")


def test_a_pooled_contrast_is_one_stratified_test():
    axes = (Axis("lr", (1e-4, 3e-4)),)
    draw = np.random.default_rng(5)
    level = {"0.0001": 0.9, "0.0003": 0.2}  # what separates the places is no spread
    runs = runs_of(
        {
            (label, lr): level[lr] + gap + draw.normal(0, 0.03, 12)
            for label, gap in (("ppo", 0.04), ("pg_is", 0.0))
            for lr in level
        },
        "lr",
    )
    (pooled,) = judge(made(round=6, axes=axes), runs)
    x, y = (
        [runs[(runs["label"] == label) & (runs["lr"] == lr)]["sampled"].to_numpy() for lr in level]
        for label in ("ppo", "pg_is")
    )
    assert pooled.verdict == "reproduced" and pooled.p == improvement_p(x, y)
    assert pooled.difference == difference(x, y, stratified=True)
    each = [iqm(a) - iqm(b) for a, b in zip(x, y, strict=True)]
    assert pooled.difference.value == pytest.approx(np.mean(each))
    assert pooled.difference.high - pooled.difference.low < 0.06
    shuffled = runs.assign(sampled=np.where(runs["lr"] == "0.0003", -1, 1) * runs["sampled"])
    assert judge(made(round=6, axes=axes), shuffled)[0].verdict == "not significant", (
        "they disagree"
    )


def test_holm_goes_over_the_question(monkeypatch):
    """Of three files two share a question, one of which has not been run: what it asks counts."""
    asks = {
        name: replace(made([BETTER] * n, round=6, question=question), name=name, source=name)
        for name, question, n in (("one", "push", 1), ("two", "push", 3), ("three", "age", 2))
    }
    asks["two"] = replace(
        asks["two"],
        predictions=[BETTER, *(Prediction("", higher="ppo", lower=0.5 + i / 10) for i in range(2))],
    )
    gaps = {"one": 0.12, "three": 0.12}
    rows = {name: ends(12, gap) for name, gap in gaps.items()}

    def read(name):
        if name not in rows:
            raise RecordError(name)
        return asks[name], rows[name], history_of(rows[name], 1, reward=lambda run, b: 0.0)

    for module in (rule, verdicts):
        monkeypatch.setattr(module, "load_sweep", asks.__getitem__)
    monkeypatch.setattr(rule, "declared", lambda: sorted(asks))
    monkeypatch.setattr(record, "is_recorded", rows.__contains__)
    monkeypatch.setattr(record, "read", read)
    monkeypatch.setattr(record, "stamp", lambda name: 10**12 + sum(map(len, rows.values())))
    rule._questions.cache_clear()
    try:
        (one,), (three, _) = verdicts.predicted("one"), verdicts.predicted("three")
        assert one.p == three.p and (one.family, three.family) == (4, 1)
        assert one.corrected == pytest.approx(4 * one.p) and three.corrected == three.p
        rows["two"] = ends(12, 0.12, seed=3)
        (now,), (two, *lines) = verdicts.predicted("one"), verdicts.predicted("two")
        p = [one.p, two.p, *(line.p for line in lines)]
        assert now.family == two.family == 4
        assert [now.corrected, two.corrected] == pytest.approx(holm(p)[:2])
        rows["two"] = ends(8, 0.12)
        asks["two"] = replace(asks["two"], seeds=range(8), awaited=range(8, 12))
        (then,), (few, *_) = verdicts.predicted("one"), verdicts.predicted("two")
        assert then.corrected == one.corrected and few.plain()[0] == "description of 8 of 12 seeds"
    finally:
        rule._questions.cache_clear()


def test_a_sweep_that_has_run_in_part_is_its_whole_seeds(monkeypatch):
    """Three of twelve seeds, one of them with a cell that is missing."""
    runs, history = record.recorded("completions")
    sweep = record.load_sweep("completions")
    first = [*sweep.seeds][:3]
    kept = runs[runs["seed"].isin(first)]
    kept = kept.drop(index=kept[kept["seed"] == first[2]].index[0])
    monkeypatch.setattr(record, "recorded", lambda name: (kept, history))
    stamp = next(STAMPS)
    monkeypatch.setattr(record, "stamp", lambda name: stamp)
    so_far, rows, batches = record.read("completions")
    assert [*so_far.seeds] == first[:2] and [*so_far.awaited] == [*sweep.seeds][2:]
    assert {*rows["seed"]} == {*first[:2]} and not len(batches), "none of it is drawn by batches"
    assert rule.description(so_far, rule.rule_of(so_far)) == "2 of 12 seeds"
    found = verdicts.predicted("completions")
    assert {one.plain()[0] for one in found} == {"description of 2 of 12 seeds"}
    assert all(one.difference is not None for one in found)
    assert all(
        len(one.plain()) == 2 and str(one).startswith("description of 2 of") for one in found
    )
    rows_beside = outcomes.against("completions", "16 x 1", at={"nats": "0.02"})
    assert {row.verdict for row in rows_beside} == {"description of 2 of 12 seeds"}
    assert len(findings.table(so_far, rows)) > 3
    for drawn in (one for one in figures().values() if one.sweep == "completions"):
        assert draw(drawn, so_far, rows, batches).axes
    monkeypatch.setattr(record, "recorded", lambda name: (kept[kept["seed"] == first[2]], history))
    other = next(STAMPS)
    monkeypatch.setattr(record, "stamp", lambda name: other)
    with pytest.raises(RecordError, match=r"expected all .* runs of at least one .*; `trlib sweep"):
        record.read("completions")


def test_an_own_file_of_a_shared_question_is_its_own():
    own = replace(made(round=6, question="push"), source="elsewhere/made.py")
    assert rule.beside(own) == [] == rule.beside(made(round=6))
    (found,) = verdicts.compare(own, ends(12, 0.3), None, [Comparison(Side("ppo"), Side("pg_is"))])
    assert found.family == 1 and isinstance(found.p, float) and not pd.isna(found.p)
