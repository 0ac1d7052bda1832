"""Everything that trains runs once on a device that is not the CPU, so that a first run on a GPU is
no adventure."""

import math

import pytest
import torch

import trlib
from tests.by_day import by_day
from tests.core.second_device import DEVICE, Elsewhere, SecondDevice, move
from trlib.algorithms import ALGORITHMS
from trlib.methods import OPTIMIZERS

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


def test_a_policy_is_evaluated_there():
    learner = trlib.load_policy("dial")
    move(learner.model)
    with SecondDevice():
        there = trlib.evaluate(learner, trlib.load_task("dial"), prompts=8, samples=2, seed=0)
    here = trlib.evaluate(
        trlib.load_policy("dial"), trlib.load_task("dial"), prompts=8, samples=2, seed=0
    )
    assert there.as_dict() == here.as_dict()
