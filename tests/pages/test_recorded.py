"""What a page shows of a recorded sweep: the figures' numbers, the tables' cells, what is refused."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pandas as pd
import pytest

from bookext.sweeps import brief, cells, figures, made, tolerance
from tools.paths import ROOT
from trlib.lab import recorded
from trlib.lab.findings import table, tolerances
from trlib.lab.record import RECORDS
from trlib.lab.statistics import improvement, interval, performance_profile
from trlib.lab.sweep import Axis, Budget, Sweep, Variant, load_sweep


def record() -> tuple[Sweep, pd.DataFrame, pd.DataFrame]:
    """Two methods, two samplers, three numbers of updates, three runs each; every history begins at .25."""
    falls = {"ppo": 0.04, "troll": 0.01}
    rows = [{"cell": f"{sampler} {label} {u} {seed}", "label": label, "sampler": sampler, "updates": u, "seed": seed,
             "status": "done", "steps": 10, "kl": 0.01, "greedy": 1.0, "kept": 0.9, "seconds": 1.0, "cpu_seconds": 2.0,
             "sampled": 0.9 - fall * math.log2(float(u)) + seed / 100 - 0.1 * (sampler == "int4"), "date": "2026-11-20",
             "hardware": "a machine", "versions": "torch 2", "commit": "abc"}
            for sampler in ("fp32", "int4") for u in ("1", "8", "32") for label, fall in falls.items()
            for seed in range(3)]
    history = pd.DataFrame([{"cell": row["cell"], "batch": b, "reward": 0.25 + b} for row in rows for b in (0, 1)])
    sweep = Sweep(text="", variants=[Variant("ppo"), Variant("troll")], budget=Budget(steps=10),
                  axes=[Axis("sampler", ("fp32", "int4")), Axis("updates", {"1": {}, "8": {}, "32": {}})])
    return sweep, pd.DataFrame(rows), history


def of(runs: pd.DataFrame, **places: str) -> list[float]:
    for name, value in places.items():
        runs = runs[runs[name] == value]
    return runs["sampled"].to_list()


def test_a_sweep_over_updates_is_drawn_as_curves_a_figure_for_each_point_of_the_other_axes():
    sweep, runs, history = record()
    found = figures(sweep, runs, history)
    assert [caption.split(". ")[0] for _, caption in found] == ["Sampler fp32", "Sampler int4"]
    assert all("over updates a batch" in caption and "a cross where" in caption for _, caption in found)
    for (drawing, _), sampler in zip(found, ("fp32", "int4"), strict=True):
        lines = {line.get_label(): line for line in drawing.figure.axes[0].lines}
        for label in ("ppo", "troll"):
            values = [interval([of(runs, label=label, updates=u, sampler=sampler)]) for u in ("1", "8", "32")]
            assert lines[label].get_xdata().tolist() == [1, 8, 32]
            assert lines[label].get_ydata().tolist() == [e.value for e in values]
            assert f"{label} {values[0]:.2f} at 1" in drawing.alt


def test_a_caption_promises_crosses_where_there_are_some():
    sweep, runs, history = record()
    level = runs.assign(sampled=0.9 - 0.001 * runs["seed"])
    assert all("a cross where" not in caption for _, caption in figures(sweep, level, history))
    assert all("a cross where" in caption for _, caption in figures(sweep, runs, history))


def test_other_sweeps_and_points_are_drawn_as_intervals_over_the_base():
    sweep, runs, history = record()
    ((drawing, caption),) = figures(sweep, runs, history, kind="intervals", at={"updates": "8", "sampler": "int4"},
                                    only=["troll"])
    ax = drawing.figure.axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["troll"]
    assert ax.lines[1].get_xdata()[0] == interval([of(runs, label="troll", updates="8", sampler="int4")]).value
    assert list(ax.lines[-1].get_xdata()) == [0.25, 0.25] and caption.endswith("dotted: before training.")
    six = figures(sweep, runs, history, kind="intervals")
    assert len(six) == 6 and len({drawing.figure.axes[0].get_xlim() for drawing, _ in six}) == 1, "one scale for all"
    at = {"updates": "1", "sampler": "fp32"}
    ((_, other),) = figures(sweep, runs, history, kind="intervals", measure="kl", at=at)
    assert "KL a batch" in other and "before training" not in other


def test_pairs_and_profiles_are_drawn_where_they_are_asked_for():
    sweep, runs, history = record()
    at = {"updates": "32", "sampler": "fp32"}
    ((pairs, _),) = figures(sweep, runs, history, kind="improvements", at=at, against="ppo")
    better = improvement([of(runs, label="troll", **at)], [of(runs, label="ppo", **at)])
    assert pairs.figure.axes[0].lines[1].get_xdata()[0] == better.value and f"troll > ppo {better:.2f}" in pairs.alt
    ((profile, _),) = figures(sweep, runs, history, kind="profiles", at=at)
    line = profile.figure.axes[0].lines[0]
    assert line.get_ydata().tolist() == performance_profile([of(runs, label="ppo", **at)], line.get_xdata()).tolist()


@pytest.mark.parametrize(("changes", "words"), [
    ({"only": ["pop"]}, "only: expected one of ppo, troll, got 'pop'"),
    ({"at": {"lr": "1"}}, "at: expected one of sampler, updates, got 'lr'"),
    ({"at": {"updates": "2"}}, "updates: expected one of 1, 8, 32, got '2'"),
    ({"measure": "colour"}, "measure: expected one of kl, greedy, kept, seconds, .*, got 'colour'"),
    ({"kind": "improvements"}, "against: expected one of ppo, troll, got None"),
    ({"kind": "curves", "at": {"updates": "8"}}, "kind: expected an axis among updates, reuse, threshold, lr for"),
])
def test_what_a_record_does_not_have_is_named(changes, words):
    with pytest.raises(ValueError, match=words):
        figures(*record(), **changes)


def test_rows_say_what_was_measured_what_failed_and_what_gained_nothing():
    sweep, runs, history = record()
    runs.loc[runs["cell"] == "int4 ppo 32 2", "status"] = "failed"
    runs.loc[(runs["cell"].str.startswith("int4 troll 32")), "status"] = "failed"
    runs.loc[runs["cell"].str.startswith("fp32 ppo 32"), "sampled"] = 0.2
    found = {(row["label"], row["sampler"], row["updates"]): cells(row, ["sampler", "updates"])
             for row in table(sweep, runs, history=history).to_dict("records")}
    first = found["ppo", "fp32", "1"]
    estimate = interval([of(runs, label="ppo", updates="1", sampler="fp32")])
    # 10 batches of .01 nats, and .91 - .25 is 66 points.
    assert first[:5] == ("`ppo`", "fp32", "1", f"{estimate.value:.3f} \\[{estimate.low:.3f}, {estimate.high:.3f}\\]",
                         "1.000") and first[6].startswith("1.5 \\[1.5, ")
    assert found["ppo", "fp32", "32"][6] == "∞ \\[∞, ∞\\], 3 of 3 gained nothing"
    assert found["ppo", "int4", "32"][3].endswith(", 1 failed") and found["troll", "int4", "32"][3] == "3 failed"
    rows = [tolerance(row, ["sampler"]) for row in tolerances(sweep, runs).to_dict("records")]
    assert [row[:2] for row in rows] == [("`ppo`", "fp32"), ("`troll`", "fp32"), ("`ppo`", "int4")]
    assert rows[1][3].startswith("32.0 ") and rows[2][3].endswith(", 1 runs failed")


def test_two_digits_that_count():
    numbers = {0.0046: "0.0046", 0.00039: "0.00039", 12.3: "12", 0.52: "0.52", 0.0: "0", math.inf: "∞"}
    assert [brief(number) for number in numbers] == list(numbers.values())


def test_the_facts_of_a_record_and_its_commands():
    _, runs, _ = record()
    text, commands = made("stale", runs)
    assert text == ("36 runs, seeds 0 to 2 · 1 core-minutes of training · 2026-11-20 · a machine · torch 2 · "
                    "commit abc.")
    assert commands == ["trlib sweep stale --remake", "trlib sweep stale --verify"]


def test_every_shipped_record_has_its_section():
    page = (ROOT / "book/recorded.md").read_text(encoding="utf-8")
    for name in sorted(path.parent.name for path in RECORDS.glob("*/runs.csv")):
        for directive in ("figure", "table", "verdicts", "record"):
            assert f"```{{sweep-{directive}}} {name}\n" in page, f"{name} has no {directive} in book/recorded.md"
        runs, history = recorded(name)
        for drawing, _ in figures(load_sweep(name), runs, history):
            assert ElementTree.fromstring(drawing.svg()).get("aria-label") == drawing.alt
            assert all(f"{label} " in drawing.alt for label in runs["label"].unique())
