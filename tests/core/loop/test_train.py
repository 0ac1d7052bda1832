import dataclasses
import json
import math
import signal
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import ClassVar

import pandas as pd
import pytest
import torch

import trlib
from tests.by_day import by_day
from tests.core.loop import runs
from tests.core.loop.runs import same
from tests.losses import close, refused
from trlib.advantages import ADVANTAGES
from trlib.algorithms import (
    DPPO,
    GRPO,
    PPO,
    REINFORCE,
    TRAPO,
    TROLL,
    TRPO,
    Correction,
    DrGRPO,
    Method,
    Needs,
    PPOCritic,
    Stage,
)
from trlib.errors import CheckpointError, NonFiniteError
from trlib.loop.metrics import METRICS, SHOWN
from trlib.loop.saving import checkpoints
from trlib.model import forward
from trlib.model.policy import Policy
from trlib.tasks import Dial
from trlib.tasks.task import Verdict

trained = partial(runs.trained, checkpoint_every=2)
OFF_POLICY = {
    "minibatches": 2,
    "epochs": 2,
    "lag": 1,
    "sampler": "bf16",
    "logit_noise": 0.1,
    "temperature": 0.9,
}


def test_the_history_has_the_columns_of_the_glossary_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = trained()
    assert not list(tmp_path.iterdir())
    others = (*SHOWN, "kl_ref", "kl_ref_seq")  # those are another method's
    shown = [name for name in METRICS if name not in others]
    assert list(run.history.columns) == shown
    assert run.history.index.tolist() == [0, 1, 2, 3] and run.history.index.name == "batch"
    assert run.history.notna().sum().sum() >= 4 * len(shown) - 8
    assert len(run.prompts) == 16 and run.prompts.reward.between(0, 1).all()
    assert math.isclose(run.prompts.reward.mean(), run.history.reward.mean(), rel_tol=1e-6)
    assert f"4 batches: reward {run.rows[0]['reward']:.2f}" in repr(run)
    assert "<table" in run._repr_html_() and len(run.plot().axes) == 6
    two = run.plot("length", "kl").axes
    assert [ax.get_ylabel() for ax in two] == ["length, tokens", "kl, nats/token"]
    assert two[1].lines[0].get_ydata().tolist() == run.history["kl"].tolist()
    refused(r"column: expected one of .*; did you mean 'reward'", run.plot, "rewards")


