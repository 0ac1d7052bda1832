"""Everything that trains runs once on a device that is not the CPU, so that a first run on a GPU is
no adventure."""

import math

import pytest
import torch

import trlib
from tests.by_day import by_day
from tests.core.second_device import DEVICE, Elsewhere, SecondDevice, move
from tests.losses import refused
from trlib.algorithms import ALGORITHMS
from trlib.methods import OBJECTIVES, OPTIMIZERS

SMALL = {
    "steps": 1,
    "epochs": 2,
    "prompts": 4,
    "group": 4,
    "probe": 2,
    "lr": 1e-3,
    "seed": 3,
    "progress": False,
}
FORWARD_MODE = {
    "trpo",
    "gae",
}  # Fisher products take derivatives in forward mode, which do not pass through a wrapper
ADAPTERS = {"r": 2, "target_modules": "all-linear"}


def trained(method, *, lora=None, task="dial", **settings):
    learner = trlib.load_policy(task, lora=lora)
    move(learner.model)
    with SecondDevice():
        run = trlib.train(learner, trlib.load_task(task), method, **{**SMALL, **settings})
    assert learner.device == DEVICE and all(
        isinstance(weight, Elsewhere) for weight in learner.parameters
    )
    return learner, run


def weights(learner):
    return [getattr(weight, "numbers", weight).detach() for weight in learner.parameters]


def test_the_device_refuses_what_a_gpu_refuses():
    with SecondDevice():
        there = torch.tensor([1.0, 2.0], device=DEVICE)
        assert there.device == DEVICE and (2 * there + torch.tensor(1.0)).tolist() == [3.0, 5.0]
        assert there[torch.tensor([1])].device == DEVICE and type(there.to("cpu")) is torch.Tensor
        for mistake in (lambda: there + torch.ones(2), lambda: torch.stack([there, torch.ones(2)])):
            refused(
                "RuntimeError: .*expected all tensors on one device, got lazy:0 and cpu", mistake
            )
        refused("RuntimeError: .*numpy", there.numpy)


@pytest.mark.parametrize(
    "name",
    by_day(sorted({*ALGORITHMS} - FORWARD_MODE), "dppo", "troll", reason="the other methods"),
)
def test_a_method_trains_there_as_it_does_here(name):
    learner, run = trained(ALGORITHMS[name]())
    before, here = trlib.load_policy("dial"), trlib.load_policy("dial")
    beside = trlib.train(here, trlib.load_task("dial"), ALGORITHMS[name](), **SMALL)
    assert run.rows[0]["reward"] == pytest.approx(beside.rows[0]["reward"], abs=0, nan_ok=True)
    was, one, other = (
        torch.cat([w.flatten() for w in weights(policy)]) for policy in (before, here, learner)
    )
    moved, apart = ((one - x).abs().sum() for x in (was, other))
    # the order of a sum may differ, and AdamW divides by small numbers
    assert moved > 0 and apart < 0.01 * moved


@pytest.mark.nightly("thirty more of the same: what they are made of is tried in every run")
@pytest.mark.parametrize("name", sorted({*OBJECTIVES} - {*ALGORITHMS} - FORWARD_MODE))
def test_a_relative_trains_there(name):
    before = trlib.load_policy("dial")
    learner, _ = trained(OBJECTIVES[name]())
    assert not all(map(torch.equal, weights(before), weights(learner)))


@pytest.mark.parametrize(
    "settings",
    by_day(
        [
            {"lora": ADAPTERS},
            {"sampler": "int4"},
            {"lag": 1, "steps": 2},
            {"logit_noise": 0.1, "anchor": "recomputed"},
            {"minibatches": 2},
            {"task": "spend"},
            *({"optimizer": name} for name in sorted(OPTIMIZERS)),
        ],
        {"lora": ADAPTERS},
        {"lag": 1, "steps": 2},
        reason="the other settings",
    ),
    ids=lambda settings: " ".join(f"{name}={str(value)[:12]}" for name, value in settings.items()),
)
def test_every_part_of_the_loop_runs_there(settings):
    _, run = trained(ALGORITHMS["ppo"](), **settings)
    assert all(math.isfinite(row["kl"]) for row in run.rows)


@pytest.mark.nightly("three runs; a run is resumed by day on the first device")
def test_a_run_is_resumed_there_bit_for_bit(tmp_path):
    whole, _ = trained(ALGORITHMS["ppo"](), steps=2, out=tmp_path / "whole")
    trained(ALGORITHMS["ppo"](), steps=1, out=tmp_path / "parts")
    resumed, _ = trained(ALGORITHMS["ppo"](), steps=2, out=tmp_path / "parts", resume=True)
    assert all(map(torch.equal, weights(whole), weights(resumed)))


def test_a_policy_is_evaluated_there():
    learner = trlib.load_policy("dial")
    move(learner.model)
    with SecondDevice():
        there = trlib.evaluate(learner, trlib.load_task("dial"), prompts=8, samples=2, seed=0)
    here = trlib.evaluate(
        trlib.load_policy("dial"), trlib.load_task("dial"), prompts=8, samples=2, seed=0
    )
    assert there.as_dict() == here.as_dict()
