"""What a reader's own method can do and get wrong: errors name its file and line, and nothing
trained is lost."""

import re
from dataclasses import FrozenInstanceError, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

import trlib
from tests.core.loop import runs
from tests.losses import close, refused, same
from trlib.algorithms import (
    DPPO,
    PPO,
    TROLL,
    Centered,
    Method,
    Needs,
    TokenLoss,
    pg_is_loss,
)
from trlib.algorithms.memory import Memory
from trlib.errors import MethodError
from trlib.loop.metrics import METRICS
from trlib.loop.optimizer_step import OptimizerStep
from trlib.loop.optimizers import maker
from trlib.loop.settings import RunSettings
from trlib.methods import method_kind

D = "@dataclass(frozen=True, kw_only=True)\n"
SMALL = {"steps": 3, "prompts": 2, "group": 4, "probe": 2, "max_tokens": 6, "progress": False}
BIG = {"prompts": 8, "group": 8}
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
"""A box that is as it was for the first batch, and then asks for what there is not: line 8."""

train = partial(runs.trained, **SMALL)


def mine(folder, body):
    file = folder / "mine.py"
    file.write_text(HEAD + "".join(f"    {line}\n" for line in body.splitlines()))
    return method_kind(f"{file}:Mine")


def test_an_error_in_a_box_names_the_file_and_line_and_loses_nothing(tmp_path):
    kind = mine(tmp_path, LATER)
    said = r"batch 1: Mine\.objective \(\S*mine\.py:8\): logp_ref: the batch does not hold it"
    with pytest.raises(MethodError, match=f"^{said}") as caught:
        train(kind(), out=tmp_path / "run", checkpoint_every=1)
    assert "1 of the 1 batches before it are saved in" in str(caught.value)
    assert isinstance(caught.value, ValueError | TypeError) and len(caught.value.run.rows) == 1
    # What was trained is there: the same folder goes on with a method that is right, and the policy
    # is batch 1's.
    kind.objective = PPO.objective
    again = train(kind(), out=tmp_path / "run", resume=True)
    assert same(again.policy, train(kind()).policy)


def test_a_function_as_a_setting_is_refused_before_anything_is_sampled(tmp_path):
    kind = mine(tmp_path, "schedule: object = None")
    refused(
        r"TypeError: schedule: expected a setting that can be saved .* got a function in Mine "
        r"\(.*mine.py:4\)",
        train,
        kind(schedule=lambda k: k),
    )


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


@pytest.mark.parametrize(
    ("code", "lost"),
    [
        ("class Mine(PPO):\n    most: int = 3", "most"),
        ("class Mine(PPO):\n    eps_high: float = 0.5", "eps_high"),
        ("class Mine(PPO):\n    eps_high = 0.5\n    most: int = 3", "eps_high, most"),
        (D + "class Mine(PPO):\n    eps_high = 0.5", "eps_high"),
        (D + "class Base(PPO):\n    most: int = 3\nclass Mine(Base):\n    most = 4", "most"),
    ],
)
def test_a_setting_that_python_would_ignore_is_refused_when_the_method_is_named_or_made(
    code, lost, tmp_path
):
    code = f"from dataclasses import dataclass\nfrom trlib.algorithms import PPO\n{code}\n"
    (tmp_path / "mine.py").write_text(code)
    said = rf"Mine: expected @dataclass\(frozen=True, kw_only=True\) .* it would ignore {lost}$"
    refused(f"TypeError: {said}", method_kind, f"{tmp_path / 'mine.py'}:Mine")
    names = {"__name__": __name__}
    exec(code, names)
    for settings in ({}, {"most": 5}):
        refused(f"TypeError: {said}", names["Mine"], **settings)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "nowhere.py:Mine",
            "method: expected FILE.py:NAME, got .*nowhere.py:Mine', and .*nowhere.py' is not a file",
        ),
        ("empty.py:Mine", "method: expected a method in .*empty.py', got a file that defines none"),
        (
            "near.py:Mien",
            "a method in .*near.py': expected one of Mine, got 'Mien'; did you mean 'Mine'",
        ),
        ("broken.py:Mine", "broken.py: ZeroDivisionError: division by zero"),
        ("near.py", r"method: expected FILE.py:NAME, got .*near.py'; NAME is the method in it"),
    ],
)
def test_a_file_without_the_class(text, said, tmp_path):
    (tmp_path / "empty.py").write_text("from trlib.algorithms import PPO\nx = 1\n")
    (tmp_path / "near.py").write_text(
        "from trlib.algorithms import PPO\nclass Mine(PPO):\n    pass\n"
    )
    (tmp_path / "broken.py").write_text("1 / 0\n")
    refused(said, method_kind, f"{tmp_path / text}")