@pytest.mark.parametrize(
    "method",
    by_day(
        [DrGRPO(), GRPO(beta=0.05), DPPO(delta_tv=0.1)],
        GRPO(beta=0.05),
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


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_learning_rate_that_ruins_the_weights_is_named(epochs):
    refused(
        r"NonFiniteError: batch 0: update 0: the weights are not finite after a step with lr = 1e\+300, "
        "expected a smaller lr",
        trained,
        lr=1e300,
        epochs=epochs,
    )


def test_another_arithmetic_scaling_or_base_is_refused(tmp_path, folder):
    def adapted(alpha=8):
        lora = {"r": 2, "lora_alpha": alpha, "target_modules": ["q_proj"]}
        return trlib.load_policy(folder, lora=lora)

    def is_refused(out, policy, said):
        refused(f"CheckpointError: .*model.{said}", trained, policy=policy, out=out, resume=True)

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


def test_an_unwritable_folder_is_found_before_any_work(tmp_path):
    (tmp_path / "file").write_text("")
    refused("CheckpointError: out: cannot make the folder", trained, out=tmp_path / "file" / "run")


def test_a_full_disk_keeps_what_was_saved(tmp_path):
    import resource

    whole = trained(steps=2, out=tmp_path)
    size = (tmp_path / "checkpoint.safetensors").stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # Every larger write fails, as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (size // 2, hard))
    said = r"cannot write .*checkpoint.*saved before is intact"
    try:
        with pytest.raises(CheckpointError, match=said) as caught:
            trained(out=tmp_path, resume=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert len(caught.value.run.rows) == 4 and not list(tmp_path.glob(".*.unfinished"))
    assert same(trained(steps=2, out=tmp_path, resume=True), whole)


class Meddling:
    """`dial`, and something that happens while the completions of one batch are verified."""

    def __init__(self, batch, happen):
        self.task, self.batch, self.happen, self.calls = trlib.load_task("dial"), batch, happen, 0
        self.name, self.max_tokens, self.settings = "dial", self.task.max_tokens, self.task.settings

    def prompts(self, n, *, seed):
        self.calls += 1
        return self.task.prompts(n, seed=seed)

    def verify(self, prompt, completion, *, ended):
        if self.calls == self.batch + 1 and self.happen is not None:
            happen, self.happen = self.happen, None
            happen()
        return self.task.verify(prompt, completion, ended=ended)


@dataclass(frozen=True)
class Short(Dial):
    """`dial`, but a completion ends at the first token that holds an s; keeps what it was asked."""

    ends_at: ClassVar[str] = "s"
    asked: ClassVar[list[tuple[str, bool]]] = []

    def verify(self, prompt, completion, *, ended):
        self.asked.append((completion, ended))
        return Verdict(
            float(ended and len(completion) > 0), "right" if completion else "bad format"
        )


@pytest.mark.parametrize("apart", [{}, {"lag": 1, "segments": 2}])
def test_a_tasks_own_letter_ends_completions_in_training_and_in_evaluation(apart):
    Short.asked.clear()
    policy = trained(task=Short(), steps=2, lr=1e-5, **apart).policy
    trained_on = list(Short.asked)
    trlib.evaluate(policy, Short(), prompts=8, samples=2)
    for asked in (trained_on, Short.asked[len(trained_on) :]):
        assert len(asked) in (2 * 16, 8 * 3) and not any("s" in text for text, _ in asked)
        assert sum(ended for _, ended in asked) > len(asked) / 2


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
    said = rf"batch 2: update 5: {metric}.*; {saved} of the 2 batches before it are saved"
    with pytest.raises(NonFiniteError, match=said) as caught:
        trained(method, out=tmp_path, **settings)
    assert len(caught.value.run.history) == 2
    Breaks.seen = 100
    again = trained(method, out=tmp_path, resume=True, **settings)
    assert same(again, trained(method, **settings))


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


@pytest.mark.parametrize(
    "method",
    by_day(
        [GRPO(beta=0.1), TROLL(), PPOCritic(), DPPO(measure="topk", delta_tv=0.1)],
        TROLL(),
        PPOCritic(),
        reason="two runs for each",
    ),
)
def test_scoring_a_few_at_a_time_changes_nothing(monkeypatch, method):
    settings = {"minibatches": 2, "steps": 1, "group": 8, "epochs": 2, "warmup": 0}
    whole, scored, rows = trained(method, **settings), forward.log_probs, []

    def counting(model, completions, *rest, **choices):
        rows.append(len(completions))
        return scored(model, completions, *rest, **choices)

    monkeypatch.setattr(forward, "log_probs", counting)
    few = trained(method, at_once=5, **settings)
    assert max(rows) <= 5 and rows.count(5) >= 4
    columns = ["loss", "grad_norm", "ratio_max", "kl"]
    frames = (run.history[columns] for run in (few, whole))
    pd.testing.assert_frame_equal(*frames, check_exact=False, rtol=2e-4, atol=2e-6)
    for one, other in zip(few.policy.parameters, whole.policy.parameters, strict=True):
        close(one, other, 2e-05)


@pytest.mark.parametrize("method", [TRPO(), PPOCritic(critic="trust-region")])
def test_a_region_of_steps_too_small_for_the_weights_is_refused(method):
    refused(
        r"TypeError: .*policy: expected weights of float32 or wider.*got torch.bfloat16; load it",
        trained,
        method,
        policy=trlib.load_policy("dial", dtype="bfloat16"),
        steps=1,
    )


def test_a_choice_that_teaches_nothing_or_twice_is_told_of():
    with pytest.warns(UserWarning, match="correction: with anchor='rollout' the ratio already"):
        trained(PPO(correction=Correction()), anchor="rollout", steps=1)
    said = "batch 0: rewards differ and every advantage is 0: .*; a group of 1 leaves"
    with pytest.warns(UserWarning, match=said):
        run = trained(TRAPO(), prompts=16, group=1, steps=1)
    assert run.history.grad_norm.item() == 0 < run.history.reward.item() < 1


def test_the_probe_sees_every_stage_of_a_group():
    run = trained(TRAPO(), prompts=16, group=8, probe=32, steps=1)
    seen = {int(row) % 8 for row in run.last.full_rows}
    assert len(run.last.full_rows) == 32 and {place // 2 for place in seen} == {0, 1, 2, 3}
    plain = trained(PPO(), prompts=16, group=8, probe=32, steps=1)
    assert plain.last.full_rows.tolist() == list(range(0, 128, 4))


class Alike(Meddling):
    """`dial`, and every completion gets one reward."""

    def verify(self, prompt, completion, *, ended):
        return Verdict(self.happen, "right" if self.happen else "wrong answer")


PUSHED = {("reward", 1.0), ("plus-minus", 1.0), ("plus-minus", 0.0)}


@pytest.mark.parametrize(
    ("advantage", "reward", "shift"),
    [*product(ADVANTAGES, (1.0, 0.0), (0.0,)), ("group-mean", 1.0, 0.1)],
)
def test_rewards_that_are_equal_are_said_to_teach_nothing_where_that_is_so(
    advantage, reward, shift, recwarn
):
    method = REINFORCE(advantage=advantage, shift=shift)
    run = trained(method, task=Alike(0, reward), steps=1)
    pushed = bool(shift) or (advantage, reward) in PUSHED
    assert (run.history.grad_norm.item() > 0) is pushed
    said = [one for one in recwarn if "learn" in str(one.message)]
    assert len(said) == (not pushed), "once"
    assert all(one.filename == runs.__file__ for one in said), "where a reader can change it"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Guided(PPO):
    """A quarter of the completions after half an expert's answer, where the rest fails; and a
    rollout anchor."""

    def plan(self, group, batch):
        return Stage(group - group // 4), Stage(group // 4, prefix=0.5, below=1.0)

    def needs(self, anchor):
        return Needs(old=True, full=True, full_anchor=True)

    def objective(self, scores, batch):
        on = batch.full_anchor.gather(-1, batch.tokens.unsqueeze(-1)).squeeze(-1)
        assert torch.equal(on[batch.mask], batch.logp_anchor[batch.mask])
        Guided.seen.append((batch.forced.any(1).view(4, 8), batch.rewards.view(4, 8)))
        return super().objective(scores, batch)


@pytest.mark.parametrize("anchor", ["rollout", "recomputed"])
def test_a_method_changes_the_rollout_by_its_plan_alone(anchor):
    Guided.seen = []
    run = trained(Guided(), group=8, steps=3, anchor=anchor, lag=1)
    forced, rewards = map(torch.cat, zip(*Guided.seen, strict=True))
    assert not forced[:, :6].any()
    failed = rewards[:, :6].sum(1) < 1
    assert failed.any() and (~failed).any()
    assert torch.equal(forced[:, 6:].all(1), failed) and torch.equal(forced[:, 6:].any(1), failed)
    assert run.prompts.guided.tolist() == (failed / 4).tolist()
    for row, mine, guided in zip(run.rows, rewards.split(4), forced.split(4), strict=True):
        assert row["reward"] == pytest.approx(float(mine[~guided].mean()))
    own = [float(mine[~guided].mean()) for mine, guided in zip(rewards, forced, strict=True)]
    assert run.prompts.reward.tolist() == pytest.approx(own)


class TwoStages(PPO):
    def plan(self, group, batch):
        return Stage(group // 2), Stage(group // 2)


def test_the_stages_of_a_plan_draw_numbers_of_their_own():
    run = trained(TwoStages(), group=8, steps=1)
    first, second = run.last.tokens.view(4, 2, 4, -1).unbind(1)
    assert not any(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def test_a_bad_argument_is_named():
    """What no bound of a field refuses: `laws.py` makes the rest."""
    for name in ("method", "task", "policy"):
        refused(f"TypeError: .*{name}: expected", trained, **{"steps": 1, name: "dial"})
    for message, wrong in {
        "steps: .*a float can hold": {"steps": 10**400},
        "lr: .*a float can hold": {"lr": 10**400},
        r"betas\[1\]: .*below 1, got inf": {"betas": (0.9, math.inf)},
        r"betas\[1\]: .*below 1": {"betas": (0.9, 1.0)},
        "minibatches: expected a divisor of prompts = 4": {"minibatches": 3},
        ".*expected at most .* tokens with the completion": {"max_tokens": 10_000},
        ".*group: .*at least 2": {"group": 1, "method": GRPO()},
        "without: expected one of 'sharing', .*got": {"without": ["pooling"]},
        "resume: .*out=None": {"resume": True},
        r".*Method.objective \(.*method.py:\d+\): .* no objective": {"method": Method()},
        "TypeError: train: .*'warmups'; did you mean 'warmup'": {"warmups": 3},
        "TypeError: train: .*'quux'$": {"quux": 3},
    }.items():
        refused(message, trained, **{"steps": 1, **wrong})


@pytest.mark.parametrize("kind", [trlib.algorithms.PGIS, PPO, trlib.algorithms.REINFORCE])
def test_a_batch_is_put_away_once_the_policy_has_moved_by_stop_kl(kind):
    """Updates are counted, and the distance is measured by hand after each of them."""
    moved: list[list[float]] = []

    @dataclass(frozen=True, kw_only=True)
    class Watched(kind):
        def loss(self, per_token, batch):
            moved[-1].append(per_token.shape[0])
            return super().loss(per_token, batch)

        def prepare(self, batch):
            moved.append([])
            return super().prepare(batch)

    def updates(stop_kl):
        moved.clear()
        run = trained(Watched(stop_kl=stop_kl), steps=2, epochs=6, lr=3e-3, anchor="rollout")
        return [len(batch) for batch in moved], run

    every, free = updates(None)
    assert set(every) == {6}
    far, same_run = updates(1e9)
    assert far == every and same(free, same_run)
    assert set(updates(1e-12)[0]) == {1}
    few, run = updates(float(free.history["kl"].median()) / 4)
    assert min(few) < 6 and run.history["kl"].median() < free.history["kl"].median()


def test_a_method_with_an_update_of_its_own_refuses_to_stop():
    refused("stop_kl: TRPO has an update of its own", TRPO, stop_kl=0.01)
    refused("stop_kl: expected .* above 0, got 0", PPO, stop_kl=0)


@pytest.mark.parametrize("method", [GRPO(), TRPO(), PPOCritic(), TROLL(), TROLL(top_k=5)])
def test_neither_torch_s_default_type_nor_its_generator_takes_part(method):
    """float64 as the default type changes no number, and a run draws nothing from the generator that
    is the reader's."""
    how = {"steps": 2, "lag": 1, "sampler": "int4", "logit_noise": 0.3}
    before, expected = torch.get_rng_state(), trained(method, **how)
    assert torch.equal(torch.get_rng_state(), before)
    torch.set_default_dtype(torch.float64)
    try:
        assert same(trained(method, **how), expected)
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("anchor", ["rollout", "recomputed"])
@pytest.mark.parametrize("correction", [None, Correction()])
def test_a_correction_that_the_anchor_makes_is_warned_of(anchor, correction, recwarn):
    """And no other: neither of the two alone."""
    trained(PPO(correction=correction), steps=1, anchor=anchor)
    said = [str(one.message) for one in recwarn if "correct" in str(one.message)]
    assert len(said) == (anchor == "rollout" and correction is not None)
    assert all(
        one.startswith("correction: with anchor='rollout' the ratio already") for one in said
    )


class Own(PPO):
    """An update of its own, which scores once."""

    def update(self, step):
        step.descend(step.loss())


PASSES = [
    (PPO(), {}, 1),  # the update's own pass gives the old log-probs
    (Own(), {}, 2),  # nobody knows what it scores first
    (PPO(), {"anchor": "rollout"}, 1),
    (PPO(), {"epochs": 2}, 3),
    (PPO(), {"minibatches": 2}, 2),  # all of it once, and two halves
    (PPO(), {"epochs": 2, "anchor": "rollout"}, 2),
    (PPO(correction=Correction()), {}, 2),
    (GRPO(beta=0.1), {}, 2),  # and the reference's
    (GRPO(beta=0.1), {"epochs": 2}, 4),
    (DPPO(delta_tv=0.1), {"epochs": 2}, 2),
    (TROLL(), {}, 2),  # the old distributions
    (TRAPO(), {}, 1),
]


@pytest.mark.parametrize(("method", "settings", "passes"), PASSES)
def test_how_often_a_batch_is_scored(method, settings, passes, monkeypatch):
    """In batches, beside the probe's pass."""
    scored, score = [], Policy.score

    def counted(self, completions, **more):
        scored.append(len(completions))
        return score(self, completions, **more)

    monkeypatch.setattr(Policy, "score", counted)
    trained(method, steps=2, probe=1, without=["skipping"], **settings)
    assert sum(n for n in scored if n > 1) == 2 * 16 * passes
