"""Lines of a training log: eighteen of them from threads, and one or more for each rule."""

import json
import math
from pathlib import Path

import pytest

from trcheck.diagnose import alike, log
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


def test_a_completion_of_one_long_word_costs_no_more_than_its_letters():
    """A collapsed policy writes it; with twice the letters it took four times as long."""
    for word in (
        "ha" * 100_000,
        "1" * 200_000,
        "-" * 200_000,
        "a=1" * 70_000,
        "a" * 200_000 + "\n",
    ):
        recognised, _ = log.judge(f"{{'loss': 0.01, 'completion': '{word}', 'kl': 0.1}}", word)
        assert recognised[:2] == ["loss (1)", "kl (1)"]


def test_a_cell_of_any_length_and_settings_of_any_size_are_read():
    long = f'Step,loss,text\n1,0.5,"{"x" * 200_000}"\n'
    assert log.read(long) == {"step": [1.0], "loss": [0.5]}
    for settings in (
        "train_batch_size=1e308 ppo_mini_batch_size=1e-308",
        "steps_per_generation=inf gradient_accumulation_steps=2",
    ):
        assert log.updates(log.read_settings(settings)) is None
        assert log.judge("{'loss': 0.1}", settings)[0][0] == "loss (1)"


def test_a_notebook_s_table_and_wrapped_lines_are_read_as_what_they_are():
    wanted = {"step": [1.0, 2.0], "loss": [0.5, 0.25], "reward": [1.0, 2.0]}
    marked = "Step | Training Loss | reward\n-- | -- | --\n1 | 0.5 | 1.0\n2 | 0.25 | 2.0"
    rows = [line.split(" | ") for line in marked.splitlines() if "--" not in line]
    for text in (
        marked,
        "\n".join("| " + " | ".join(row) + " |" for row in rows),
        "\n".join("\t".join(row) for row in rows),
        "\n".join("   ".join(row) for row in rows),
        "\n".join(",".join(row) for row in rows),
    ):
        assert log.read(text) == wanted, text
    verl = "step:1 - actor/ppo_kl:-0.000123 - critic/score/mean:0.25 - actor/grad_norm:0.5"
    whole = log.read(verl)
    assert len(whole) == 4
    at = [
        verl.index(part) + 3 for part in ("actor/ppo", "ppo_kl", "0.000123", "score", "grad_norm")
    ]
    for place in at:
        assert log.read(verl[:place] + "\n" + verl[place:]) == whole, verl[place - 5 : place]
    assert log.read("{'loss': 0.4, 'reward': 1.19\n404, 'kl': 0.1}")["reward"] == [1.19404]


def test_of_two_keys_of_one_name_the_first_counts():
    """verl logs the entropy before the update and within it, Unsloth the length twice."""
    lines = "".join(
        f"{{'completions/mean_length': {10 + i}.0, 'completion_length': {20 + i}.0}}\n"
        for i in range(3)
    )
    assert log.read(lines) == {"length": [10.0, 11.0, 12.0]}


def curves(**keys):
    """Lines as TRL prints them, of keys with a number for every line."""
    rows = zip(*keys.values(), strict=True)
    return "\n".join(str(dict(zip(keys, row, strict=True))) for row in rows)


def recorded(folder, name, kind, **keys):
    """A recorded run, as the recorder writes it."""
    rows = [
        json.dumps(dict(zip(keys, row, strict=True))) for row in zip(*keys.values(), strict=True)
    ]
    about = json.dumps({"kind": kind, "cause": name})
    (folder / f"{name}.jsonl").write_text("\n".join([about, *rows]) + "\n", encoding="utf-8")


