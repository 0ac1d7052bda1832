"""The packed basins are those of `trlab.basin`, of the records as they are, and what is offered can
be shown."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from book.build.pack import packs
from trbook.explorables import Basin, basins
from trbook.explorables import basin as module
from trlab import basin
from trlab.record import is_recorded
from trlab.statistics import iqm
from trlab.sweep import Axis, Budget, Sweep, Variant

FILE = json.loads(packs.BASIN.read_text(encoding="utf-8"))
RATES = (1e-5, 1e-4, 1e-3)


def made(seeds, *axes, **settings):
    """A sweep of three methods, and runs whose ends and take-offs differ by seed, method and
    rate."""
    sweep = Sweep(
        text="Made.",
        budget=Budget(steps=4),
        variants=[Variant("pg_is"), Variant("ppo"), Variant("troll")],
        axes=[Axis("lr", RATES), *axes],
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
            **{axis.name: point for axis in axes for point in [at[axis.name]]},
            "seed": seed,
            "status": "done",
            "sampled": end + draw.normal(0, 0.01),
            "take_off": end / 2,
        }
        for at in (
            [{axis.name: label for axis in axes} for label in axes[0].values] if axes else [{}]
        )
        for label, curve in ends.items()
        for rate, end in zip(RATES, curve, strict=True)
        for seed in sweep.seeds
    ]
    return sweep, pd.DataFrame(rows)


def test_a_panel_says_what_the_definitions_say():
    sweep, runs = made(2, train={"epochs": 4})
    (panel,) = basins.panels_of(sweep, runs)
    assert (panel["uses"], panel["threshold"], panel["rates"]) == ("4", "default", list(RATES))
    assert panel["seeds"] == [700, 701] and panel["left_out"] == []
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


def test_axes_become_uses_and_thresholds():
    by_uses = basins.panels_of(*made(2, Axis("uses", {"1": {}, "16": {"epochs": 16}})))
    assert [(one["uses"], one["threshold"]) for one in by_uses] == [
        ("1", "default"),
        ("16", "default"),
    ]
    narrow = Axis("narrow", {"a third": {"threshold": 1 / 3}, "a tenth": {"threshold": 0.1}})
    narrower = basins.panels_of(*made(2, narrow, train={"epochs": 16}))
    assert [(one["uses"], one["threshold"]) for one in narrower] == [
        ("16", "a third"),
        ("16", "a tenth"),
    ]
    with pytest.raises(
        ValueError, match="expected the axes lr and perhaps uses and narrow, got lr, moves"
    ):
        basins.panels_of(*made(2, Axis("moves", {"5": {}})))
    sweep, runs = made(2)
    with pytest.raises(ValueError, match="expected methods named in METHODS, got mine"):
        basins.panels_of(replace(sweep, variants=[Variant("ppo", label="mine")]), runs)


def test_a_method_that_was_not_run_at_every_rate_is_left_out_by_name():
    sweep, runs = made(2)
    some = (runs["label"] == "ppo") & (runs["lr"] == "0.001") & (runs["seed"] == 701)
    for gap in (runs[~some], runs.assign(status=np.where(some, "failed", "done"))):
        (panel,) = basins.panels_of(sweep, gap)
        assert panel["left_out"] == ["ppo"] and set(panel["methods"]) == {"pg_is", "troll"}
    assert basins.panels_of(sweep, runs.assign(status="failed")) == []


def test_the_pack_is_of_these_records():
    assert basins.pack() == FILE, (
        "a record or the packing changed: `python -m book.build.pack.packs`, then `-m book.build.draw.stills`"
    )
    assert set(FILE["records"]) == {name for name in basins.SWEEPS if is_recorded(name)}
    assert {panel["sweep"] for panel in FILE["panels"]} == set(FILE["records"]), (
        "what is recorded is shown"
    )


@pytest.mark.skipif(not FILE["panels"], reason="no sweep over learning rates is recorded yet")
def test_the_question_has_one_answer_and_the_failing_state_fails():
    here = [
        panel
        for panel in FILE["panels"]
        if (panel["uses"], panel["threshold"]) == ("16", "default")
    ]
    panel = max(here, key=lambda one: len(one["seeds"]))
    (narrow,) = [
        panel
        for panel in FILE["panels"]
        if (panel["uses"], panel["threshold"]) == ("16", "a tenth")
    ]
    ends = sorted(
        narrow["methods"][method]["basin"]["high"] or 0 for method in ("ppo", "dppo-tv", "troll")
    )
    assert ends[-1] > ends[-2] * 1.02, "two basins end at one rate: ask something else"
    fallen = [
        method
        for method in Basin().methods
        if (panel["methods"][method]["basin"]["high"] or 1) < 3e-4
    ]
    assert fallen, "`make it fail` must fail"


def test_what_was_not_run_together_is_refused(monkeypatch):
    monkeypatch.setattr(
        module, "_recorded", lambda: [("1", "default"), ("16", "a third"), ("16", "default")]
    )
    assert Basin(uses="16", threshold="a third").threshold == "a third"
    with pytest.raises(
        ValueError, match=r"run together \(1 with default, .*\), got 1 with a third"
    ):
        Basin(uses="1", threshold="a third")
    with pytest.raises(ValueError, match=r"Basin, setting: expected one of .*, got 'rate'"):
        Basin(rate=1e-5)
