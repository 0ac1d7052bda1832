"""What every relative owes: a name, a run, a place in a file of its branch, and an error that says
what it is."""

from __future__ import annotations

import inspect
import warnings

import pytest
import torch

import trlib
from tests.by_day import by_day
from trlib.algorithms import ALGORITHMS, SFT
from trlib.fields import dataclass_of
from trlib.loop.optimizers import optimizers as every_optimizer
from trlib.methods import OBJECTIVES, method_kind
from trlib.relatives import BRANCHES, RELATIVES, optimizers

TRAINED = [name for name in RELATIVES if name in OBJECTIVES]
STEPPING = list(optimizers.RELATIVES)
CALLED = [name for name in RELATIVES if name not in TRAINED + STEPPING]
SMALL = {
    "steps": 2,
    "prompts": 4,
    "group": 4,
    "probe": 2,
    "checkpoint_every": 1,
    "progress": False,
    "lr": 1e-3,
}


def test_every_system_has_a_name_of_its_own():
    names = [name for branch in BRANCHES.values() for name in branch.RELATIVES]
    assert len({*names, *ALGORITHMS}) == len(names) + len(ALGORITHMS), "one name, one method"


@pytest.mark.parametrize(
    ("name", "uses"),
    by_day(
        [(name, uses) for name in TRAINED for uses in (1, 2, 8)],
        *((name, 2) for name in TRAINED if name != "gae"),
        reason="two uses have all that eight have; test_values trains `gae` with eight, and "
        "resumes it, in `make test`",
    ),
)
def test_an_objective_trains_dial(name, uses):
    policy = trlib.load_policy("dial")
    before = [p.detach().clone() for p in policy.parameters]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = trlib.train(policy, trlib.load_task("dial"), RELATIVES[name](), epochs=uses, **SMALL)
    assert len(run.history) == SMALL["steps"] and run.history.loss.notna().all()
    assert any(not torch.equal(a, b) for a, b in zip(before, policy.parameters, strict=True))


@pytest.mark.parametrize("method", ["grpo", "sft"])
@pytest.mark.parametrize("name", STEPPING)
def test_an_optimiser_is_a_setting_beside_a_method(name, method):
    assert name in every_optimizer()
    policy = trlib.load_policy("dial")
    before = [p.detach().clone() for p in policy.parameters]
    run = trlib.train(
        policy, trlib.load_task("dial"), OBJECTIVES[method](), optimizer=name, **SMALL
    )
    assert run.history.loss.notna().all()
    assert any(not torch.equal(a, b) for a, b in zip(before, policy.parameters, strict=True))


@pytest.mark.parametrize("name", RELATIVES)
def test_it_says_what_it_is_and_where_from(name):
    entry = RELATIVES[name]
    kind = dataclass_of(entry) if hasattr(entry, "func") else entry
    text = (inspect.getdoc(kind) or "") + (inspect.getdoc(inspect.getmodule(kind)) or "")
    assert text.strip()
    presets = ("opo", "gae", "tis", "tis_seq", "mis", "mis_seq", "geo_mask", "icepop")
    assert (
        kind.__module__.startswith(tuple(module.__name__ for module in BRANCHES.values()))
        or name in presets
    )


@pytest.mark.parametrize("name", STEPPING)
def test_an_optimiser_s_name_is_no_method(name):
    with pytest.raises(
        ValueError, match=f"method: {name} is an optimiser: expected it as optimizer='{name}'"
    ):
        method_kind(name)


@pytest.mark.parametrize("name", CALLED)
def test_a_function_s_name_is_no_method(name):
    with pytest.raises(
        ValueError,
        match=f"method: {name} is not an objective: expected it called as trlib.relatives",
    ):
        method_kind(name)


def test_names_are_found_and_suggested():
    assert method_kind("r2vpo") is RELATIVES["r2vpo"] and method_kind("sft") is SFT
    with pytest.raises(ValueError, match="r2vpo"):
        method_kind("r2vp")
