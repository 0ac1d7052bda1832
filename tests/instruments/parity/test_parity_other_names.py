"""The names that `trlib.other_names` calls a library's own: the library has them."""

import inspect
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import pytest

from trlib.other_names import NAMES


@pytest.mark.skipif(find_spec("trl") is None, reason="TRL is not installed")
def test_trl_has_the_names_that_are_called_its_own():
    from trl import GRPOConfig, GRPOTrainer

    known = {f.name for f in fields(GRPOConfig)} | set(inspect.signature(GRPOTrainer).parameters)
    of_older_trainers = {"num_ppo_epochs", "num_mini_batches", "cliprange", "warmup_ratio"}
    assert set(NAMES["TRL"]) - known <= of_older_trainers


@pytest.mark.skipif(find_spec("verl") is None, reason="verl is not installed")
def test_verl_has_the_names_that_are_called_its_own():
    (folder,) = find_spec("verl").submodule_search_locations
    files = [*Path(folder, "trainer/config").rglob("*.yaml"), *Path(folder).rglob("*config*.py")]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    assert [name for name in NAMES["verl"] if name not in text] in (
        [],
        ["rollout_n"],
    )  # rollout.n there
