"""The packed sweeps: numbers of the records, to the step they are counted in; and what a reader is
offered holds."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from tools.pack import packs
from trbook.explorables import RunExplorer, run_presets, runs
from trbook.explorables.modules import embed_modules, link_modules
from trbook.explorables.publish import publish
from trlab import recorded
from trlab.statistics import interval, iqm
from trlab.sweep import Axis, Budget, Sweep, Variant

FILE = json.loads(packs.FILE.read_text(encoding="utf-8"))


def decoded(text: str) -> list[int | None]:
    """The way back, written for the test alone: differences with their sign in the lowest bit."""
    row, last, above = [], 0, 0
    for character in text:
        if character == runs.GAP:
            row.append(None)
            continue
        place = runs.ALPHABET.index(character)
        if place >= 64:
            above = 64 * (place - 63)
            continue
        code, above = above + place, 0
        last += -(code + 1) // 2 if code % 2 else code // 2
        row.append(last)
    return row


def test_rows_of_numbers_come_back() -> None:
    row = [0, 5, -3, None, 700, 701, -1, None, 31, 32, -32, 64, 500, 0]
    assert decoded(runs.encode(row)) == row
    assert not set(runs.encode(row)) & set("\"\\<&'\n ") - {"'"}
    assert len(runs.ALPHABET) == len(set(runs.ALPHABET)) == 88 and runs.GAP not in runs.ALPHABET


def small() -> tuple[Sweep, pd.DataFrame, pd.DataFrame]:
    """Two methods at two points, three seeds, four batches; one arm was not run, one run failed."""
    rows, history = [], []
    for label in ("ppo", "troll"):
        for updates in ("1", "8"):
            for seed in range(3):
                if (label, updates) == ("troll", "8"):
                    continue
                failed = (label, updates, seed) == ("ppo", "8", 2)
                cell = f"{label}{updates}{seed}"
                rows.append(
                    {
                        "cell": cell,
                        "label": label,
                        "updates": updates,
                        "seed": seed,
                        "status": "failed" if failed else "done",
                        "sampled": 0.5 + seed / 10,
                        "kl": 0.01,
                        "steps": 4,
                    }
                )
                history += [
                    {
                        "cell": cell,
                        "batch": b,
                        "reward": 0.25 + b / 8 + seed / 100,
                        "kl": 10.0 ** -(b + 1),
                        "length": np.nan if b == 1 else 6.0,
                        "distinct": np.nan,
                    }
                    for b in range(4)
                ]
    sweep = Sweep(
        text="A small one.",
        variants=[Variant("ppo"), Variant("troll")],
        budget=Budget(steps=4),
        axes=[Axis("updates", {"1": {}, "8": {}})],
        seeds=range(3),
        name="small",
    )
    return sweep, pd.DataFrame(rows), pd.DataFrame(history)


def test_a_pack_holds_what_was_run_and_nothing_else() -> None:
    made = runs.pack(*small())
    assert made["axes"] == {"updates": ["1", "8"]} and made["methods"] == ["ppo", "troll"]
    assert (
        list(made["arms"]) == ["ppo|1", "troll|1", "ppo|8"] and made["arms"]["ppo|8"]["runs"] == 2
    )
    assert made["measures"] == ["reward", "kl", "length"], "distinct was never measured"
    one = made["arms"]["ppo|1"]
    estimate = interval([0.5, 0.6, 0.7])
    assert one["accuracy"] == pytest.approx([0.6, estimate.low, estimate.high], abs=1e-4)
    assert one["nats"] == pytest.approx([0.04] * 3)
    assert [runs.STEPS["reward"] * q for q in decoded(one["curves"]["reward"][0])] == pytest.approx(
        [0.26, 0.385, 0.51, 0.635], abs=runs.STEPS["reward"] / 2 + 1e-9
    )
    assert [10 ** (runs.STEPS["kl"] * q) for q in decoded(one["curves"]["kl"][2])] == pytest.approx(
        [0.1, 0.01, 0.001, 1e-4]
    )
    assert (
        decoded(one["curves"]["length"][0])[1] is None
        and decoded(one["curves"]["length"][1])[2] == 120
    )


def test_the_pack_is_of_these_records() -> None:
    again = "`python -m tools.pack.packs`, then `python -m tools.draw.stills`"
    assert FILE["format"] == runs.format_of_packs(), f"the format changed: {again}"
    packed = {sweep["name"]: sweep["record"] for sweep in FILE["sweeps"]}
    assert packed == {name: runs.digest(name) for name in runs.names()}, (
        f"a record changed: {again}"
    )
    assert packs.pack(FILE) == FILE, f"a preset changed: {again}"


def test_a_control_with_more_batches_is_drawn_where_as_many_updates_lie_behind_it() -> None:
    _, table, history = small()
    longer = pd.concat(
        [history, history.assign(batch=history["batch"] + 4, reward=history["reward"] + 1)]
    )
    own = table[(table["label"] == "troll")]
    made = runs.arm(own, longer, ["reward"], 4)
    assert made["every"] == 2 and "every" not in runs.arm(own, longer, ["reward"], 8)
    counted = [runs.STEPS["reward"] * q for q in decoded(made["curves"]["reward"][0])]
    assert counted == pytest.approx([0.26, 0.51, 1.26, 1.51], abs=0.0021), "batches 0, 2, 4 and 6"


def test_an_arm_with_fewer_batches_has_nothing_after_its_end() -> None:
    """`entropy` has one; the explorer reads a curve at every batch of its sweep."""
    _, table, history = small()
    own = table[(table["label"] == "troll")]
    assert decoded(runs.arm(own, history, ["reward"], 6)["curves"]["reward"][0])[4:] == [None, None]
    for sweep in FILE["sweeps"]:
        for name, arm in sweep["arms"].items():
            for rows in arm["curves"].values():
                assert {len(decoded(row)) for row in rows} == {sweep["batches"]}, name


def test_what_is_offered_can_be_shown() -> None:
    offered = [preset["state"] for preset in FILE["presets"]] + [FILE["question"]["state"]]
    assert len(offered) == 4 and set(FILE["question"]["options"]) == set(
        FILE["question"]["state"]["methods"]
    )
    for state in offered:
        RunExplorer(**state)
    assert run_presets.available(["spend"]) == []


def arms(state: dict, measure: str) -> dict[str, np.ndarray]:
    """The runs of a preset's methods at its point."""
    table, _ = recorded(state["sweep"])
    for axis, label in state["at"].items():
        table = table[table[axis].astype(str) == label]
    return {
        method: table[table["label"] == method][measure].to_numpy(float)
        for method in state["methods"]
    }


