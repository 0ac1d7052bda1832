"""The packed basins are those of `trlab.basin`, of the records as they are, and what is offered can
be shown."""

import json

import numpy as np
import pandas as pd
import pytest

from trbook.explorables import Basin, basins
from trbook.explorables.files import BUILT
from trlab import basin
from trlab.statistics import iqm
from trlab.sweep import Axis, Budget, Sweep, Variant

FILE = json.loads((BUILT / "basin.data.json").read_text(encoding="utf-8"))
RATES = (1e-5, 1e-4, 1e-3)


def made(seeds, **settings):
    """A sweep of three methods, and runs whose ends and take-offs differ by seed, method and
    rate."""
    sweep = Sweep(
        text="Made.",
        budget=Budget(steps=4),
        variants=[Variant("pg_is"), Variant("ppo"), Variant("troll")],
        axes=[Axis("lr", RATES)],
        seeds=range(700, 700 + seeds),
        name="made",
        **settings,
    )
    ends = {"pg_is": (0.9, 0.6, 0.1), "ppo": (0.88, 0.91, 0.4), "troll": (0.2, 0.3, 0.4)}
    draw = np.random.default_rng(0)
    rows = [
        {
            "label": label,
            "lr": f"{rate:g}",
            "seed": seed,
            "status": "done",
            "sampled": end + draw.normal(0, 0.01),
            "take_off": end / 2,
        }
        for label, curve in ends.items()
        for rate, end in zip(RATES, curve, strict=True)
        for seed in sweep.seeds
    ]
    return sweep, pd.DataFrame(rows)


def test_a_panel_says_what_the_definitions_say():
    sweep, runs = made(2, train={"epochs": 4})
    (panel,) = basins.panels_of(sweep, runs)
    assert (panel["uses"], panel["threshold"], panel["rates"]) == ("4", "default", list(RATES))
    assert panel["seeds"] == [700, 701]
    expected = basin.basins(runs)
    best = max(one.best.value for one in expected)
    assert panel["line"] == pytest.approx(best - basin.WITHIN, rel=1e-5)
    for one in expected:
        of, piece = panel["methods"][one.label], one.piece
        own = runs[runs["label"] == one.label]
        curve = [iqm(own[own["lr"].astype(float) == rate]["sampled"].to_numpy()) for rate in RATES]
        assert of["end"]["curve"] == pytest.approx(curve, rel=1e-5)
        assert "low" not in of["end"], "no band of two seeds"
        assert np.array(of["end"]["runs"]).mean(0) == pytest.approx(curve, rel=1e-5)
        packed = {**of["basin"], "width": of["basin"]["width"][0]}
        wanted = {"best_rate": one.best_rate, "worst": one.worst, "width": one.width.value}
        wanted |= {"low": piece.low, "high": piece.high}
        wanted |= {"open_low": piece.open_low, "open_high": piece.open_high}
        for name, value in wanted.items():
            there = None if np.isnan(value) else pytest.approx(value, rel=1e-5)
            assert packed[name] == there, (one.label, name)
    basins_of = {name: of["basin"] for name, of in panel["methods"].items()}
    assert basins_of["troll"]["low"] is None, "it never reaches the line"
    assert basins_of["pg_is"]["open_low"] and not basins_of["ppo"]["open_high"]


def test_the_pack_is_of_these_records():
    assert basins.pack() == FILE, (
        "a record or the packing changed: `python -m book.build.pack.packs`, then `-m book.build.draw.stills`"
    )
    assert [(panel["sweep"], panel["uses"], panel["threshold"]) for panel in FILE["panels"]] == [
        ("basin", "16", "default"),
        *(("basin_map", uses, "default") for uses in ("1", "4", "16")),
        *(("basin_narrow", "16", threshold) for threshold in ("a third", "a tenth")),
    ]


def test_the_question_has_one_answer_and_the_failing_state_fails():
    shown, *_, narrow = FILE["panels"]
    ends = sorted(
        narrow["methods"][method]["basin"]["high"] for method in ("ppo", "dppo-tv", "troll")
    )
    assert ends[-1] > ends[-2] * 1.02, "two basins end at one rate: ask something else"
    fallen = [name for name in Basin().methods if shown["methods"][name]["basin"]["high"] < 3e-4]
    assert fallen, "`make it fail` must fail"


def test_what_was_not_run_together_is_refused():
    assert Basin(uses="16", threshold="a third").threshold == "a third"
    with pytest.raises(
        ValueError, match=r"run together \(1 with default, .*\), got 1 with a third"
    ):
        Basin(uses="1", threshold="a third")
    with pytest.raises(ValueError, match=r"Basin, setting: expected one of .*, got 'rate'"):
        Basin(rate=1e-5)
