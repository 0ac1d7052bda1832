"""What a page shows of a recorded sweep: the figures' numbers, the tables' cells, what is
refused."""

import math
import re
from dataclasses import replace

import pandas as pd
import pytest

from book.build import records, words
from book.build.paths import ROOT
from book.build.records import RECORDS, cell, made, rows, usual
from trlab import recorded
from trlab.drawing.display_names import display_name
from trlab.drawing.figure_registry import FIGURES
from trlab.measures import matched
from trlab.record import all_recorded
from trlab.statistics import interval
from trlab.sweep import Axis, Budget, Sweep, Variant, declared, load_sweep
from trlab.texts import texts_of

pytestmark = pytest.mark.long


def test_what_was_declared_and_not_run_is_named():
    page = (ROOT / "book" / "recorded.md").read_text(encoding="utf-8")
    (named,) = re.findall(r"^- \*\*Declared, and not run.*$", page, re.MULTILINE)
    assert set(re.findall(r"`(\w+_\w+)`", named)) == {*declared()} - {*all_recorded()}


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
            "steps": 10,
            "kl": 0.01,
            "greedy": 1.0,
            "kept": 0.9,
            "seconds": 1.0,
            "cpu_seconds": 2.0,
            "sampled": 0.9 - fall * math.log2(float(u)) + seed / 100 - 0.1 * (sampler == "int4"),
            "date": "2026-11-20",
            "hardware": "a machine",
            "versions": "torch 2",
            "commit": "abc",
            "train": "{}",
        }
        for sampler in ("fp32", "int4")
        for u in ("1", "8", "32")
        for label, fall in falls.items()
        for seed in range(3)
    ]
    history = pd.DataFrame(
        [{"cell": row["cell"], "batch": b, "reward": 0.25 + b} for row in rows for b in (0, 1)]
    )
    sweep = Sweep(
        text="",
        variants=[Variant("ppo"), Variant("troll")],
        budget=Budget(steps=10),
        axes=[Axis("sampler", ("fp32", "int4")), Axis("updates", {"1": {}, "8": {}, "32": {}})],
    )
    return sweep, pd.DataFrame(rows), history


def of(runs, **places):
    for name, value in places.items():
        runs = runs[runs[name] == value]
    return runs["sampled"].to_list()


def test_a_sweep_over_updates_is_drawn_as_curves_a_figure_for_each_point_of_the_other_axes():
    sweep, runs, history = record()
    found = usual(sweep, runs, history)
    assert [caption.split(". ")[0] for _, caption in found] == ["Sampler fp32", "Sampler int4"]
    assert all(
        "over updates: 1, or 8 minibatches, once or 4 times" in caption for _, caption in found
    )
    assert all("a cross" not in caption for _, caption in found), "minibatches are no staleness"
    for (drawing, _), sampler in zip(found, ("fp32", "int4"), strict=True):
        lines = {line.get_label(): line for line in drawing.figure.axes[0].lines}
        for label in ("ppo", "troll"):
            values = [
                interval([of(runs, label=label, updates=u, sampler=sampler)])
                for u in ("1", "8", "32")
            ]
            assert lines[display_name(label)].get_xdata().tolist() == [1, 8, 32]
            assert lines[display_name(label)].get_ydata().tolist() == [e.value for e in values]
            assert f"{display_name(label)} {values[0]:.2f} at 1" in drawing.alt


def test_a_sweep_over_other_axes_is_drawn_as_intervals_over_the_base_on_one_scale():
    sweep, runs, history = record()
    runs = runs[runs["updates"] == "8"]
    found = usual(replace(sweep, axes=sweep.axes[:1]), runs, history)
    assert len({drawing.figure.axes[0].get_xlim() for drawing, _ in found}) == 1 < len(found)
    for (drawing, caption), sampler in zip(found, ("fp32", "int4"), strict=True):
        ax = drawing.figure.axes[0]
        assert [text.get_text() for text in ax.get_yticklabels()] == ["PPO", "TROLL"]
        shown = {line.get_xdata()[0] for line in ax.lines}
        for label in ("ppo", "troll"):
            assert interval([of(runs, label=label, sampler=sampler)]).value in shown
        assert list(ax.lines[-1].get_xdata()) == [0.25, 0.25]
        assert caption.endswith("dotted: before training.")


