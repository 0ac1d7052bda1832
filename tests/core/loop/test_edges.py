"""Every method on one batch of nine completions, as on record, with NaN behind the mask; and the
smallest batches: completions without a token, none with one, one completion of one token."""

import inspect
import json
import math
import sys
import warnings
from dataclasses import replace

import pytest
import torch

import trlib
from tests.by_day import by_day
from tests.losses import (
    D,
    batch,
    close,
    noise,
    refused,
    same,
    sampled,
    slope,
    spread,
    tensor,
    trained,
)
from tests.test_vectors import FILE
from trlib.algorithms import Correction, Method, Reference, Scores
from trlib.arguments import as_json
from trlib.divergences import TopK
from trlib.errors import DemonstrationError, MethodError
from trlib.fields import dataclass_of, settings
from trlib.loop import reference
from trlib.loop.requirements import needs_of
from trlib.methods import OBJECTIVES

B, T, V = 9, 4, 7
NEVER = 1  # the completion that is wholly masked
DAILY = ("grpo", "dppo", "quatro", "troll", "trpo", "ppo_critic", "ppo_penalty", "trapo")
LATER = ("rebel", "dpo", "trpa", "opmd", "tpo", "capo", "smart", "sam", "vcpo", "pb_ppo", "fixpo")


def world(method, anchor=None, *, empty=False, apart=0.1, expert=False, memory=None):
    """A batch of three prompts, prepared, whose second completion has no token, or of which none
    has; and what the policy says of it now, as leaves. The policies that sampled and that are old
    are both `apart` from it, in different directions, and the reference is a fourth. All rewards of
    the third prompt are equal. An expert may have begun the completions of the second. Where there
    is no token, all that they say is NaN."""
    draw, anchor = torch.Generator().manual_seed(3), anchor or method.anchor
    ids = torch.randint(V, (B, T), generator=draw)
    lengths = torch.tensor([4, 0, 1, 3, 4, 2, 2, 4, 3]) * (not empty)
    there = torch.arange(T) < lengths.unsqueeze(1)
    begun = torch.tensor([0, 0, 0, 1, 1, 2, 0, 0, 0])
    forced = there & (torch.arange(T) < expert * begun.unsqueeze(1))
    ids[4, 0] = ids[3, 0]

    def hidden(x):
        return x.masked_fill(~there.view(B, T, *[1] * (x.dim() - 2)), math.nan)

    new, old, mu, ref = (hidden(noise(B, T, V, seed=seed).log_softmax(-1)) for seed in (1, 2, 6, 3))
    full = {
        name: (new + apart * (far - new)).log_softmax(-1)
        for name, far in (("recomputed", old), ("rollout", mu))
    }
    needs = method.needs(anchor)
    outputs = (needs.critic_outputs,) if needs.critic_outputs > 1 else ()
    values = hidden(noise(B, T, *outputs, seed=4))
    known = {"full_anchor": full[anchor], "values": values, "logp_ref": sampled(ref, ids)}
    if needs.topk_anchor:
        first = full[anchor].scatter(-1, ids.unsqueeze(-1), 9.0).topk(needs.topk_anchor, -1).indices
        known["topk_anchor"] = TopK(first, full[anchor].gather(-1, first))
    made = batch(
        there & ~forced,
        tokens=ids,
        forced=forced,
        rewards=tensor([1, 0, 0, 1, 1, 0, 1, 1, 1]),
        group=torch.arange(B) // 3,
        reasons=("right", "no end", "bad format", "right", "right", "wrong answer", *["right"] * 3),
        horizon=9,
        logp_rollout=sampled(full["rollout"], ids),
        logp_old=sampled(full["recomputed"], ids),
        anchor=anchor,
        age=torch.randint(3, (B, T), generator=draw),
        **known,
    )
    made.memory.update(memory or {"capo_lr": 1e-4})  # its update box sets it
    now = {"full": new, "values": values + 0.1, "hidden": hidden(noise(B, T, 3, seed=5))}
    return prepared(method, made), {name: x.requires_grad_() for name, x in now.items()}


def prepared(method, made):
    """The batch with advantages, and with what a reference takes off its rewards."""
    kept_near = method.kept_near
    return method.prepare(made) if kept_near is None else reference.prepare(method, kept_near, made)


def objective(method, scores, held):
    """The method's loss, with the penalty of a reference."""
    loss, kept_near = method.objective(scores, held), method.kept_near
    return loss if kept_near is None else reference.penalised(kept_near, loss, scores, held)


def value(method, held, now, rows):
    """The loss of these rows, and its gradients in all that the policy says."""
    x = {name: leaf[rows] for name, leaf in now.items()}
    scores = Scores(sampled(x["full"], held.tokens), **x)
    loss = method.loss(objective(method, scores, held).per_token, held)
    slopes = torch.autograd.grad(loss, list(now.values()), allow_unused=True)
    return [loss, *(torch.zeros(1) if g is None else g for g in slopes)]


