"""Every recorded comparison of two methods, counted."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

import trlab
from trlab import counted
from trlab.counted import _anchored, comparisons, counts, k_of_n, p_value
from trlab.record import all_recorded


def table(*arms):
    """Runs of arms (label, method, settings, train, task, ends), numbered by what they share."""
    rows = [
        {
            "sweep": "made",
            "label": label,
            "method": method,
            "settings": json.dumps(settings),
            "train": json.dumps(train),
            "task": json.dumps({"name": task}),
            "collapsed": float(end < 0.1),
            "sampled": end,
        }
        for label, method, settings, train, task, ends in arms
        for end in ends
    ]
    runs = pd.DataFrame(rows)
    runs = runs.assign(**runs.apply(_anchored, axis=1, result_type="expand"))
    return runs.assign(place=runs.groupby(["others", "task"]).ngroup())


def ends(height, runs=8):
    return height + 0.01 * np.sin(np.arange(runs))


def test_only_cells_in_which_nothing_but_the_method_differs_are_counted(monkeypatch):
    made = table(
        ("ppo", "ppo", {}, {"lr": 1e-4}, "dial", ends(0.5)),
        ("ppo", "ppo", {}, {"lr": 3e-4}, "dial", ends(0.9)),
        ("ppo", "ppo", {}, {"lr": 1e-4}, "spend", ends(0.05)),
        ("wide", "ppo", {"eps_high": 0.5}, {"lr": 1e-4}, "dial", ends(0.1)),
        ("mine", "quatro", {}, {"lr": 1e-4}, "dial", ends(0.7)),
        ("quatro", "quatro", {}, {"lr": 1e-3}, "dial", ends(0.2)),  # no PPO there
        ("quatro", "quatro", {}, {"lr": 3e-4}, "dial", ends(0.8, runs=7)),  # too few
        ("quatro", "quatro", {}, {"lr": 1e-4}, "spend", ends(0.05)),
    )
    monkeypatch.setattr(counted, "recorded_runs", lambda: made)
    found = comparisons("quatro")
    assert found["verdict"].tolist() == ["above", "not significant"]
    assert found["difference"].tolist() == pytest.approx([0.2, 0.0], abs=1e-12)
    assert found["collapsed_against"].tolist() == [0, 8] and found["runs"].tolist() == [8, 8]
    assert str(counts(found)) == "2 cells on 2 tasks: above in 1, below in 0, not significant in 1"
    assert counts(comparisons("quatro", "wide")).above == 1


def test_a_method_is_compared_around_the_sampler_where_both_anchors_are_recorded():
    """TIS is below a clip around the sampler, and above one around recomputed log-probs."""
    for against, label in (("ppo", "ppo"), ("ppo@recomputed", "ppo, recomputed")):
        found = comparisons("tis", against)
        here = found[found["sweep"] == "age_regions"]
        runs, _ = trlab.recorded("age_regions")
        again = []
        for _, cell in runs.groupby("age", sort=False):
            x, y = (np.sort(cell.loc[cell["label"] == one, "sampled"]) for one in ("tis", label))
            again.append(x[2:6].mean() - y[2:6].mean())
        assert len(here) == 5
        assert sorted(here["difference"]) == pytest.approx(sorted(again), abs=1e-12)
    assert set(found["sweep"]) == {"age_regions", "relay_best"}
    mixed = comparisons("tis")
    assert mixed.loc[mixed["recomputed"], "sweep"].tolist() == ["relay_best"] * 2
    assert str(counts(mixed)).endswith("(in 2 the other's ratio is to recomputed log-probs)")
    assert {*comparisons("tis", "ppo@rollout")["sweep"]} == {"age_regions"}


def test_counts_of_records_agree_with_a_recomputation():
    found = trlab.comparisons("quatro")
    here = found[found["sweep"] == "reuse"]
    runs, _ = trlab.recorded("reuse")
    again = []
    for _, cell in runs.groupby("uses", sort=False):
        x, y = (
            np.sort(cell.loc[cell["label"] == name, "sampled"].to_numpy())
            for name in ("quatro", "ppo")
        )
        again.append(x[2:6].mean() - y[2:6].mean())
    assert here["difference"].tolist() == pytest.approx(again, abs=1e-12)


def test_runs_that_do_not_overlap_are_apart_although_they_have_no_variance():
    apart, alike = p_value(np.ones(8), np.zeros(8)), p_value(np.ones(8), np.ones(8))
    assert 0 < apart < 0.001 and alike == 1


def test_the_share_of_runs_has_the_exact_interval():
    k, n, low, high = k_of_n([True] * 9 + [False] * 3)
    assert (k, n) == (9, 12)
    assert binom.sf(8, 12, low) == pytest.approx(0.025) and binom.cdf(9, 12, high) == pytest.approx(
        0.025
    )
    assert k_of_n([]) == (0, 0, 0.0, 1.0)


def test_a_name_without_a_record_is_refused():
    with pytest.raises(ValueError, match=r"method: .*quatro"):
        comparisons("quattro")
    with pytest.raises(ValueError, match="measure: "):
        comparisons("quatro", measure="sampeld")


def test_runs_of_a_sweep_that_is_no_longer_kept_still_count():
    found = comparisons("difference, signed", "difference, unsigned")
    assert "signed" in {*found["sweep"]} and "signed" not in all_recorded()