def test_files_of_one_name_in_two_folders_keep_to_their_own_neighbours(tmp_path):
    for n in (1, 2):
        (tmp_path / str(n)).mkdir()
        (tmp_path / str(n) / "mine.py").write_text(
            "from dataclasses import dataclass\nfrom beside import N\nfrom trlib.algorithms "
            "import PPO\n\n"
            f"{D}class Mine(PPO):\n    most: int = N\n"
        )
        (tmp_path / str(n) / "beside.py").write_text(f"N = {n}\n")
    kinds = [method_kind(f"{tmp_path / str(n) / 'mine.py'}:Mine") for n in (1, 2, 1)]
    assert [kind().most for kind in kinds] == [1, 2, 1]


# -- memory
# --------------------------------------------------------------------------------------------------


def test_a_memory_keeps_numbers_and_tensors_and_nothing_else():
    memory = Memory(METRICS)
    memory["a"], memory["b"], memory["c"] = np.float32(0.5), np.int64(3), True
    assert memory.numbers() == {"a": 0.5, "b": 3, "c": 1} and [
        type(v) for v in memory.numbers().values()
    ] == [
        float,
        int,
        int,
    ]
    leaf = torch.ones(2, requires_grad=True)
    memory["t"] = leaf * 2
    memory["t"].mul_(2)
    assert memory["t"].tolist() == [4, 4] and not memory["t"].requires_grad
    memory["w"] = (weights := torch.zeros(2))
    weights += 1
    assert memory["w"].tolist() == [0, 0], "what is remembered is a copy"
    for value, said in (
        ("x", "str"),
        ([1], "list"),
        (np.ones(2), "ndarray"),
        (None, "NoneType"),
        (1j, "complex"),
    ):
        with pytest.raises(
            TypeError, match=rf"memory\['a'\]: expected a number or a tensor, .* got {said}"
        ):
            memory["a"] = value
    with pytest.raises(TypeError, match=r"memory\['s'\]: expected a dense tensor"):
        memory["s"] = torch.eye(2).to_sparse()
    with pytest.raises(
        ValueError, match=r"memory\['kl'\]: expected a name that the history does not use"
    ):
        memory["kl"] = 1.0
    with pytest.raises(TypeError, match="memory: expected a name, got 3"):
        memory[3] = 1.0
    again = Memory(METRICS)
    again.restore(memory.numbers(), memory.tensors())
    assert again.numbers() == memory.numbers() and torch.equal(again["t"], memory["t"])


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


def test_tensors_that_prepare_adds_follow_their_rows():
    class Adds(PPO):
        def prepare(self, batch):
            return super().prepare(batch).plus(mine=batch.rewards * 2 + batch.group)

        def objective(self, scores, batch):
            added = batch.extra["mine"]
            assert (
                torch.equal(added, batch.rewards * 2 + batch.group)
                and added.shape == batch.rewards.shape
            )
            return super().objective(scores, batch)

    assert len(train(Adds(), minibatches=2).rows) == 3


@pytest.fixture
def c(policy, task):
    """Three short completions of each of two prompts."""
    prompts = [p.text for p in task.prompts(2, seed=0)]
    return trlib.sample(policy, prompts, group=3, max_tokens=6, seed=0)


def test_hidden_states_are_what_the_output_layer_reads(policy, c):
    scores = policy.score(c, full=True, hidden=True)
    logits = policy.model.get_output_embeddings()(scores.hidden)
    torch.testing.assert_close(torch.log_softmax(logits, -1)[c.mask], scores.full[c.mask])
    few = policy.score(c, full=True, hidden=True, at_once=2)
    torch.testing.assert_close(few.hidden[c.mask], scores.hidden[c.mask])


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


