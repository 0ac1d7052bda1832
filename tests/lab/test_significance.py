"""p-values by enumeration, against scipy, and by how often they are wrong where nothing differs."""

import math
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import brunnermunzel, rankdata, ttest_1samp, ttest_ind, wilcoxon

from tests.by_day import by_day
from tests.lab.records import runs_of
from tests.losses import refused
from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.significance import (
    alike_p,
    holm,
    improvement_p,
    line_p,
    paired_p,
    signed_rank_p,
    zero_p,
)
from trlab.statistics import difference, improvement
from trlab.verdicts import judge

runs = st.lists(st.integers(0, 30), min_size=2, max_size=5)


# -- two variants
# --------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:p-value cannot be estimated")
@settings(max_examples=25, deadline=None)
@given(runs, runs)
def test_the_statistic_is_brunner_and_munzels_under_every_deal(x, y):
    def size(a, b):
        if not (set(a) & set(b)) and (max(a) < min(b) or max(b) < min(a)):
            return math.inf  # all on one side: scipy's has no variance there
        with np.errstate(all="ignore"):
            found = abs(float(brunnermunzel(a, b).statistic))
        return 0.0 if math.isnan(found) else found

    pooled = [*x, *y]
    sizes = [
        size(
            [pooled[i] for i in chosen], [pooled[i] for i in range(len(pooled)) if i not in chosen]
        )
        for chosen in combinations(range(len(pooled)), len(x))
    ]
    expected = np.mean(np.array(sizes) >= size(x, y) * (1 - 1e-9))
    assert improvement_p(x, y) == pytest.approx(expected, abs=1e-12) and improvement_p(
        y, x
    ) == improvement_p(x, y)


def test_more_ways_are_drawn_as_they_are_counted():
    x, y = np.array([0.1, 0.3, 0.4, 0.8, 0.9, 1.1]), np.array([0.6, 0.7, 1.0, 1.2, 1.3, 1.4])
    counted, drawn = improvement_p(x, y), improvement_p(x, y, draws=900)
    assert counted == 64 / 924 and drawn == pytest.approx(counted, abs=0.02) and drawn != counted
    assert improvement_p(x, y, draws=900) == drawn, "one seed, one number"
    # Nine and nine, all above: 2 of 48,620 ways, and the observed one counts.
    assert 1 / 20_001 <= improvement_p(np.arange(9) + 10, np.arange(9)) < 6 / 20_001
    # Two tasks that agree say more than each; two that contradict each other nothing.
    assert improvement_p([x, x], [y, y]) < counted / 2
    assert improvement_p([x, -x], [y, -y]) == 1
    assert math.isnan(improvement_p([1.0], [2.0, 3.0])), "one run alone says nothing"


# -- a variant and a number
# --------------------------------------------------------------------------------------------


def yuen_of_one(values):
    """scipy has Yuen's test of two samples only: against very many zeros it is the test of one."""
    return float(ttest_ind(values, np.zeros(400_000), equal_var=False, trim=0.25).pvalue)


def exact_wilcoxon(values):
    return float(wilcoxon(values, method="exact").pvalue)


