"""What a reader's own method can do and get wrong: errors name its file and line, and nothing
trained is lost."""

import re
from dataclasses import FrozenInstanceError, dataclass, replace
from functools import partial
from pathlib import Path

import pytest
import torch

import trlib
from tests.core.loop import runs
from tests.core.loop.runs import BIG, SHORT
from tests.losses import close, refused, same
from trlib.algorithms import (
    PPO,
    Method,
    Needs,
    TokenLoss,
    pg_is_loss,
)
from trlib.errors import MethodError
from trlib.methods import method_kind

HEAD = """\
from dataclasses import dataclass, replace
from trlib.algorithms import PPO, Method, Needs, TokenLoss
from trlib.divergences import kl, k3
@dataclass(frozen=True, kw_only=True)
class Mine(PPO):
"""


LATER = """\
def objective(self, scores, batch):
    if batch.number < 1: return super().objective(scores, batch)
    return TokenLoss(k3(scores.logp, batch.logp_ref))
"""
"""A stage that is as it was for the first batch, and then asks for what there is not: line 8."""

train = partial(runs.trained, **SHORT)


def mine(folder, body):
    file = folder / "mine.py"
    file.write_text(HEAD + "".join(f"    {line}\n" for line in body.splitlines()))
    return method_kind(f"{file}:Mine")


def test_an_error_in_a_stage_names_the_file_and_line_and_loses_nothing(tmp_path):
    kind = mine(tmp_path, LATER)
    message = r"batch 1: Mine\.objective \(\S*mine\.py:8\): logp_ref: the batch does not hold it"
    with pytest.raises(MethodError, match=f"^{message}") as caught:
        train(kind(), out=tmp_path / "run", checkpoint_every=1)
    assert "1 of the 1 batches before it are saved in" in str(caught.value)
    assert isinstance(caught.value, ValueError | TypeError) and len(caught.value.run.rows) == 1
    # What was trained is there: the same folder goes on with a method that is right, and the policy
    # is batch 1's.
    kind.objective = PPO.objective
    again = train(kind(), out=tmp_path / "run", resume=True)
    assert same(again.policy, train(kind()).policy)


# -- settings
# --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Wide(PPO):
    eps_high: float = 0.5
    extra: int = 3


class Narrower(Wide):
    """Neither a setting nor a default is new: no decorator."""

    def prepare(self, batch):
        self.number = batch.number
        return super().prepare(batch)


def test_what_a_method_would_keep_on_itself_is_refused_and_the_memory_named(tmp_path):
    with pytest.raises(
        FrozenInstanceError, match=r"number: the settings of Narrower are fixed; .* in batch.memory"
    ):
        Narrower().number = 1
    for kind in (
        Narrower,
        mine(tmp_path, "def prepare(self, batch):\n    self.number = batch.number"),
    ):
        refused(
            rf"MethodError: .*{kind.__name__}.prepare .*keep what changes in batch.memory",
            train,
            kind(),
        )


# -- what a method may do
# ----------------------------------------------------------------------------------------------


class Early(PPO):
    """Stops the batch's updates after two; every loss and batch it saw is kept."""

    def update(self, step):
        seen.append((step.batch.number, step.batch.batches, step.batch.reasons, step.lr))
        for number, part in enumerate(step.minibatches()):
            if number == 2:
                break
            part.descend(part.loss())


seen = []


def test_an_update_may_stop_early_and_a_batch_knows_its_number_and_reasons():
    seen.clear()
    run = train(Early(), epochs=5, warmup=4, lr=1e-3)
    assert [(number, batches) for number, batches, _, _ in seen] == [(0, 3), (1, 3), (2, 3)]
    # two updates a batch, four of warm-up
    assert [round(lr, 9) for *_, lr in seen] == [0.00025, 0.00075, 0.001]
    assert all(
        len(reasons) == 8 and set(reasons) <= set(trlib.tasks.REASONS) for _, _, reasons, _ in seen
    )
    assert same(run.policy, train(PPO(), epochs=2, warmup=4, lr=1e-3).policy)


