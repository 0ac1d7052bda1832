import dataclasses
import math
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import ClassVar

import pytest
import torch

import trlib
from tests.by_day import by_day
from tests.core.loop import runs
from tests.core.loop.runs import Meddling, same
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
    Needs,
    PPOCritic,
    Stage,
)
from trlib.loop.metrics import METRICS, SHOWN
from trlib.model.policy import Policy
from trlib.tasks import Dial
from trlib.tasks.task import Verdict

trained = partial(runs.trained, checkpoint_every=2)


def test_the_history_has_the_columns_of_the_glossary_and_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = trained()
    assert not list(tmp_path.iterdir())
    # those are another method's, or of prompts that are too long
    others = (*SHOWN, "kl_ref", "kl_ref_seq", "overlong")
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
    messages = [one for one in recwarn if "learn" in str(one.message)]
    assert len(messages) == (not pushed), "once"
    assert all(one.filename == runs.__file__ for one in messages), "where a reader can change it"


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


@pytest.mark.parametrize(
    "kind",
    by_day(
        [trlib.algorithms.PGIS, PPO, trlib.algorithms.REINFORCE],
        PPO,
        later=[trlib.algorithms.PGIS, trlib.algorithms.REINFORCE],
        reason="four runs for each",
    ),
)
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


@pytest.mark.parametrize(
    "method",
    by_day(
        [GRPO(), TRPO(), PPOCritic(), TROLL(), TROLL(top_k=5)],
        *(GRPO(), PPOCritic(), TROLL(), TROLL(top_k=5)),
        later=[TRPO()],
        reason="two runs with many products of TRPO's Fisher matrix",
    ),
)
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
    messages = [str(one.message) for one in recwarn if "correct" in str(one.message)]
    assert len(messages) == (anchor == "rollout" and correction is not None)
    assert all(
        one.startswith("correction: with anchor='rollout' the ratio already") for one in messages
    )


class Own(PPO):
    """An update of its own, which scores once."""

    def update(self, step):
        step.descend(step.loss())


PASSES = [
    (PPO(), {}, 1),  # the pass of the old log-probs is the update's own
    (Own(), {}, 2),  # nobody knows what it scores first
    (PPO(), {"anchor": "rollout"}, 1),
    (PPO(), {"epochs": 2}, 3),
    (PPO(), {"minibatches": 2}, 2),  # all of it once, and two halves
    (PPO(), {"epochs": 2, "anchor": "rollout"}, 3),
    (PPO(correction=Correction()), {}, 1),
    (GRPO(beta=0.1), {}, 2),  # and the reference's
    (GRPO(beta=0.1), {"epochs": 2}, 4),
    (DPPO(delta_tv=0.1), {"epochs": 2}, 3),
    (TROLL(), {}, 1),  # it gives the old distributions too
    (TROLL(), {"epochs": 2}, 3),
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
    trained(method, steps=2, probe=1, **settings)
    assert sum(n for n in scored if n > 1) == 2 * 16 * passes


def test_micro_batch_size_is_another_name_of_at_once():
    one, other = (trained(steps=2, **{name: 3}) for name in ("at_once", "micro_batch_size"))
    assert same(one, other) and one.settings["at_once"] == other.settings["at_once"] == 3