def test_a_log_is_compared_with_recorded_runs_whatever_the_scale_of_its_rewards(
    tmp_path, capsys, monkeypatch
):
    up, flat = (
        [i / 30 + 0.01 * (i % 2) for i in range(30)],
        [0.5 + 0.01 * (i % 2) for i in range(30)],
    )
    down = up[::-1]
    runs = tmp_path / "runs"
    runs.mkdir()
    recorded(runs, "well", "healthy", reward=up, entropy=down, completion_length=flat)
    recorded(runs, "wrong sign", "ill", reward=down, entropy=down, completion_length=up)
    recorded(runs, "noise", "ill", reward=flat, entropy=up)
    for text, wanted in (
        (
            curves(reward=[100 * x - 50 for x in up], entropy=down),
            "None of the recorded ill runs: in",
        ),
        (
            curves(reward=[100 * x - 50 for x in down], entropy=down, completion_length=up),
            "Most alike: wrong sign. Alike in reward (falls), length (rises).",
        ),
        (
            curves(reward=down, entropy=down),  # one trend alone
            "None of the recorded ill runs, although unlike the healthy ones in reward (falls).",
        ),
        (
            curves(reward=down, completion_length=up, kl=up),  # no healthy run has a KL
            "Most alike: wrong sign. Alike in reward (falls), length (rises).",
        ),
        (
            curves(reward=up, entropy=flat),
            "None of the recorded ill runs, although unlike the healthy",
        ),
        (curves(reward=up[:3], entropy=up[:3]), "A comparison needs 6 lines"),
        (curves(kl=[math.nan] * 30), "A comparison needs 6 lines"),
    ):
        assert alike.compare(text, alike.runs(runs)).sentence.startswith(wanted), wanted
    (tmp_path / "train.log").write_text(
        curves(reward=down, completion_length=up, entropy=flat), encoding="utf-8"
    )
    monkeypatch.setattr("trcheck.diagnose.alike.FOLDER", runs)
    given = ["diagnose", "--log", str(tmp_path / "train.log"), "--plot", str(tmp_path / "it.png")]
    assert main(given) == 1
    out = capsys.readouterr().out
    assert "Alike in reward (falls), length (rises); not in entropy (stays; there falls)." in out
    assert (tmp_path / "it.png").read_bytes().startswith(b"\x89PNG")
    assert main(["diagnose", "--plot", "it.png"]) == 2
    assert "--plot: expected --log FILE beside it" in capsys.readouterr().err


def test_a_cause_is_known_by_what_all_its_runs_share_and_of_two_both_are_named(tmp_path):
    up, flat, zero = [i / 30 for i in range(30)], [0.5] * 30, [0.0] * 30
    recorded(tmp_path, "well", "healthy", reward=up, frac_reward_zero_std=zero, grad_norm=flat)
    recorded(tmp_path, "a", "ill", reward=up, frac_reward_zero_std=flat, grad_norm=flat)
    recorded(tmp_path, "b", "ill", reward=flat, frac_reward_zero_std=flat, grad_norm=flat)
    both = alike.runs(tmp_path)
    log_ = curves(reward=up, frac_reward_zero_std=flat, grad_norm=flat)
    assert (
        alike.compare(log_, both).sentence
        == "Most alike: a. Alike in groups with equal rewards (many)."
    )
    same_cause = [run._replace(cause="a") if run.cause == "b" else run for run in both]
    found = alike.compare(curves(reward=flat, frac_reward_zero_std=flat), same_cause)
    assert (
        found.sentence == "Most alike: a. Alike in groups with equal rewards (many)."
        and len(found.runs) == 2
    )
    renamed = [run._replace(words=both[0].words) if run.cause == "b" else run for run in both]
    twice = alike.compare(log_, renamed).sentence
    assert (
        twice
        == "Most alike: a. Alike in groups with equal rewards (many). Equally alike: b. Alike in groups with equal rewards (many)."
    )


def test_a_key_that_is_logged_once_a_batch_is_drawn_at_its_updates():
    text = "\n".join(
        str({"loss": 0.1, **({"reward": 1.0} if i % 4 == 0 else {})}) for i in range(12)
    )
    series = log.read(text)
    assert alike.steps(series, 3) == [1.0, 5.0, 9.0]
    assert alike.steps(series, 12) == [float(i + 1) for i in range(12)]


def test_the_recorded_runs_are_healthy_or_ill_and_no_healthy_one_is_accused():
    found = alike.runs()
    assert any(run.healthy for run in found)
    for file in sorted(alike.FOLDER.glob("*.jsonl")):
        first, _, rows = file.read_text(encoding="utf-8").partition("\n")
        about = json.loads(first)
        assert {"kind", "cause", "command", "versions", "seed"} <= set(about)
        if about["kind"] == "healthy":
            assert not alike.compare(rows, found).runs
