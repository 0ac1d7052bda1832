"""What a run calls while it goes on, its evaluations, and its learning rate."""

import math
import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest
import torch

import trlib
from tests.core.loop.runs import SHORT, same, trained
from tests.losses import refused
from trlib.loop.optimizer_step import OptimizerStep
from trlib.user_files import load


class Listener:
    def __init__(self, stop_at=None):
        self.heard, self.stop_at = [], stop_at

    def on_train_begin(self, run):
        self.heard.append(("begin", len(run.rows)))

    def on_step_end(self, run, row):
        assert run.rows[-1] is row
        self.heard.append(("step", len(run.rows)))
        run.should_training_stop = len(run.rows) == self.stop_at

    def on_log(self, run, logs):
        self.heard.append(("log", logs["reward"]))

    def on_evaluate(self, run, metrics):
        self.heard.append(("evaluate", metrics.greedy.value))

    def on_save(self, run):
        self.heard.append(("save", len(run.rows)))

    def on_train_end(self, run):
        self.heard.append(("end", run.interrupted))


def test_a_callback_hears_everything_in_order_and_changes_nothing(tmp_path):
    listener = Listener()
    settings = {**SHORT, "checkpoint_every": 2}
    run = trained(callbacks=[listener], out=tmp_path / "run", evaluate_every=2, **settings)
    rewards = run.history["reward"].tolist()
    greedy = run.history["eval_greedy"]
    assert listener.heard == [
        ("begin", 0),
        ("step", 1), ("log", rewards[0]),
        ("step", 2), ("log", rewards[1]), ("evaluate", greedy[1]), ("save", 2),
        ("step", 3), ("log", rewards[2]), ("save", 3),
        ("end", False),
    ]  # fmt: skip
    assert greedy.isna().tolist() == [True, False, True]
    for row in run.rows:
        row.pop("eval_greedy", None), row.pop("eval_sampled", None)
    assert same(run, trained(**SHORT))


def test_a_callback_stops_a_run_that_can_be_resumed(tmp_path):
    stopped = trained(callbacks=[Listener(stop_at=2)], out=tmp_path / "run", **SHORT)
    assert stopped.interrupted and stopped.signal is None and len(stopped.rows) == 2
    listener = Listener()
    resumed = trained(callbacks=[listener], out=tmp_path / "run", resume=True, **SHORT)
    assert listener.heard[0] == ("begin", 2) and same(resumed, trained(**SHORT))


def test_an_evaluation_during_a_run_is_that_of_evaluate():
    """The greedy completions of the same prompts, on another task where one is named."""
    other = trlib.load_task("dial", moves=1)
    run = trained(**SHORT, evaluate_every=3, eval_dataset=other)
    asked = {"prompts": 128, "samples": 1, "max_tokens": SHORT["max_tokens"]}
    found = trlib.evaluate(run.policy, other, **asked)
    last = run.history.iloc[-1]
    assert (last["eval_greedy"], last["eval_sampled"]) == (found.greedy.value, found.sampled.value)


def test_warm_up_and_schedule_by_hand():
    """Three updates of warm-up, of eight; a schedule would reach 0 in the ninth."""
    down = [5 / 5, 4 / 5, 3 / 5, 2 / 5, 1 / 5]
    for schedule, after in {
        "constant": [1.0] * 5,
        "linear": down,
        "cosine": [(1 + math.cos(math.pi * (1 - share))) / 2 for share in down],
    }.items():
        weight = torch.nn.Parameter(torch.zeros(1))
        step = OptimizerStep(
            [([weight], 1.0)], torch.optim.SGD, lr=0.5, betas=(0.9, 0.95), weight_decay=0.0,
            warmup=3, grad_norm=1.0, schedule=schedule, planned=8,
        )  # fmt: skip
        taken = []
        for _ in range(8):
            before, said = weight.item(), step.lr
            step.step(weight.sum())
            taken.append(before - weight.item())
            assert said == pytest.approx(taken[-1], rel=1e-5)
        assert taken == pytest.approx([0.5 * s for s in (1 / 3, 2 / 3, 1, *after)], rel=1e-5)


def test_a_schedule_is_over_with_the_run_and_fixes_its_length(tmp_path):
    settings = {**SHORT, "warmup": 0, "lr": 1e-2, "schedule": "linear"}
    first = trained(**{**settings, "schedule": "constant", "steps": 1})
    assert first.history["kl"].equals(trained(**settings).history["kl"][:1])
    trained(out=tmp_path / "run", **settings)
    longer = {**settings, "steps": 9, "out": tmp_path / "run", "resume": True}
    refused("CheckpointError: resume: .*steps = 3, expected the same, got 9", trained, **longer)


@pytest.mark.parametrize("name", ["tensorboard_", "weights_and_biases", "trackio_"])
def test_the_trackers_of_the_examples_log_every_number_of_every_batch(monkeypatch, name):
    """What each calls of its package is recorded; the packages themselves are not installed."""
    package, logged = MagicMock(), []
    package.init.return_value.log = package.log = lambda logs, step: logged.extend(
        (step, *item) for item in logs.items()
    )
    package.SummaryWriter.return_value.add_scalar = lambda name, value, step: logged.append(
        (step, name, value)
    )
    for module in ("torch.utils.tensorboard", "wandb", "trackio"):
        monkeypatch.setitem(sys.modules, module, package)
    example = load(Path(__file__).parents[3] / "examples" / "trackers" / f"{name}.py")
    kind = next(v for v in vars(example).values() if hasattr(v, "on_log"))
    tracker = kind() if name == "weights_and_biases" else kind("here")
    run = trained(callbacks=[tracker], **SHORT)
    assert logged == [(k, *item) for k, row in enumerate(run.rows) for item in row.items()]
