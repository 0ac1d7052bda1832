"""A run that stopped, by a signal, a fault or a full disk, and is taken up again: it is the run that was
never interrupted, or it is refused."""

import dataclasses
import json
import math
import signal
import traceback
from functools import partial

import pandas as pd
import pytest
import torch

import trlib
from tests.by_day import by_day
from tests.core.loop import runs
from tests.core.loop.runs import Meddling, same
from tests.losses import refused
from trlib.algorithms import DPPO, DrGRPO, Reference
from trlib.errors import CheckpointError, MethodError, NonFiniteError
from trlib.loop import loop
from trlib.loop.saving import checkpoints, history
from trlib.relatives.ratios.windows import PbPPO

trained = partial(runs.trained, checkpoint_every=2)
OFF_POLICY = {
    "minibatches": 2,
    "epochs": 2,
    "lag": 3,
    "segments": 2,
    "sampler": "bf16",
    "logit_noise": 0.1,
    "temperature": 0.9,
}


REMEMBERS = PbPPO(reference=Reference(beta=0.05, every=2, controller="ppo", target_kl=0.1))
"""A method whose reference moves and whose weight changes, with numbers and tensors in its memory."""


@pytest.mark.parametrize(
    "method",
    by_day(
        [DrGRPO(), REMEMBERS, DPPO(delta_tv=0.1)],
        REMEMBERS,
        reason="three runs for each",
    ),
)
def test_a_resumed_run_is_the_run(tmp_path, method):
    whole = trained(method, **OFF_POLICY)
    for steps in (1, 3, 4):
        again = trained(method, out=tmp_path, resume=steps > 1, **OFF_POLICY, steps=steps)
    assert same(whole, again)
    done = trained(method, out=tmp_path, resume=True, **OFF_POLICY)
    assert same(whole, done) and done.history.seconds.equals(again.history.seconds)
    written = pd.read_csv(tmp_path / "history.csv", index_col="batch")
    assert written.loss.tolist() == pytest.approx(whole.history.loss.tolist())
    saved = trlib.load_policy(tmp_path / "policy")
    assert all(map(torch.equal, saved.parameters, whole.policy.parameters))
    settings = json.loads((tmp_path / "run.json").read_text())
    assert settings["method"]["name"] == type(method).__name__
    assert settings["task"]["name"] == "dial"


def test_other_settings_are_refused_and_nothing_is_lost(tmp_path):
    trained(out=tmp_path, steps=2)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    for message, change in {
        "holds a run already.*resume=True": {"resume": False},
        "resume: the saved run has seed = 0, expected the same, got 1": {"seed": 1},
        "resume: the saved run has lr = 0.0001": {"lr": 1e-3},
        "method.eps_high = 0.2, .*, got 0.3": {"method": DrGRPO(eps_high=0.3)},
        "method.name = 'DrGRPO', .*, got 'DPPO'": {"method": DPPO()},
        "has 2 batches already, expected at least as many, got 1": {"steps": 1},
    }.items():
        given = {"out": tmp_path, "resume": True, **change}
        refused(f"CheckpointError: .*{message}", trained, **given)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_another_arithmetic_scaling_or_base_is_refused(tmp_path, folder):
    def adapted(alpha=8):
        lora = {"r": 2, "lora_alpha": alpha, "target_modules": ["q_proj"]}
        return trlib.load_policy(folder, lora=lora)

    def is_refused(out, policy, message):
        refused(f"CheckpointError: .*model.{message}", trained, policy=policy, out=out, resume=True)

    whole, lora = tmp_path / "whole", tmp_path / "lora"
    trained(out=whole, steps=1)
    coarse = trlib.load_policy("dial", dtype="bfloat16")
    is_refused(whole, coarse, r"types = \['float32'\], expected the same, got \['bfloat16'\]")
    trained(policy=adapted(), out=lora, steps=1)
    is_refused(lora, adapted(64), "adapters = .*'lora_alpha': 8.*got .*'lora_alpha': 64")
    other = adapted()
    with torch.no_grad():
        next(p for p in other.model.parameters() if not p.requires_grad).mul_(1.01)
    is_refused(lora, other, r"frozen = '\w{12}', expected the same, got '\w{12}'")
    once = trained(policy=adapted(), out=lora, resume=True, steps=2)
    # a policy that has learned meanwhile is the same one: what learns is taken from the checkpoint
    twice = trained(policy=once.policy, out=lora, resume=True, steps=3)
    assert same(twice, trained(policy=adapted(), steps=3))


