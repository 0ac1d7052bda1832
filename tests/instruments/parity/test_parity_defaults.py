"""The table of defaults in chapter 4 has what the installed libraries have."""

import json
import re
from dataclasses import fields
from importlib.resources import files
from inspect import signature

import pytest
import yaml

from book.build.paths import NOTEBOOKS

CELLS = json.loads((NOTEBOOKS / "04_ppo.ipynb").read_text(encoding="utf-8"))["cells"]
TEXT = "\n".join("".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "markdown")


def settings_of(library):
    """The settings in a library's row, by name."""
    (row,) = re.findall(rf"^\| {re.escape(library)} .*$", TEXT, re.MULTILINE)
    return dict(re.findall(r"`(\w+)=([\w.]+)`", row))


def test_trl():
    trl = pytest.importorskip("trl")
    row, has = settings_of("TRL"), {one.name: one.default for one in fields(trl.GRPOConfig)}
    assert {*row} == {"epsilon", "epsilon_high", "delta", "num_iterations"}
    assert row == {name: str(has[name]) for name in row}
    assert has["steps_per_generation"] is None, "else a batch is larger than an update"


def test_verl():
    pytest.importorskip("verl")
    folder = files("verl.trainer.config")
    has = {
        **yaml.safe_load((folder / "actor/actor.yaml").read_text()),
        **yaml.safe_load((folder / "data/legacy_data.yaml").read_text()),
    }
    row = settings_of("verl")
    assert len(row) == 5 and row == {name: str(has[name]) for name in row}
    assert has["train_batch_size"] / has["ppo_mini_batch_size"] * has["ppo_epochs"] == 4


def test_torchrl():
    llm = pytest.importorskip("torchrl.objectives.llm")
    has = signature(llm.GRPOLoss.__init__).parameters["clip_epsilon"].default
    assert settings_of("torchrl") == {"clip_epsilon": str(has)}


def test_stable_baselines3():
    sb3 = pytest.importorskip("stable_baselines3")
    row, has = settings_of("Stable-Baselines3"), signature(sb3.PPO.__init__).parameters
    assert len(row) == 5 and row == {name: str(has[name].default) for name in row}
    assert has["n_epochs"].default * has["n_steps"].default / has["batch_size"].default == 320
