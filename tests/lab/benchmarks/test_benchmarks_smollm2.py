"""The recorded run of SmolLM2: it learned, from a start that fails on sums and not on their
format."""

import json

import trlib
from benchmarks.smollm2 import run

RECORD = json.loads((run.HERE / "record.json").read_text(encoding="utf-8"))


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
