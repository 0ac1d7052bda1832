"""What a page shows of a recorded sweep: the figures' numbers, the tables' cells, what is refused."""

from __future__ import annotations

import math
import re
from xml.etree import ElementTree

import pandas as pd
import pytest

from bookext.sweeps import ALONG, brief, cells, figures, made, merged, tolerance
from tools.paths import ROOT
from trlib.evaluation import Estimate
from trlib.lab import recorded
from trlib.lab.findings import Finding, alike, judge, scores, table, tolerances
from trlib.lab.record import RECORDS
from trlib.lab.statistics import improvement, interval, iqm, performance_profile
from trlib.lab.sweep import Axis, Budget, Prediction, Sweep, Variant, load_sweep


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
    assert all("over updates per batch" in caption and "a cross where" in caption for _, caption in found)
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
    assert "KL per batch" in other and "before training" not in other


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
    used = Sweep(text="", variants=sweep.variants, budget=sweep.budget,
                 axes=[sweep.axes[0], Axis("uses", {"1": {}, "8": {}, "32": {}})])
    rows = [tolerance(row, ["sampler"]) for row in
            tolerances(used, runs.rename(columns={"updates": "uses"})).to_dict("records")]
    assert [row[:2] for row in rows] == [("`ppo`", "fp32"), ("`troll`", "fp32"), ("`ppo`", "int4")]
    assert rows[1][3].startswith("between 8 and 32") and rows[2][3].endswith(", 1 runs failed")


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


def test_rows_that_say_the_same_are_one_row() -> None:
    """Seventeen rows of which sixteen are equal are two; five equal of eight, four."""
    for name, groups, left in (("dial_methods", [16], 2), ("loops", [5], 4), ("stale", [], 6)):
        sweep, (runs, history) = load_sweep(name), recorded(name)
        rows = table(sweep, runs, history=history)
        found = alike(rows)
        assert [len(group) for group in found] == groups
        lines = merged(rows, [cells(row, []) for row in rows.to_dict("records")], found, [])
        assert len(lines) == left
        if found:
            part = rows.iloc[found[0]]
            assert part["sampled"].max() - part["sampled"].min() < 0.01 and part["low"].max() <= part["high"].min()
            line = next(line for line in lines if "alike" in line[0])
            assert all(f"`{label}`" in line[0] for label in part["label"])
            assert line[1] == f"{part['sampled'].min():.3f} to {part['sampled'].max():.3f}"
            assert any("`trpo`" in line[0] and "alike" not in line[0] for line in lines)


def test_what_failed_or_lies_apart_is_no_equal_row() -> None:
    rows = pd.DataFrame({"label": list("abcd"), "sampled": [0.5, 0.505, 0.509, 0.52], "failed": 0,
                         "low": [0.49, 0.5, 0.5, 0.51], "high": [0.51, 0.51, 0.51, 0.53]})
    assert alike(rows) == [[0, 1, 2]]
    assert alike(rows.assign(failed=[0, 1, 0, 0])) == []
    assert alike(rows.assign(high=[0.495, 0.51, 0.51, 0.53])) == [], "intervals that do not overlap"
    assert alike(rows.assign(updates=["1", "1", "8", "8"]), ["updates"]) == []


def test_a_verdict_is_told_in_plain_words() -> None:
    pair = Prediction("a is better", higher="a", lower="b")
    line = Prediction("a learns", higher="a", lower=0.5, measure="kl")
    told = {"seen": "as predicted", "not seen": "the opposite", "undecided": "cannot be told", "not run": "not run"}
    assert {word: Finding(pair, word, None).plain()[0] for word in told} == told
    assert Finding(pair, "seen", Estimate(0.95, 0.83, 1.0)).plain({"sampled": "accuracy"})[1] == \
        "a run of a is above one of b in accuracy in 95 % [83, 100] of all pairs"
    measured = Finding(line, "seen", Estimate(0.62, 0.6, 0.7)).plain()[1]
    assert measured == "kl of a is 0.62 [0.60, 0.70]; the line was 0.5"
    assert all(f.plain()[0] in ("as predicted", "the opposite", "cannot be told")
               for f in judge(load_sweep("stale"), recorded("stale")[0]))


def test_the_findings_at_the_top_are_what_the_records_say() -> None:
    """Every number of the six sentences, computed again."""
    page = (ROOT / "book/recorded.md").read_text(encoding="utf-8")
    first, *sentences = re.split(r"\n\d\. ", page.split("How to read them")[0])
    assert len(sentences) == 6 and len(first) < 120, "the answer comes first"

    def accuracy(name: str, label: str, **at: str) -> float:
        runs = recorded(name)[0]
        for axis, point in at.items():
            runs = runs[runs[axis].astype(str) == point]
        return float(iqm(scores(runs, label, "sampled", [])[()]))

    def said(sentence: int, *numbers: float) -> None:
        for number in numbers:
            assert f"{number:.2f}" in sentences[sentence - 1], (number, sentences[sentence - 1])

    runs, history = recorded("dial_methods")
    rows = table(load_sweep("dial_methods"), runs, history=history).set_index("label")["sampled"].sort_values()
    assert f"between {rows.iloc[1]:.3f} and {rows.iloc[-1]:.3f}" in sentences[0] and rows.index[0] == "trpo"
    said(1, rows["trpo"])
    said(2, *(accuracy("stale", label) for label in ("pg_is", "ppo", "troll")))
    said(3, accuracy("shootout", "gspo", updates="32"), accuracy("shootout", "cispo", updates="32"))
    said(4, accuracy("tuning", "ppo", threshold="0.333333"), accuracy("shootout", "ppo", updates="32"))
    said(5, *(accuracy("mismatch", label, sampler="int4", anchor=anchor) for label in ("troll", "dppo-tv")
              for anchor in ("rollout", "recomputed")))
    shuffled = recorded("controls")[0].query("label == 'shuffled'")["sampled"]
    assert (len(shuffled), int((shuffled > 0.35).sum())) == (72, 17)
    said(6, shuffled.max())


def test_an_axis_of_thresholds_does_not_speak_for_the_papers() -> None:
    assert "paper" not in ALONG["threshold"], "QUATRO's radius is ours, SAPO's a temperature, PSPO's only scales"