def test_the_line_is_tested_as_scipy_tests_means():
    rng = np.random.default_rng(1)
    for n in (2, 3, 8):
        values = rng.normal(0.5, 0.1, n)
        moved_in = np.minimum(
            values, np.sort(values)[n - n // 4 - 1]
        )  # the furthest runs on the winning side
        student = ttest_1samp(moved_in, 0.4).pvalue
        yuen = yuen_of_one(values - 0.4)
        assert line_p(values, 0.4) == pytest.approx(max(student, yuen), rel=1e-6)
    assert (
        line_p([0.9] * 8, 0.8) == 0
        and line_p([0.9] * 8, 0.9) == 1
        and math.isnan(line_p([0.9], 0.8))
    )


def collapsing(rng, *shape):
    """Accuracies of runs of which a quarter collapse."""
    fine, broken = rng.normal(0.9, 0.02, shape), rng.normal(0.1, 0.05, shape)
    return np.where(rng.random(shape) < 0.25, broken, fine)


RUNS_LIKE = {
    "normal": lambda rng, *shape: rng.normal(size=shape),
    "log-normal": lambda rng, *shape: rng.lognormal(size=shape),
    "t3": lambda rng, *shape: rng.standard_t(3, shape),
    "collapsing": collapsing,
    "piled up below 1": lambda rng, *shape: rng.beta(8, 1.5, shape),
}


@pytest.mark.parametrize(
    ("kind", "n"),
    by_day(
        product(RUNS_LIKE, (8, 12, 16, 24)),
        *(("normal", 8), ("piled up below 1", 8), ("log-normal", 24), ("collapsing", 24)),
        reason="draws for seconds; by day the runs that are wrong most often",
    ),
)
def test_a_line_is_crossed_by_chance_no_oftener(kind, n):
    """The signed-rank test alone is wrong in 7 to 8 of 100 skewed or collapsing samples of 24."""
    draw, rng = RUNS_LIKE[kind], np.random.default_rng(2)
    line = np.sort(draw(rng, 400_000))[100_000:300_000].mean()
    found = np.array([line_p(sample, line) for sample in draw(rng, 1_000, n)])
    assert np.mean(found < 0.05) < 0.05 and np.mean(found < 0.005) < 0.012


@pytest.mark.parametrize("sign", [1, -1])
def test_a_run_that_bears_a_claim_out_too_well_does_not_make_it_fail(sign):
    line, near = 0.3, [0.32, 0.33, 0.34, 0.34, 0.35, 0.35, 0.36]
    plain = line_p([sign * value for value in [*near, 0.36]], sign * line)
    outlier = [sign * value for value in [*near, 2.0]]
    assert ttest_1samp(outlier, sign * line).pvalue > 0.2, "Student's test alone fails it"
    assert line_p(outlier, sign * line) == pytest.approx(plain) and plain < 0.002
    assert line_p([sign * value for value in [*near, -1.4]], sign * line) == 1, (
        "the other way it counts"
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-12, 12), min_size=1, max_size=9))
def test_signed_ranks_by_all_ways_to_flip_the_signs(values):
    d = np.array(values, dtype=float)
    ranks = np.where(d != 0, rankdata(np.abs(d)), 0)
    observed = abs((ranks * np.sign(d)).sum())
    every = [abs((ranks * np.array(signs)).sum()) for signs in product((-1, 1), repeat=len(d))]
    expected = 1.0 if observed == 0 else np.mean(np.array(every) >= observed - 1e-9)
    assert signed_rank_p(d) == pytest.approx(min(1.0, expected)) == signed_rank_p(-d)


def test_twelve_runs_and_more_are_asked_by_their_signed_ranks_too():
    rng = np.random.default_rng(9)
    values = rng.normal(0.03, 0.02, 16)
    ranks, yuen = (test(values) for test in (exact_wilcoxon, yuen_of_one))
    assert line_p(values, 0) == pytest.approx(max(ranks, yuen), rel=1e-4) and yuen > 2 * ranks
    far = np.linspace(0.9, 1, 16)
    assert line_p(far, 0) == 2 / 2**16 and line_p(far[:12], 0) == 2 / 2**12
    # Nothing that lies far out in the claim's direction makes it fail.
    wild = [*far[:15], 50.0]
    assert line_p(wild, 0) == 2 / 2**16
    # Log-normal runs: the few that lie far above the line count in the ranks, not in the middle
    # half.
    skewed = np.array([-1.01, -0.77, -0.75, -0.5, -0.21, -0.06, 0.72, 0.8])
    skewed = np.append(skewed, [1.0, 1.46, 2.27, 3.41, 3.71, 4.33, 5.06, 6.88])
    assert exact_wilcoxon(skewed) < 0.05 < line_p(skewed, 0)
    assert line_p(skewed, 0) == pytest.approx(yuen_of_one(skewed), rel=1e-4)
    assert zero_p(skewed) == pytest.approx(exact_wilcoxon(skewed)), "of pairs the ranks are enough"
    assert zero_p(values[:8]) == line_p(values[:8], 0)
    assert zero_p(skewed[2:14]) == pytest.approx(exact_wilcoxon(skewed[2:14]))


# -- pairs
# --------------------------------------------------------------------------------------------------