def test_every_shipped_record_has_its_page():
    assert {*records.shown()} == {*all_recorded()}
    assert {*records.shown()[-len(records.REPLACED) :]} == {*records.REPLACED}
    for name in records.shown():
        page = (RECORDS / name / records.PAGE).read_text(encoding="utf-8")
        assert f"`trlib sweep {name} --remake`" in page and "\n| method |" in page
        assert ("## Predictions and results" in page) is bool(load_sweep(name).predictions)
        shown = [f"({key}.svg)" for key, what in FIGURES.items() if what.sweep == name]
        assert any(text in page for text in ["(figure-1.svg)", *shown]), f"{name} has no figure"
        later = records.REPLACED.get(name)
        assert ("[What we got wrong](../../../book/wrong.md)" in page) is (later is not None)
        if later:
            assert later in records.shown() and later not in records.REPLACED
            assert f"(../{later}/README.md) asks this better" in page


def test_a_table_says_what_was_measured_what_failed_and_what_gained_nothing():
    _, runs, history = record()
    runs.loc[runs["cell"] == "int4 ppo 32 2", "status"] = "failed"
    runs.loc[runs["cell"].str.startswith("int4 troll 32"), "status"] = "failed"
    runs.loc[runs["cell"].str.startswith("fp32 ppo 32"), "sampled"] = 0.2
    columns = ["sampled", "greedy", "nats_per_point"]
    found = {
        tuple(line[:3]): line[3:] for line in rows(runs, history, ["sampler", "updates"], columns)
    }
    estimate = interval([of(runs, label="ppo", updates="1", sampler="fp32")])
    # 10 batches of .01 nats, and .91 - .25 is 66 points: .1/66 nats, 1.5 thousandths.
    assert found["`ppo`", "fp32", "whole, once"] == [
        f"{estimate.value:.3f} \\[{estimate.low:.3f}, {estimate.high:.3f}\\]",
        "1.00",
        "1.5 \\[1.5, 1.5\\]",
    ]
    hot = "8 minibatches, 4 times"
    assert found["`ppo`", "fp32", hot][2] == "∞ \\[∞, ∞\\], 3 of 3 gained nothing"
    assert found["`ppo`", "int4", hot][0].endswith(", 1 failed")
    assert found["`troll`", "int4", hot] == ["3 failed", "", ""]


def test_a_measure_at_a_reward_counts_the_runs_that_reach_it():
    _, runs, history = record()
    runs = runs[runs["sampler"].eq("fp32") & runs["updates"].eq("1") & runs["label"].eq("ppo")]
    history = pd.DataFrame(
        [
            {"cell": key, "batch": b, "reward": (0.1 if i else 0.05) * b, "entropy": 1 - 0.1 * b}
            for i, key in enumerate(runs["cell"])
            for b in range(12)
        ]
    )
    text = cell(runs, history, "entropy@0.7")
    assert text == "0.30 \\[0.30, 0.30\\], 2 of 3", "reward .7 at batch 7"
    assert matched(runs, history, "entropy")["matched"].mean() == pytest.approx(0.3)
    assert cell(runs, history, "entropy@1.5") == "not reached"


def test_the_facts_of_a_record_and_its_commands():
    _, runs, _ = record()
    text, commands = made("stale", runs)
    assert text == (
        "Learning rate 1e-4; 1 update from each batch of 16 x 16 · 36 runs, seeds 0 to 2 · "
        "1 core-minutes of training · 2026-11-20 · a machine · torch 2 · commit abc."
    )
    assert commands == ["trlib sweep stale --remake", "trlib sweep stale --verify"]


def test_every_axis_and_measure_of_a_record_has_words():
    for name in all_recorded():
        sweep = load_sweep(name)
        for prediction in sweep.predictions:
            assert prediction.measure in words.MEASURES, f"{name}: {prediction.measure}"
        for axis in sweep.axes:
            shown = [words.axis(axis.name).point(label) for label, _ in axis.points()]
            assert len(set(shown)) == len(shown), f"{name}: {shown}"


def test_a_page_shows_what_runs_wrote():
    runs = recorded("real_words")[0].set_index("label")
    prompts, texts = texts_of(runs.loc["once"])
    text, reward = texts[max(texts)][0]
    page = records.written("real_words")
    assert page.startswith(f"## What they wrote after `{prompts[0]}`")
    assert f"`{text.strip()}`{' ✓' if reward else ''} |" in page
    assert records.written("age") == ""