def near(name, **settings):
    """A method whose region these two policies are in."""
    wide = {"delta_max": 9.0, "delta_mean": 9.0} if name == "trm" else {}
    return OBJECTIVES[name](**wide, **settings)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_completion_without_a_token_is_in_no_mean_and_the_others_order_does_not_matter(name):
    """Neither in the mean of a loss per completion, pair or prompt, nor in a softmax or a dual of
    its prompt."""
    order = (8, 5, 3, 7, 4, 2, 1, 0, 6)
    method, rows = near(name), torch.tensor([i for i in order if i != NEVER])
    held, now = world(method)
    found = value(method, held, now, torch.arange(B))
    held, now = world(method)
    expected = value(method, held.rows(rows), now, rows)
    assert expected[0] != 0 or name in ("sft", "smart", "sam", "tram")
    for one, other in zip(found, expected, strict=True):
        close(one, other, 1e-12)


def found_of(method, anchor, apart):
    """What the method asks of the loop, and a batch's loss, gradients and diagnostics, each summed
    with weights of its own."""
    held, now = world(method, anchor, apart=apart, expert=True)
    loss = objective(method, Scores(sampled(now["full"], held.tokens), **now), held)
    total = method.loss(loss.per_token, held)
    slopes = torch.autograd.grad(total, list(now.values()), allow_unused=True)
    parts = [
        x.detach().to(D) for x in (total, *slopes, *loss.diagnostics.values()) if x is not None
    ]
    finite = [x.where(~x.isinf(), 9.0) for x in parts]
    sums = [float((x * noise(*x.shape, 1)[..., 0]).sum()) for x in finite]
    needs = {name: value for name, value in vars(needs_of(method, anchor)).items() if value}
    return needs, [*sums, *held.memory.numbers().values()]


def defaults_of(name):
    """The anchor and the settings that only this method has, or with a default of its own."""
    shared = {one.name: one.default for one in settings(Method)} | {"anchor": Method.anchor}
    every = {one.name: one.default for one in settings(OBJECTIVES[name])}
    every["anchor"] = OBJECTIVES[name]().anchor
    return {n: as_json(v) for n, v in every.items() if n not in shared or v != shared[n]}


def made(name, row):
    """The method of a row, whose settings may have settings of their own."""
    kinds = {"reference": Reference, "correction": Correction}
    given = {n: kinds[n](**v) if n in kinds else v for n, v in row["settings"].items()}
    return OBJECTIVES[name](**given)


RECORDED = json.loads(FILE.read_text(encoding="utf-8"))["methods"]


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_method_is_on_record(name):
    """Its first row holds its defaults, and what it makes of a batch with them, checked by hand."""
    if name not in RECORDED:
        method = OBJECTIVES[name]()
        row = {"settings": {}, "apart": 0.3, "anchor": method.anchor}
        needs, numbers = found_of(method, row["anchor"], row["apart"])
        row |= {"defaults": defaults_of(name), "needs": needs, "numbers": numbers}
        pytest.fail(f"{name}: `methods` of {FILE.name} lacks it; now it is {json.dumps([row])}")
    assert defaults_of(name) == RECORDED[name][0]["defaults"]


def test_a_loss_and_a_mask_have_the_defaults_of_their_method():
    """Who calls `bandpo_loss` alone gets what the method BandPO computes."""
    asked, other = 0, []
    for name, entry in OBJECTIVES.items():
        own = {one.name: one.default for one in settings(entry)}
        module = vars(sys.modules[dataclass_of(entry).__module__])
        for function in filter(None, (module.get(f"{name}_{end}") for end in ("loss", "mask"))):
            given = inspect.signature(function).parameters.values()
            both = [one for one in given if one.name in own and one.default is not one.empty]
            asked += len(both)
            other += [(name, one) for one in both if one.default != own[one.name]]
    assert asked > 60 and other == []


@pytest.mark.parametrize("name", RECORDED)
def test_a_method_makes_of_a_batch_what_is_on_record(name):
    for row in RECORDED[name]:
        needs, numbers = found_of(made(name, row), row["anchor"], row["apart"])
        assert needs == row["needs"]
        assert numbers == pytest.approx(row["numbers"], rel=1e-8, abs=1e-9), (row, numbers)