def test_a_pair_is_judged_by_its_difference():
    rng = np.random.default_rng(6)
    luck, effect = rng.normal(0.8, 0.1, 8), rng.normal(0.02, 0.005, 8)
    x, y = luck + effect, luck
    assert improvement_p(x, y) > 0.3 and paired_p(x, y) < 0.002, "what both share hides nothing"
    assert paired_p(x, y) == paired_p(y, x) == pytest.approx(line_p(effect, 0))
    better, gap = improvement(x, y, paired=True), difference(x, y, paired=True)
    assert (better.value, better.low, better.high) == (1, 1, 1)
    assert 0 < gap.low < gap.value < gap.high < 0.05 < difference(x, y).high
    assert improvement([x, y], [y, x], paired=True).value == 0.5, "tasks count alike"
    assert improvement([2, 2, 2], [1, 2, 0], paired=True).value == 2.5 / 3, "a tie counts half"
    assert alike_p(x, y, within=0.03, paired=True)[0] < 0.02 < alike_p(x, y, within=0.03)[0]
    refused("y: expected 8 runs, one beside each run of x, got 7", paired_p, x, y[:7])


def test_runs_with_common_prompts_are_compared_in_pairs():
    rng = np.random.default_rng(8)
    luck = rng.normal(0.7, 0.1, 8)
    runs = table(ppo=luck + 0.01 + rng.normal(0, 0.001, 8), pg_is=luck + rng.normal(0, 0.001, 8))
    runs = pd.concat([runs[:8], runs[:7:-1]])  # a table's order decides nothing
    claim = Prediction("a clip adds a point", higher="ppo", lower="pg_is")
    sweep = Sweep(
        text="",
        round=5,
        variants=[Variant("ppo"), Variant("pg_is")],
        budget=Budget(steps=1, common=3),
        predictions=[claim],
    )
    (paired,) = judge(sweep, runs)
    (apart,) = judge(replace(sweep, budget=Budget(steps=1)), runs)
    assert (paired.verdict, paired.pairs, apart.verdict, apart.pairs) == (
        "reproduced",
        8,
        "not significant",
        0,
    )
    assert (
        "of the 8 pairs of runs with the same seed" in paired.plain()[1]
        and "all pairs of runs" in apart.plain()[1]
    )


# -- alike
# --------------------------------------------------------------------------------------------------


def test_alike_are_two_one_sided_tests():
    rng = np.random.default_rng(3)
    x, y = rng.normal(0.5, 0.02, 8), rng.normal(0.51, 0.05, 8)
    ends = [
        ttest_ind(x - shift, y, equal_var=False, trim=0.25, alternative=side).pvalue
        for shift, side in ((0.1, "less"), (-0.1, "greater"))
    ]
    alike, apart = alike_p(x, y, within=0.1)
    assert alike == pytest.approx(2 * max(ends), rel=1e-9) and apart == 1
    far, beyond = alike_p(x, y + 0.3, within=0.1)
    assert far == 1 and beyond == pytest.approx(
        2 * ttest_ind(y + 0.2, x, equal_var=False, trim=0.25, alternative="greater").pvalue,
        rel=1e-9,
    )
    assert alike_p([0.5] * 4, [0.52] * 4, within=0.03) == (0, 1) and alike_p(
        [1, 1], [3, 3], within=1
    ) == (1, 0)
    assert math.isnan(alike_p([1.0], [1.0], within=1)[0])
    refused("x: expected runs of one task, got 2", alike_p, [x, x], [y, y], within=0.1)
    refused("within: expected a number above 0", alike_p, x, y, within=0)


# -- Holm
# --------------------------------------------------------------------------------------------------


def test_holms_correction_by_hand():
    # Sorted .005 .01 .03 .04: times 4, 3, 2, 1 and never falling: .02 .03 .06 .06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == [] and holm([0.04]) == [0.04] and holm([0.9, 0.8]) == [1, 1]
    assert holm([0.02, math.nan, math.nan]) == pytest.approx([0.06, 1, 1]), (
        "what was not answered was asked"
    )
    refused(r"values: expected a number at least 0 and at most 1, got 1.5", holm, [1.5])


# -- verdicts
# --------------------------------------------------------------------------------------------------


def sweep(predictions, axes=()):
    return Sweep(
        text="",
        round=5,  # eight runs were enough for a verdict
        variants=[Variant("ppo"), Variant("troll"), Variant("pg_is")],
        budget=Budget(steps=9),
        axes=axes,
        predictions=predictions,
    )


