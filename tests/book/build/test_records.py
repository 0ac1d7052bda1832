"""What a page shows of a recorded sweep: the figures' numbers, the tables' cells, what is
refused."""

import math

import pandas as pd

from book.build import words
from book.build.records import rows
from trlab.record import all_recorded, recorded
from trlab.statistics import interval
from trlab.sweep import load_sweep


def record():
    """Two methods, two samplers, three numbers of updates, three runs each; every history begins at
    .25."""
    falls = {"ppo": 0.04, "troll": 0.01}
    rows = [
        {
            "cell": f"{sampler} {label} {u} {seed}",
            "label": label,
            "sampler": sampler,
            "updates": u,
            "seed": seed,
            "status": "done",
            "greedy": 1.0,
            "sampled": 0.9 - fall * math.log2(float(u)) + seed / 100 - 0.1 * (sampler == "int4"),
        }
        for sampler in ("fp32", "int4")
        for u in ("1", "8", "32")
        for label, fall in falls.items()
        for seed in range(3)
    ]
    history = pd.DataFrame(
        [{"cell": row["cell"], "batch": b, "reward": 0.25 + b} for row in rows for b in (0, 1)]
    )
    return pd.DataFrame(rows), history


def of(runs, **places):
    for name, value in places.items():
        runs = runs[runs[name] == value]
    return runs["sampled"].to_list()


def test_a_table_says_what_was_measured_and_what_failed():
    runs, history = record()
    runs.loc[runs["cell"] == "int4 ppo 32 2", "status"] = "failed"
    runs.loc[runs["cell"].str.startswith("int4 troll 32"), "status"] = "failed"
    runs.loc[runs["cell"].str.startswith("fp32 ppo 32"), "sampled"] = 0.2
    columns = ["sampled", "greedy"]
    found = {
        tuple(line[:3]): line[3:] for line in rows(runs, history, ["sampler", "updates"], columns)
    }
    estimate = interval(of(runs, label="ppo", updates="1", sampler="fp32"))
    assert found["`ppo`", "fp32", "1 update"] == [
        f"{estimate.value:.3f} \\[{estimate.low:.3f}, {estimate.high:.3f}\\]",
        "1.000",
    ]
    hot = "8 minibatches, 4 epochs"
    assert found["`ppo`", "int4", hot][0].endswith(", 1 failed")
    assert found["`troll`", "int4", hot] == ["3 failed", ""]


def test_the_named_points_of_a_rate_are_printed_as_the_learning_rates_that_the_runs_had():
    """In `relay_sao` all methods have PPO's, so that *its own* would be wrong."""
    lines = rows(*recorded("relay_sao"), ["rate"], ["sampled"])
    assert [line[1] for line in lines] == ["3e-4"] * 5 + ["1.5e-3"] * 5


def test_every_axis_and_measure_of_a_record_has_words():
    for name in all_recorded():
        sweep = load_sweep(name)
        for prediction in sweep.predictions:
            assert prediction.measure in words.MEASURES, f"{name}: {prediction.measure}"
        for axis in sweep.axes:
            shown = [words.axis(axis.name).point(label) for label, _ in axis.points()]
            assert len(set(shown)) == len(shown), f"{name}: {shown}"
