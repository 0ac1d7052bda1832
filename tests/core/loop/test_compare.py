"""Saved runs are loaded, and runs are laid beside each other."""

import json

import pandas as pd
import pytest

import trlib
from tests.core.loop.runs import SHORT, trained
from tests.losses import refused
from trlib.algorithms import GRPO
from trlib.cli import main


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    at = tmp_path_factory.mktemp("runs")
    trained(GRPO(), out=at / "a", evaluate_every=2, **SHORT)
    trained(GRPO(eps_high=0.3), out=at / "b", lr=1e-3, **SHORT)
    return at / "a", at / "b"


def test_a_saved_run_is_loaded_as_it_was(folders, tmp_path):
    run, again = trained(GRPO(), out=tmp_path / "run", **SHORT), trlib.load_run(tmp_path / "run")
    assert again.history.equals(run.history) and again.settings == run.settings
    assert again.policy is None
    assert repr(again) == repr(run) and again.prompts.equals(run.prompts)
    refused("CheckpointError: run: expected the folder of a run", trlib.load_run, tmp_path)


def test_what_differs_and_how_runs_end(folders):
    found = trlib.compare(*folders, last=2)
    assert found.settings.to_dict("index") == {
        "lr": {"a": 1e-4, "b": 1e-3},
        "method.eps_high": {"a": 0.2, "b": 0.3},
    }
    a = trlib.load_run(folders[0])
    end = found.ends.loc["a"]
    assert end["reward"] == pytest.approx(a.history["reward"].iloc[-2:].mean())
    assert end["low"] <= end["reward"] <= end["high"] and end["batches"] == 3
    assert "last 3 batches" in repr(trlib.compare(*folders))  # there are no ten
    assert end["eval_greedy"] == a.history["eval_greedy"][1]
    text = repr(found)
    assert "method.eps_high" in text and "last 2 batches" in text
    assert len(found.plot("reward", "kl").axes[1].lines) == 2
    assert "<img alt=" in found._repr_html_() and "<table" in found._repr_html_()
    refused("column: expected one of .*did you mean 'reward'", found.plot, "rewards")
    refused("runs: expected at least one", trlib.compare)


def test_the_command_line_compares(folders, tmp_path, capsys):
    picture = tmp_path / "ab.png"
    assert main(["compare", *map(str, folders), "--figure", str(picture)]) == 0
    assert "method.eps_high" in capsys.readouterr().out and picture.stat().st_size > 1000
    assert main(["compare", str(folders[0]), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ends"]["a"]["batches"] == 3
    assert main(["compare", str(tmp_path)]) == 1
    assert "expected the folder of a run" in capsys.readouterr().err


def test_a_sweep_is_laid_beside_a_run_by_its_arms(folders, tmp_path):
    cells = [("plain", "c1", 0), ("plain", "c2", 1), ("ppo", "c3", 0)]
    same = {"settings": "{}", "train": '{"lr": 0.1}', "task": '{"name": "dial"}', "steps": 2}
    pd.DataFrame([{"label": a, "cell": c, "seed": s, **same} for a, c, s in cells]).to_csv(
        tmp_path / "runs.csv.xz"
    )
    rewards = {"c1": [0.0, 0.2], "c2": [0.0, 0.6], "c3": [0.0, 0.5]}
    pd.DataFrame({"metric": "reward", "batch": [0, 1], **rewards}).to_csv(
        tmp_path / "history.csv.xz", index=False
    )
    found = trlib.compare(tmp_path, folders[0], last=1)
    assert [*found.ends.index] == ["plain", "ppo", "a"]
    end = found.ends.loc["plain"]
    assert end["reward"] == pytest.approx(0.4) and end["batches"] == 2
    assert (end["low"], end["high"]) == (0.2, 0.6), "the interval is over the two seeds"
    assert "over seeds or their prompts" in repr(found)
    assert len(found.plot("reward").axes[0].lines) == 3
    (tmp_path / "history.csv.xz").write_bytes(b"no table")
    refused("CheckpointError: runs: expected a sweep's tables", trlib.compare, tmp_path)
