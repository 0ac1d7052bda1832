"""Lines of a training log: eighteen of them from threads, and one or more for each rule."""

import json
from pathlib import Path

import pytest

from trcheck.diagnose import log
from trlib.cli import main

LOGS = json.loads(Path(__file__).with_name("logs.json").read_text(encoding="utf-8"))
"""`see` was checked by a reader: what the page and the command line say of each log, and nothing
else. Numbers and keys are those of the thread in `source`."""


@pytest.mark.parametrize("one", LOGS, ids=lambda one: one["name"])
def test_a_log_is_recognised_and_gets_just_the_statements_that_are_true_of_it(one):
    recognised, messages = log.judge(one["text"], one["settings"])
    assert recognised
    assert [statement.see for statement in messages] == one["see"]
    assert not any("{" in statement.sentence for statement in messages)


def test_every_rule_speaks_in_one_of_the_logs_and_real_ones_come_from_threads():
    assert sum(bool(one["source"]) for one in LOGS) >= 5
    spoken = set()
    for one in LOGS:
        settings = log.read_settings(one["settings"])
        known = log.measured(log.read(one["text"])) | settings
        if log.updates(settings) is not None:
            known["updates"] = log.updates(settings)
        spoken |= {
            place
            for place, rule in enumerate(log.RULES["rules"])
            if all(log._holds(known, *condition) for condition in rule["when"])
        }
    assert spoken == set(range(len(log.RULES["rules"])))


def test_updates_are_those_of_trl_and_verl():
    """Counted by hand: 8 passes of a generation, twice, 4 to an optimizer's step."""
    trl = "steps_per_generation=8, num_iterations=2, gradient_accumulation_steps=4"
    assert log.updates(log.read_settings(trl)) == 4
    assert log.updates(log.read_settings("--num_iterations 3")) == 3
    verl = "data.train_batch_size=100 actor.ppo_mini_batch_size=30 actor.ppo_epochs=2"
    assert log.updates(log.read_settings(verl)) == 8
    assert log.updates(log.read_settings(f"{verl} critic.ppo_epochs=5")) == 8
    for silent in ("steps_per_generation=8", "train_batch_size=$((64 * 2))", "beta=0.1"):
        assert log.updates(log.read_settings(silent)) is None


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1024.0, "1024"),
        (0.0625, "0.0625"),
        (1.125, "1.13"),
        (9.999, "10"),
        (-8.163e-6, "-8.16e-6"),
        (0.00012345, "1.23e-4"),
        (123456.7, "123000"),
        (0.1, "0.1"),
    ],
)
def test_numbers_are_short(number, shown):
    assert log._shown(number) == shown


def test_the_command_says_what_the_page_says(tmp_path, capsys):
    one = next(one for one in LOGS if one["name"] == "one update")
    files = {name: tmp_path / name for name in ("text", "settings")}
    for name, file in files.items():
        file.write_text(one[name], encoding="utf-8")
    given = ["diagnose", "--log", str(files["text"]), "--settings", str(files["settings"])]
    assert main(given) == 1
    out = capsys.readouterr().out
    assert "your settings make one update per batch" in out
    assert "book/questions/loss: Why is my clip ratio always 0" in out
    assert main([*given, "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["statements"]) == len(one["see"])
    files["text"].write_text("nothing of this is a log", encoding="utf-8")
    assert main(given[:3]) == 2 and "Nothing was recognised" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["dump.parquet", "--log", "a.log"],
            "--log: expected no dump beside it, got 'dump.parquet'",
        ),
        (["--settings", "run.sh"], "--settings: expected --log FILE beside it"),
        ([], "FILE: expected a dump, or --log FILE"),
    ],
)
def test_a_log_stands_alone(given, message, capsys):
    assert main(["diagnose", *given]) == 2
    assert message in capsys.readouterr().err