def test_what_the_presets_say_is_true() -> None:
    far, wide, slow = (preset["state"] for preset in FILE["presets"])
    moved, ends = arms(far, "kl"), arms(far, "sampled")
    assert interval(moved["pg_is"]).low > max(interval(moved[m]).high for m in ("ppo", "troll"))
    assert interval(ends["pg_is"]).high < max(interval(ends[m]).low for m in ("ppo", "troll"))
    table = recorded("tuning")[0].groupby(["label", "threshold"])["sampled"].mean().unstack()
    across = (table.max(axis=1) - table.min(axis=1)).median()
    between = table["1"].sort_values().diff().median()
    assert across > 2 * between and wide["sweep"] == "tuning"
    spread, won = arms(slow, "entropy"), arms(slow, "sampled")
    assert interval(spread["quatro"]).low > interval(spread["ppo"]).high and iqm(
        won["quatro"]
    ) < iqm(won["ppo"])


def test_the_question_has_one_answer_that_few_expect() -> None:
    ends = {
        method: interval(values)
        for method, values in arms(FILE["question"]["state"], "sampled").items()
    }
    best = max(ends, key=lambda method: ends[method].value)
    assert best == "pg_is" and all(
        ends[best].low > ends[other].high for other in ends if other != best
    )


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (
            {"sweeep": "stale"},
            "RunExplorer, setting: expected one of .*, got 'sweeep'; did you mean 'sweep'?",
        ),
        (
            {"sweep": "shotout"},
            "RunExplorer, sweep: expected one of .*, got 'shotout'; did you mean 'shootout'?",
        ),
        (
            {"sweep": "shootout", "at": {"update": "8"}},
            "axis of shootout: expected one of updates, got 'update'",
        ),
        (
            {"sweep": "shootout", "at": {"updates": "7"}},
            "updates of shootout: expected one of 1, 32, 8, got '7'",
        ),
        ({"sweep": "shootout", "methods": ["pop"]}, "method of shootout: .*, got 'pop'"),
        ({"sweep": "shootout", "cell": "trol"}, "got 'trol'; did you mean 'troll'"),
        ({"sweep": "shootout", "measure": "rewards"}, "did you mean 'reward'"),
    ],
)
def test_what_no_record_has_is_refused_by_name(settings: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        RunExplorer(**settings)


def test_a_page_carries_its_data_or_links_them(tmp_path) -> None:
    html = RunExplorer().html()
    assert html.count('class="trlib-data"') == 1 and '"sweeps":[{' in html
    assert "_data" not in RunExplorer().settings() and json.loads(RunExplorer()._data) == FILE
    linked = link_modules(html, "../_static/explorables")
    assert 'data-src="../_static/explorables/run_explorer.data.json"></script>' in linked
    assert len(linked) < len(html) - len(RunExplorer()._data) and embed_modules(linked) == html
    publish(tmp_path)
    assert json.loads((tmp_path / "run_explorer.data.json").read_text(encoding="utf-8")) == FILE
    assert (tmp_path / "run_explorer.js").is_file() and (tmp_path / "common.js").is_file()