# -- the history: a file that only grows
# --------------------------------------------------------------------------------------------------


def killed():
    raise KeyboardInterrupt


def lines_of(folder):
    return (folder / "history.jsonl").read_bytes().splitlines(keepends=True)


def test_a_killed_process_s_batches_are_there_until_the_run_goes_on_from_its_checkpoint(tmp_path):
    whole = trained(out=tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        trained(task=Meddling(3, killed), out=tmp_path / "killed")
    lines = lines_of(tmp_path / "killed")
    with (tmp_path / "killed" / "history.jsonl").open("ab") as file:
        file.write(lines[-1][:-20])  # killed again while it wrote
    rows, prompts = history.read(tmp_path / "killed")
    assert len(rows) == 3 and prompts == whole.prompt_rows[: len(prompts)]
    again = trained(out=tmp_path / "killed", resume=True)
    assert same(again, whole) and lines_of(tmp_path / "killed")[:2] == lines[:2]
    assert history.read(tmp_path / "killed") == (again.rows, again.prompt_rows)


def test_a_run_whose_checkpoint_holds_its_history_goes_on(tmp_path):
    """As runs were saved until 1.0.0rc1."""
    begun = trained(out=tmp_path, steps=2)
    tensors, meta = checkpoints.load(tmp_path)
    settings = {k: v for k, v in meta["settings"].items() if k != "filter_overlong_prompts"}
    old = {"rows": begun.rows, "prompts": begun.prompt_rows, "warned_of_silence": False}
    old |= {"settings": settings, "learner": meta["learner"]}
    checkpoints.save(tmp_path, tensors, old)
    (tmp_path / "history.jsonl").unlink()
    again = trained(out=tmp_path, resume=True)
    assert same(again, trained())
    assert history.read(tmp_path) == (again.rows, again.prompt_rows)


@pytest.mark.parametrize(("name", "batches"), [("checkpoint.safetensors", 4), ("history.jsonl", 3)])
def test_a_full_disk_keeps_what_was_saved(tmp_path, name, batches):
    import resource

    whole = trained(steps=2, out=tmp_path)
    size = (tmp_path / name).stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Every larger write fails, as on a full disk: the checkpoint's, or the next batch's line.
    most = size // 2 if name.startswith("checkpoint") else size + 100
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    message = rf"batch {batches - 1}: .*cannot write .*{name}.*saved before is intact"
    try:
        with pytest.raises(CheckpointError, match=message) as caught:
            trained(out=tmp_path, resume=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(caught.value.run.rows) == batches and not list(tmp_path.glob(".*.unfinished"))
    assert same(trained(steps=2, out=tmp_path, resume=True), whole)


def test_a_signal_leaves_a_valid_run_that_can_be_taken_up(tmp_path):
    """One of either kind ends it after its batch, a second at once."""
    whole = trained()
    for number in (signal.SIGINT, signal.SIGTERM):
        before, out = signal.getsignal(number), tmp_path / str(number)
        run = trained(task=Meddling(1, lambda: signal.raise_signal(number)), out=out)  # noqa: B023
        assert run.interrupted and run.signal == number and "interrupted" in repr(run)
        assert len(run.history) == 2 and signal.getsignal(number) is before
        again = trained(out=out, resume=True)
        assert again.signal is None and not again.interrupted and same(again, whole)

    def twice():
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        trained(task=Meddling(3, twice), out=tmp_path / "twice")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert same(trained(out=tmp_path / "twice", resume=True), whole)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Breaks(DrGRPO):
    """NaN in the loss (or only in its gradient) at one update."""

    where: str = "loss"

    def loss(self, per_token, batch):
        value = super().loss(per_token, batch)
        if Breaks.seen == 5:
            nan = torch.sqrt(value - value.detach()) + value.detach()  # in the gradient alone
            value = value * math.nan if self.where == "loss" else nan
        Breaks.seen += 1
        return value


@pytest.mark.parametrize(
    ("where", "metric", "every", "saved"),
    [("loss", "loss is nan", 2, 2), ("gradient", "grad_norm is (nan|inf)", 100, 0)],
)
def test_nan_stops_the_run_with_its_place_and_the_run_goes_on_from_its_checkpoint(
    tmp_path, where, metric, every, saved
):
    settings = {"minibatches": 2, "checkpoint_every": every, "steps": 3, "group": 8}
    method, Breaks.seen = Breaks(where=where), 0
    message = rf"batch 2: update 5: {metric}.*; {saved} of the 2 batches before it are saved"
    with pytest.raises(NonFiniteError, match=message) as caught:
        trained(method, out=tmp_path, **settings)
    assert len(caught.value.run.history) == 2
    Breaks.seen = 100
    again = trained(method, out=tmp_path, resume=True, **settings)
    assert same(again, trained(method, **settings))


def fails():
    raise TimeoutError("no answer")


def test_a_verifier_that_fails_costs_no_batch(tmp_path):
    """Nothing has learned from its batch, so the checkpoint is of the batch before it."""
    settings = {**OFF_POLICY, "checkpoint_every": 100}
    message = "batch 3: .*TimeoutError: no answer; 3 of the 3 batches before it are saved in"
    with pytest.raises(MethodError, match=message):
        trained(task=Meddling(3, fails), out=tmp_path, **settings)
    assert len(pd.read_csv(tmp_path / "history.csv")) == 3
    meddled = Meddling(9, None)
    assert same(trained(task=meddled, out=tmp_path, resume=True, **settings), trained(**settings))
    assert meddled.calls == 1


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), KeyError("x")])
def test_whatever_raises_inside_a_run_names_its_batch_and_carries_the_run(
    tmp_path, monkeypatch, error
):
    def on_probe(*given, of=loop.on_probe, **named):
        if len(history.read(tmp_path)[0]) == 2:
            raise error
        return of(*given, **named)

    monkeypatch.setattr(loop, "on_probe", on_probe)
    with pytest.raises(type(error)) as caught:
        trained(out=tmp_path, checkpoint_every=100)
    told = "".join(traceback.format_exception_only(caught.value))
    assert "batch 2" in told and "0 of the 2 batches before it are saved" in told
    assert caught.value.run.rows == history.read(tmp_path)[0]


