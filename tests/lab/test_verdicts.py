"""One rule decides every comparison: scipy's tests, Holm's correction over a question, twelve seeds."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import brunnermunzel, wilcoxon

from tests.lab.records import runs_of
from trlab import verdicts
from trlab.comparison import Comparison, Side, asked
from trlab.sweep import Budget, Prediction, Sweep, Variant
from trlab.verdicts import compare, holm, judge

MEANS = {"ppo": 0.5, "same": 0.501, "higher": 0.7, "lower": 0.3}


def a_sweep(*predictions, seeds=12, **more):
    variants = [Variant("ppo", label=label) for label in MEANS]
    return Sweep(
        text="",
        variants=variants,
        seeds=range(seeds),
        budget=Budget(steps=3),
        predictions=predictions,
        name="mine",
        source="mine",
        **more,
    )


def ends(seeds=12):
    draw = np.random.default_rng(1)
    return {(label,): mean + 0.02 * draw.standard_normal(seeds) for label, mean in MEANS.items()}


def test_arms_are_compared_by_scipy_and_corrected_together():
    values = ends()
    sweep = a_sweep(
        Prediction("it rises", higher="higher", lower="ppo"),
        Prediction("nor does this", higher="lower", lower="ppo"),
        Prediction("the same", higher="same", lower="ppo"),
        Prediction("above a number", higher="higher", lower=0.6),
    )
    found = judge(sweep, runs_of(values))
    x, y = values["higher",], values["ppo",]
    assert [one.verdict for one in found] == [
        "reproduced",
        "not reproduced",
        "not significant",
        "reproduced",
    ]
    assert found[2].p == pytest.approx(brunnermunzel(values["same",], y).pvalue)
    assert found[3].p == pytest.approx(wilcoxon(x - 0.6).pvalue)
    assert found[0].p == pytest.approx(2 / math.comb(24, 12)), "no two runs overlap"
    assert [one.corrected for one in found] == holm([one.p for one in found])
    assert {one.family for one in found} == {4} and str(found[0]).startswith("reproduced: it rises")


def test_fewer_than_twelve_seeds_are_a_description_whatever_they_show():
    claim = Prediction("it rises", higher="higher", lower="ppo")
    (few,) = judge(a_sweep(claim, seeds=11), runs_of(ends(11)))
    (enough,) = judge(a_sweep(claim), runs_of(ends()))
    assert (few.verdict, few.short) == ("description", "description of 11 seeds")
    assert enough.verdict == "reproduced" and math.isnan(few.corrected)
    assert few.marked("+0.20 [0.19, 0.21]") == "+0.20 [0.19, 0.21; description of 11 seeds]"


def test_a_question_asked_both_ways_counts_once_and_a_new_one_joins():
    turned = Comparison(Side("ppo"), Side("higher"))
    sweep = a_sweep(Prediction("it rises", higher="higher", lower="ppo"), comparisons=(turned,))
    runs = runs_of(ends())
    assert {one.family for one in compare(sweep, runs, None, asked(sweep))} == {1}
    (new,) = compare(sweep, runs, None, [Comparison(Side("lower"), Side("ppo"))])
    assert (new.verdict, new.family) == ("not reproduced", 2)


def test_sweeps_of_one_question_are_corrected_together(monkeypatch):
    claim = Prediction("it rises", higher="higher", lower="ppo")
    sweep = a_sweep(claim, question="ours")
    other = replace(sweep, name="other", source="other", predictions=[claim] * 1)
    monkeypatch.setattr(verdicts, "_questions", lambda: {"ours": ["mine", "other"]})
    monkeypatch.setattr(verdicts, "load_sweep", lambda name: other)
    monkeypatch.setattr(verdicts.record, "is_recorded", lambda name: False)
    (found,) = judge(sweep, runs_of(ends()))
    assert found.family == 2, "a declared question counts before it is run"
    monkeypatch.setattr(verdicts.record, "is_recorded", lambda name: True)
    monkeypatch.setattr(verdicts.record, "stamp", lambda name: 1)
    monkeypatch.setattr(verdicts, "_p_values", lambda name, stamp: {"its": 1e-9})
    (found,) = judge(sweep, runs_of(ends()))
    assert found.corrected == found.p, "the smaller p of the other sweep comes first"


def test_alike_is_read_off_the_interval():
    near = Prediction("alike", higher="same", lower="ppo", within=0.1)
    far = Prediction("alike", higher="higher", lower="ppo", within=0.1)
    found = judge(a_sweep(near, far), runs_of(ends()))
    assert [one.verdict for one in found] == ["reproduced", "not reproduced"]


def test_what_is_missing_is_no_verdict():
    sweep = a_sweep(Prediction("it rises", higher="higher", lower="ppo"))
    runs = runs_of(ends())
    (found,) = judge(sweep, runs.iloc[:-13])
    assert (found.verdict, found.note) == ("incomplete", "23 of 24 runs") or found.note
    (found,) = judge(sweep, runs[runs["label"] != "ppo"])
    assert found.verdict == "not run"
    (found,) = judge(sweep, runs.assign(sampled=math.nan))
    assert found.verdict == "not measured"
    assert judge(sweep, pd.DataFrame())[0].verdict == "not run"


@pytest.mark.parametrize(
    ("greedy", "says"),
    [
        ({"higher": 1.0, "ppo": 1.0}, "both solve the task"),
        ({"higher": 0.8, "ppo": 0.8}, "sharper"),
        ({"higher": 0.5, "ppo": 0.5}, "in samples only"),
        ({"higher": 0.8, "ppo": 0.4}, ""),
    ],
)
def test_a_lead_that_greedy_answers_do_not_have_is_said(greedy, says):
    runs = runs_of(ends())
    draw = np.random.default_rng(2)
    runs["greedy"] = [
        min(1.0, greedy.get(label, 0.5) + 0.001 * draw.standard_normal()) for label in runs["label"]
    ]
    (found,) = judge(a_sweep(Prediction("it rises", higher="higher", lower="ppo")), runs)
    assert found.verdict == "reproduced" and found.ends == says


@pytest.mark.parametrize(
    ("p", "corrected"),
    [
        ([0.01, 0.04, 0.03], [0.03, 0.06, 0.06]),
        ([0.2, math.nan], [0.4, 1.0]),
        ([], []),
    ],
)
def test_holm_by_hand(p, corrected):
    assert holm(p) == pytest.approx(corrected)