@pytest.mark.parametrize("name", RECORDED)
def test_autograd_is_minus_the_weight(name):
    """Along the sampled token's log-prob, the other tokens keeping their proportions."""
    for row in RECORDED[name]:
        method = made(name, row)
        held, now = world(method, row["anchor"], apart=row["apart"], expert=True)
        logp = sampled(now["full"].detach(), held.tokens).requires_grad_()
        full = spread(logp, now["full"], held.tokens)
        loss = objective(method, Scores(logp, **now | {"full": full}), held)
        if "weight" in loss.diagnostics:
            found, there = slope(loss.per_token, logp), held.mask | held.forced
            close(found[there], -loss.diagnostics["weight"][there], 1e-9)


class Updates(list):
    """A batch that is gone through once: what a method's own update makes of it."""

    def __init__(self, method, held, now):
        self.method, self.batch, self.now, self.lr = method, held, now, 0.01

    def minibatches(self):
        return [self]

    def loss(self):
        scores = Scores(sampled(self.now["full"], self.batch.tokens), **self.now)
        return self.method.loss(objective(self.method, scores, self.batch).per_token, self.batch)

    def descend(self, loss, *, lr_scale=1.0):
        self.extend([float(loss.detach()), lr_scale])


@pytest.mark.parametrize("name", [n for n in RECORDED if "updates" in RECORDED[n][0]])
def test_what_three_updates_leave_in_a_methods_memory_is_on_record(name):
    method, found, memory = OBJECTIVES[name](), [], {}
    for apart in (0.3, 0.5, 0.3):
        held, now = world(method, apart=apart, memory=memory)
        memory, update = held.memory, Updates(method, held, now)
        method.update(update)
        kept = [torch.as_tensor(memory[key], dtype=D).flatten().tolist() for key in sorted(memory)]
        found += [*update, *(x for one in kept for x in one)]
    assert found == pytest.approx(RECORDED[name][0]["updates"], rel=1e-6), found


OF_THEIR_OWN = {"ppo_critic", "quatro", "sft", "dpo", "tr_dpo", "trpa", "gae", "dvpo"}
OF_THEIR_OWN |= {"smart", "tram", "sam", "sao", "oapl", "tpo"}
"""Methods whose advantages are not made of `advantage` and `shift`."""


@pytest.mark.parametrize("name", OBJECTIVES)
def test_a_shift_is_used_or_refused(name):
    if name in OF_THEIR_OWN:
        for setting in ({"shift": 0.5}, {"advantage": "leave-one-out"}):
            (setting_name,) = setting
            refused(
                f"{setting_name}: expected .*, the default, because ", OBJECTIVES[name], **setting
            )
        return
    plain, shifted = (
        value(method, *world(method), torch.arange(B))
        for method in (near(name), near(name, shift=0.5))
    )
    cancels = name in ("rebel", "adpo")  # both compare completions of a group with one another
    assert all(map(torch.allclose, plain[1:], shifted[1:])) == cancels


@pytest.mark.parametrize("name", OBJECTIVES)
def test_nothing_unmasked_is_a_loss_of_0_with_gradient_0(name):
    loss, *slopes = value(near(name), *world(near(name), empty=True), torch.arange(B))
    assert float(loss.detach()) == 0 and all(bool((slope == 0).all()) for slope in slopes)


def silent(name):
    """The method, whose every batch a filter masks whole."""
    entry = OBJECTIVES[name]
    kind = dataclass_of(entry)

    def prepare(self, held):
        held = kind.prepare(self, held)
        nothing = torch.zeros_like(held.mask)
        return replace(held, mask=nothing, forced=nothing)

    made = type("Silent", (kind,), {"prepare": prepare, "__doc__": kind.__doc__})
    return made(**getattr(entry, "keywords", {}))


by_name = pytest.mark.parametrize(
    "name", by_day(OBJECTIVES, *DAILY, later=LATER, reason="a run for each; one of a kind by day")
)


@by_name
@pytest.mark.filterwarnings("ignore")
def test_a_run_of_batches_without_a_token_learns_nothing(name):
    run = trained(silent(name), prompts=2, group=2, epochs=2)
    assert run.history["loss"].tolist() == [0.0, 0.0] == run.history["grad_norm"].tolist()
    assert same(run.policy, trlib.load_policy("dial"))


@by_name
@pytest.mark.parametrize("size", [(1, 4, 1), (1, 1, 1), (2, 1, None)])
def test_one_token_one_completion_a_group_of_one(name, size):
    """It trains to finite numbers, or says that it needs a group, or an expert room to answer."""
    prompts, group, max_tokens = size
    entry = OBJECTIVES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            run = trained(entry(), prompts=prompts, group=group, max_tokens=max_tokens, epochs=2)
        except MethodError as error:
            assert group == 1 and "group" in str(error)
            return
        except DemonstrationError as error:
            assert "expected a demonstration of at most max_tokens = 1 tokens" in str(error)
            return
    assert run.history[["loss", "grad_norm"]].notna().all(axis=None)
    assert all(math.isfinite(float(p.detach().sum())) for p in run.policy.parameters)