def table(**ends):
    return runs_of({(label,): values for label, values in ends.items()})


SPREAD = np.linspace(-0.01, 0.01, 8)
RUNS = table(ppo=0.8 + SPREAD, troll=0.803 + SPREAD, pg_is=0.6 + SPREAD)


def test_a_verdict_needs_its_interval_and_to_survive_the_other_questions():
    better = Prediction("better", higher="ppo", lower="pg_is")
    (alone,) = judge(sweep([better]), RUNS)
    assert alone.verdict == "reproduced" and alone.p == alone.corrected == pytest.approx(2 / 12_870)
    (turned,) = judge(sweep([Prediction("worse", higher="pg_is", lower="ppo")]), RUNS)
    assert turned.verdict == "not reproduced" and turned.p == alone.p
    # Six of eight above: an interval that excludes a half, and a p-value that stands alone but not
    # among twenty.
    some = table(
        ppo=[1, 2, 3, 4, 5, 6, 7, 8], pg_is=[-4, -3, -2, -1, 0, 1.5, 2.5, 6.5], troll=[0.0] * 8
    )
    (alone,) = judge(sweep([better]), some)
    assert alone.verdict == "reproduced" and 0.0025 < alone.p < 0.05 and alone.estimate.low > 0.5
    others = [
        Prediction(f"alike {i}", higher="ppo", lower="pg_is", within=0.5 + i) for i in range(19)
    ]
    first = judge(sweep([better, *others]), some)[0]
    assert (
        first.verdict == "not significant"
        and first.estimate == alone.estimate
        and first.p == alone.p
    )
    assert first.corrected > 0.05 and f"p {first.corrected:.3f} (Holm over 20)" in str(first)


def test_alike_is_seen_inside_the_margin_and_never_concluded_from_undecided():
    found = judge(
        sweep(
            [
                Prediction("alike", higher="ppo", lower="troll", within=margin)
                for margin in (0.03, 0.008, 0.001)
            ]
            + [Prediction("not alike", higher="ppo", lower="pg_is", within=0.05)]
        ),
        RUNS,
    )
    assert [f.verdict for f in found] == [
        "reproduced",
        "not significant",
        "not significant",
        "not reproduced",
    ]
    assert found[0].estimate.value == pytest.approx(-0.003) and found[0].plain()[1].startswith(
        "sampled of ppo less that of troll is -0.003 ["
    )
    (finding,) = judge(sweep([Prediction("above", higher="troll", lower="ppo")]), RUNS)
    assert finding.verdict == "not significant", (
        "the same runs: who asks for a difference learns nothing of likeness"
    )


def test_what_was_not_measured_counts_as_a_question():
    asked = [
        Prediction("better", higher="ppo", lower="pg_is"),
        Prediction("faster", higher="ppo", lower="pg_is", measure="take_off"),
    ]
    found = judge(sweep(asked), RUNS)
    assert [f.verdict for f in found] == ["reproduced", "not measured"]
    assert found[0].corrected == pytest.approx(2 * found[0].p) and math.isnan(found[1].p)
    rewards = zip(RUNS["cell"], RUNS["sampled"], strict=True)
    history = pd.DataFrame(
        [{"cell": cell, "batch": b, "reward": r} for cell, r in rewards for b in range(9)]
    )
    faster = judge(sweep(asked), RUNS, history)[1]
    assert faster.verdict == "reproduced" and faster.estimate.value == 1


AXES = (Axis("updates", {"1": {}, "8": {"minibatches": 8}}), Axis("lr", (1e-4, 3e-4)))


@pytest.mark.parametrize(
    "claim",
    [
        Prediction("nothing rises", higher=0.3, lower="ppo", at={"lr": "0.0001"}),
        Prediction("alike", higher="ppo", lower="troll", within=0.02),
    ],
)
def test_nothing_is_said_to_differ_nowhere_over_pooled_places(claim):
    refused(
        rf"prediction '{claim.text}': expected a point of every axis in `at`, got "
        r"none of .*updates.*predict each point",
        sweep,
        [claim],
        AXES,
    )
    sweep([replace(claim, at={"updates": "8", "lr": "0.0001"})], AXES)
    sweep(
        [claim], (Axis("updates", {"8": {"minibatches": 8}}), AXES[1]) if "lr" in claim.at else ()
    )  # one point