def test_an_optimiser_is_a_name_a_class_or_a_file():
    stepped = partial(train, PPO(), **BIG, minibatches=4)
    named = stepped(optimizer="sgd", betas=(0.9, 0.9), lr=1.0)
    own = stepped(optimizer=torch.optim.SGD, lr=1.0)
    assert named.settings["optimizer"] == "sgd" and own.settings["optimizer"] == "SGD"
    assert not torch.equal(named.policy.parameters[0], own.policy.parameters[0])  # momentum
    refused(
        "optimizer: expected one of adamw, auon, frobenius, hybrid_auon, muon, "
        "sgd, sign, got 'adamv'; did you mean 'adamw'",
        stepped,
        optimizer="adamv",
    )
    refused(
        r"TypeError: optimizer: expected a name or a callable such as torch.optim.SGD, got 3",
        stepped,
        optimizer=3,
    )
    refused(
        r"TypeError: optimizer: expected .*<lambda> to make a torch.optim.Optimizer, got list",
        stepped,
        optimizer=lambda groups: [],
    )
    refused(
        r"optimizer: SGD\(momentum=-1.0\) refuses these .*: Invalid momentum",
        stepped,
        optimizer=partial(torch.optim.SGD, momentum=-1.0),
    )


# -- odd but sensible
# --------------------------------------------------------------------------------------------------


MISTAKES = {
    "def needs(self, anchor):": {
        "return {'full': True}": r"6.: needs: expected Needs\(.*\), got dict",
        "return Needs(topk_anchor=-1)": "7.: topk_anchor: expected a .* 0, got -1",
        "return Needs(critic=-1.0)": "7.: critic: .* at least 0 and below inf, got -1.0",
        "return Needs(critic=1.0, critic_outputs=0)": "critic_outputs: .* 1, got 0",
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
        "return replace(batch, advantages=batch.rewards)": r"6.: advantages: expected \[B, T\]",
        "return batch.plus(mask=batch.mask & False)": "7.: mask: expected a new name, got one of",
        "return batch.plus(advantages=batch.logp_rollout)": "7.: advantages: expected a new name",
        "return batch.plus(mine=3.0)": r"mine: expected a tensor \[B, .* = 8, got float",
        "return batch.plus(mine=batch.rewards[:3])": r"mine: expected .* = 8, got \[3\]",
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
        "step.descend(3.0)": "7.: loss: expected a tensor of one number, got float",
        "step.descend(step.loss().expand(2))": r"loss: .* of one number, got \[2\]",
    },
}


@pytest.mark.parametrize(
    ("box", "code"), [(box, code) for box, table in MISTAKES.items() for code in table]
)
def test_a_mistake_in_a_box_is_named_with_its_line(box, code, tmp_path):
    method = mine(tmp_path, f"{box}\n    {code}")()
    refused(rf"MethodError: .*mine\.py.*{MISTAKES[box][code]}", train, method, steps=1)


@pytest.mark.parametrize(
    ("method", "name"),
    [
        (TROLL(top_k=277), "top_k"),
        (DPPO(delta_tv=0.1, measure="topk", k=277), "k"),
        (Centered(topk=277), "topk"),
    ],
)
def test_more_tokens_than_the_vocabulary_has_are_refused_by_the_setting_s_name(method, name):
    refused(f"{name}: expected at most 272, the number of tokens in the .*, got 277", train, method)


class Keeps(torch.optim.Optimizer):
    """Momentum in bfloat16, counted by an int64, with a list among its settings."""

    def __init__(self, params, lr=1e-3):
        super().__init__(params, {"lr": lr, "powers": [1, 2]})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            assert group["powers"] == [1, 2]
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state |= {
                        "count": torch.tensor(0),
                        "m": torch.zeros_like(p, dtype=torch.bfloat16),
                    }
                assert state["count"].dtype == torch.int64 and state["m"].dtype == torch.bfloat16
                state["count"] += 1
                state["m"].mul_(0.9).add_(p.grad.to(torch.bfloat16))
                p.add_(state["m"].float(), alpha=-group["lr"] / int(state["count"]))