class PerToken(Method):
    def objective(self, scores, batch):
        return pg_is_loss(
            scores.logp, batch.logp_anchor, advantages=batch.advantages, mask=batch.mask
        )


class OneNumber(PerToken):
    def objective(self, scores, batch):
        return TokenLoss(super().objective(scores, batch).per_token.sum() / batch.mask.sum())


class PerCompletion(PerToken):
    def objective(self, scores, batch):
        return TokenLoss(super().objective(scores, batch).per_token.sum(-1) / batch.lengths)


@pytest.mark.parametrize(
    ("kind", "aggregation"), [(OneNumber, "token-mean"), (PerCompletion, "seq-mean-token-mean")]
)
def test_a_loss_per_completion_or_as_one_number_is_that_of_tokens(kind, aggregation):
    one, other = train(kind()), train(PerToken(aggregation=aggregation))
    assert "kept" not in one.history and "kept" in other.history
    assert one.history.loss.tolist() == pytest.approx(other.history.loss.tolist(), abs=1e-7)
    assert one.history.grad_norm.tolist() == pytest.approx(
        other.history.grad_norm.tolist(), rel=1e-4
    )


def test_the_documentations_methods_train(tmp_path):
    page = (Path(trlib.__file__).parents[1] / "book/interface/method.md").read_text(
        encoding="utf-8"
    )
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    assert len(blocks) == 3
    for block in blocks:
        name = re.search(r"^class (\w+)", block, re.M)[1]
        (tmp_path / f"{name.lower()}.py").write_text(block)
        run = train(method_kind(f"{tmp_path / name.lower()}.py:{name}")(), lr=1e-3)
        assert run.history.kl.iloc[-1] > 0
    assert {"beta", "reached"} <= set(run.history)
    own = Path(__file__).parents[1] / "own/rebel.py"
    assert train(method_kind(f"{own}:REBEL")(), lr=1e-3).history.kl.iloc[-1] > 0
    base = re.search(
        r"^    from dataclasses.*?\n\n`trlib", trlib.algorithms.method.__doc__, re.M | re.S
    )[0]
    (tmp_path / "page.py").write_text("\n".join(line[4:] for line in base.splitlines()[:-1]))
    assert train(method_kind(f"{tmp_path / 'page.py'}:Bounded")(most=1.5)).history.kl.iloc[-1] > 0


# -- odd but sensible
# --------------------------------------------------------------------------------------------------


MISTAKES = {
    "def needs(self, anchor):": {
        "return {'full': True}": r"6.: needs: expected Needs\(.*\), got dict",
        "return Needs(topk_anchor=-1)": "7.: topk_anchor: expected a .* 0, got -1",
        "return Needs(values=True)": "7.: values: expected a critic that gives them, .* got none",
    },
    "def plan(self, group, batch):": {
        "from trlib.algorithms import Stage; return (Stage(group + 1),)": (
            "6.: method: its plan draws 5 completions per prompt, expected group = 4"
        ),
    },
    "def prepare(self, batch):": {
        "return replace(super().prepare(batch), memory={'a': 1})": "6.: memory: expected the",
        "batch.memory['a'] = 1": "6.: prepare: expected the batch, got NoneType",
        "batch.memory['a'] = 'x'": r"7.: memory\['a'\]: expected a number or a tensor, .* got str",
        "batch.memory['batch'] = 1": r"memory\['batch'\]: expected a name that the history does",
        "return batch.plus(mask=batch.mask & False)": "7.: mask: expected a new name, got one of",
        "return batch.plus(mine=3.0)": r"mine: expected a tensor \[B, .* = 8, got float",
    },
    "import torch\n@torch.no_grad()\ndef prepare(self, batch):": {
        "return batch.nothing": "9.: AttributeError: .*'nothing'",
    },
    "def objective(self, scores, batch):": {
        "return scores.logp": r"6.: objective: expected a TokenLoss, got Tensor; wrap it: Token",
        "return TokenLoss(scores.logp[:1])": r"6.: per_token: expected \[B, T\] .* got \[1, \d\]",
    },
    "def update(self, step):": {
        "step.descend(step.loss().detach())": "7.: loss: expected a number with a gradient",
        "step.descend(step.loss().expand(2))": r"loss: .* of one number, got \[2\]",
    },
}


