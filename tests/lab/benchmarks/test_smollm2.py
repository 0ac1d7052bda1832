"""The recorded run of SmolLM2: it learned, from a start that fails on sums and not on their
format."""

from __future__ import annotations

import json

import pandas as pd
import pytest

import trlib
from benchmarks.smollm2 import loop, run

RECORD = json.loads((run.HERE / "record.json").read_text(encoding="utf-8"))


def test_the_readme_holds_what_the_record_holds():
    text = (run.HERE / "README.md").read_text(encoding="utf-8")
    assert run.filled(text) == loop.filled(text) == text
    assert run.filled(text.replace("| greedy accuracy |", "| greed |")) == text


def test_held_out_accuracy_rose_beyond_the_interval_and_not_by_format():
    before, after = RECORD["before"], RECORD["after"]
    for name in ("greedy", "sampled"):
        assert before[name]["high"] < after[name]["low"]
    for when in (before, after):
        assert when["reasons"]["bad format"] + when["reasons"]["no end"] < 0.01
    assert before["reasons"]["wrong answer"] > 0.5
    rewards = pd.read_csv(run.HERE / "history.csv")["reward"]
    assert [rewards[i : i + 5].mean() for i in range(0, 30, 5)] == pytest.approx(
        RECORD["reward_by_fives"], abs=1e-6
    )


def test_the_record_is_of_the_settings_that_the_code_has():
    settings = RECORD["settings"]
    assert {name: settings[name] for name in run.REGIME} == run.REGIME
    assert settings["task"] == trlib.load_task("sums", **run.TASK).settings
    assert RECORD["before"]["settings"]["prompts"] == run.HELD_OUT == RECORD["held_out_prompts"]


def test_held_out_prompts_are_not_those_of_training():
    task = trlib.load_task("sums", **run.TASK)
    asked = run.held_out(task)
    trained = {
        p.text for k in range(30) for p in task.prompts(8, seed=run.derive(run.SEED, "train", k))
    }
    assert (
        len(trained) > 200
        and len({p.text for p in asked}) == 128
        and not trained & {p.text for p in asked}
    )


def test_the_recorded_loops_sampled_alike_and_ours_is_faster():
    record = json.loads((run.HERE / "loop.json").read_text(encoding="utf-8"))
    ours, theirs = ([r for r in record["runs"] if r["side"] == side] for side in ("trlib", "trl"))
    assert len(ours) == len(theirs) >= 3
    for one, other in zip(
        sorted(ours, key=lambda r: r["seed"]), sorted(theirs, key=lambda r: r["seed"]), strict=True
    ):
        assert one["tokens_a_completion"] == pytest.approx(other["tokens_a_completion"], rel=0.02)
        assert one["completions_per_cpu_s"] > 1.1 * other["completions_per_cpu_s"]