def parted(groups, *, lr):
    """AdamW on matrices and vectors apart, as for a weight decay of the matrices alone."""
    parameters = groups[0]["params"]
    return torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.dim() > 1]},
            {"params": [p for p in parameters if p.dim() < 2]},
        ],
        lr=lr,
        betas=(0.5, 0.6),
        weight_decay=0.0,
    )


@pytest.mark.parametrize("optimizer", [Keeps, parted, torch.optim.Adafactor])
def test_an_optimiser_goes_on_bit_for_bit(optimizer, tmp_path):
    learn = partial(train, PPO(), **BIG, lr=1e-2, optimizer=optimizer)
    whole = learn()
    learn(steps=2, out=tmp_path)
    assert whole.history.grad_norm.max() > 0
    assert runs.same(learn(out=tmp_path, resume=True), whole)


def test_policy_and_critic_are_clipped_apart():
    """Gradients of norm 3 and 40: each is cut to the bound by itself, and the history has the
    policy's. A quarter of a step moves both by a quarter."""
    policy, critic = (torch.zeros(2, requires_grad=True) for _ in range(2))
    settings = RunSettings(steps=1, lr=0.5, betas=(0.0, 0.0), warmup=0, grad_norm=1.0)
    descent = OptimizerStep([([policy], 1.0), ([critic], 2.0)], maker("sgd"), settings)
    loss, norm = descent.step(3 * policy[0] + 40 * critic[1])
    assert (loss, norm) == (0.0, 3.0)
    close(policy, torch.tensor([-0.5, 0.0]), 1e-5)
    close(critic, torch.tensor([0.0, -1.0]), 1e-5)
    descent.step(3 * policy[0] + 40 * critic[1], 0.25)
    close(policy, torch.tensor([-0.625, 0.0]), 1e-5)
    close(critic, torch.tensor([0.0, -1.25]), 1e-5)


def test_a_reference_moves_by_its_share_of_the_way():
    ways = []

    def flat(weights):
        return torch.cat([p.detach().flatten() for p in weights.values()])

    class Follows(PPO):
        def needs(self, anchor):
            return Needs(old=True, reference=True)

        def update(self, step):
            super().update(step)
            before = flat(step.reference)
            step.move_reference(0.25)
            ways.append((flat(step.weights) - before, flat(step.reference) - before))

    train(Follows(), **BIG, lr=1e-3, warmup=0)
    for whole, way in ways:
        assert whole.norm() > 1e-2 and (way - 0.25 * whole).norm() < 1e-3 * whole.norm()


def test_every_epoch_of_every_batch_takes_whole_groups_in_a_new_order():
    orders = []

    class Watches(PPO):
        def update(self, step):
            parts = [part.batch.group.tolist() for part in step.minibatches()]
            assert all(len({*part}) == 1 and len(part) == 4 for part in parts)
            orders.append([part[0] for part in parts])
            super().update(step)

    train(Watches(), steps=2, prompts=8, minibatches=8, epochs=3)
    epochs = [tuple(order[i : i + 8]) for order in orders for i in (0, 8, 16)]
    assert all(sorted(epoch) == [*range(8)] for epoch in epochs) and len({*epochs}) == 6


def test_what_an_optimiser_leaves_out_does_not_pile_up():
    def few(groups, *, lr):
        return torch.optim.SGD([{"params": groups[0]["params"][-1:]}, {"params": []}], lr=lr)

    def none(groups, *, lr):
        return torch.optim.SGD(groups[0]["params"], lr=0 * lr)

    more = {**BIG, "epochs": 3, "steps": 1, "lr": 1e-9}
    norms = [train(PPO(), optimizer=made, **more).history.grad_norm[0] for made in (few, none)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-3) and norms[0] > 0


def test_an_optimiser_that_could_not_run_or_be_saved_is_told(tmp_path):
    class Counts(torch.optim.SGD):
        def step(self, closure=None):
            super().step(closure)
            self.state["all"] = 3

    refused(
        "TypeError: .*expected one that steps on a gradient, got LBFGS, which asks for a closure",
        train,
        PPO(),
        optimizer=torch.optim.LBFGS,
    )
    refused(
        r"CheckpointError: .*expected its state by parameter, .* got state\['all'\] = int",
        train,
        PPO(),
        optimizer=Counts,
        out=tmp_path,
    )