@pytest.mark.parametrize(
    ("stage", "code"), [(stage, code) for stage, table in MISTAKES.items() for code in table]
)
def test_a_mistake_in_a_stage_is_named_with_its_line(stage, code, tmp_path):
    method = mine(tmp_path, f"{stage}\n    {code}")()
    refused(rf"MethodError: .*mine\.py.*{MISTAKES[stage][code]}", train, method, steps=1)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"lag": 1},
        {"anchor": "rollout"},
        {"anchor": "rollout", "minibatches": 2},
        {"minibatches": 2, "epochs": 2},
        {"temperature": 0.7, "at_once": 2},
    ],
)
@pytest.mark.parametrize("old", [None, True, False])
def test_prepare_has_the_old_log_probs_and_a_batch_begins_there(settings, old):
    begun = []

    class Reads(PPO):
        def needs(self, anchor):
            return Needs(old=old)

        def prepare(self, batch):
            begun.append(batch.logp_old)
            assert not batch.logp_old.requires_grad
            return super().prepare(batch)

        def objective(self, scores, batch):
            if begun:  # the batch's first update
                begun.clear()
                close(scores.logp[batch.mask].detach(), batch.logp_old[batch.mask], 1e-6)
            return super().objective(scores, batch)

    run = train(Reads(), **BIG, lr=1e-2, warmup=0, **settings)
    assert not begun and run.history.grad_norm.gt(0).any()


@pytest.mark.parametrize(("given", "share"), [((0.25,), 0.25), ((), 1.0)])
def test_a_reference_moves_by_its_share_of_the_way_or_all_of_it(given, share):
    ways = []

    def flat(weights):
        return torch.cat([p.detach().flatten() for p in weights.values()])

    class Follows(PPO):
        def needs(self, anchor):
            return Needs(old=True, reference=True)

        def update(self, step):
            super().update(step)
            before = flat(step.reference)
            step.move_reference(*given)
            ways.append((flat(step.weights) - before, flat(step.reference) - before))

    train(Follows(), **BIG, lr=1e-3, warmup=0)
    for whole, way in ways:
        assert whole.norm() > 1e-2 and (way - share * whole).norm() < 1e-3 * whole.norm()


# -- prompts that are too long
# --------------------------------------------------------------------------------------------------


class Long(runs.Meddling):
    """`dial`, and the second prompt of some draws fills the model's context."""

    def __init__(self, *draws):
        super().__init__(10**6, None)
        self.draws = draws

    def prompts(self, n, *, seed):
        prompts = super().prompts(n, seed=seed)
        if self.calls - 1 in self.draws or not self.draws:
            prompts[1] = replace(prompts[1], text=prompts[1].text * 30)
        return prompts


def test_a_prompt_that_is_too_long_is_left_out_and_another_drawn(recwarn):
    """The second batch has one, and its draw is the second; the fourth's is the fifth."""
    run = runs.trained(task=Long(1, 4), steps=4)
    assert run.history.overlong.tolist() == [0, 1, 0, 1]
    assert run.prompts.groupby("batch").size().tolist() == [4] * 4
    assert run.prompts.text.str.len().max() < 60
    said = [str(w.message) for w in recwarn if "max_tokens" in str(w.message)]
    assert len(said) == 1 and said[0].startswith("batch 1: left out 1 of its prompts")
    plain = runs.trained(steps=4)
    assert "overlong" not in plain.history
    assert run.prompts.text[:5].tolist() == plain.prompts.text[:5].tolist()