def test_weights_of_few_digits_learn_in_float32(tmp_path):
    coarse = partial(trlib.load_policy, "dial", dtype="bfloat16")
    settings = {"lr": 1e-6, "warmup": 0, "minibatches": 2}
    run = trained(policy=coarse(), steps=2, out=tmp_path, **settings)
    before, after = (torch.cat([p.flatten() for p in x.parameters]) for x in (coarse(), run.policy))
    assert after.dtype == torch.bfloat16
    tensors, _ = checkpoints.load(tmp_path)
    copies = (tensors[f"exact/{i}"].flatten() for i in range(len(run.policy.parameters)))
    exact, used = torch.cat([*copies]), int((before != 0).sum())
    # AdamW on bfloat16 itself would have lost the difference.
    assert (exact != before.float()).sum() > 0.9 * used and (after != before).sum() < 0.2 * used
    assert torch.equal(after, exact.bfloat16())
    again = trained(policy=coarse(), steps=3, out=tmp_path, resume=True, **settings)
    assert same(again, trained(policy=coarse(), steps=3, **settings))


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_again_when_asked(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        trained(task=Meddling(1, killed), out=tmp_path)
    assert len(lines_of(tmp_path)) == 1
    refused(
        "CheckpointError: out: .* holds the history.jsonl of .*resume=True", trained, out=tmp_path
    )
    assert same(trained(out=tmp_path, resume=True), trained()) and len(lines_of(tmp_path)) == 4
