"""Exercises of chapter 3, TRPO: products with F, the full step, the line search, what damping leaves, three logs of
broken loops, and a natural step of one's own that trains `dial`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from trbook.exercises.built import Built
from trbook.exercises.check import Draw, Exercise, Mistake, Number, Numbers
from trbook.exercises.verdict import NotYet, kind
from trlib.advantages import group_relative
from trlib.algorithms.trpo import conjugate_gradient
from trlib.model.completions import Completions
from trlib.model.policy import Policy, load_policy
from trlib.model.rollout import sample
from trlib.tasks import load_task


def _product(p: Tensor, jacobian: Tensor, v: Tensor) -> Tensor:
    along = jacobian @ v
    inner = p * along - p * (p * along).sum(-1, keepdim=True)
    return torch.einsum("sad,sa->d", jacobian, inner) / len(p)


def _without_centre(p: Tensor, jacobian: Tensor, v: Tensor) -> Tensor:
    return torch.einsum("sad,sa->d", jacobian, p * (jacobian @ v)) / len(p)


def _softmax(draw: Draw) -> tuple[Tensor, Tensor, Tensor]:
    """Four states, three tokens, two parameters."""
    weights = draw.uniform(0.2, 2, 4, 3)
    return weights / weights.sum(-1, keepdim=True), draw.uniform(-2, 2, 4, 3, 2), draw.uniform(-2, 2, 2)


check_fisher_product = Exercise(
    "Is `fisher_product(p, jacobian, v)` the Fisher matrix times v, without the matrix?",
    truth=_product,
    inputs=_softmax,
    examples=[([[0.5, 0.5]], [[[1.0, 0.0], [0.0, 0.0]]], [1.0, 1.0])],
    mistakes=[
        Mistake(
            "no centre",
            _without_centre,
            "this takes `diag(p)` alone; the softmax's matrix is `diag(p) - p p'`: subtract `p` times the mean of "
            "`J v` under `p`.",
        ),
        Mistake(
            "plain mean",
            lambda p, jacobian, v: (
                torch.einsum("sad,sa->d", jacobian, p * (jacobian @ v - (jacobian @ v).mean(-1, keepdim=True))) / len(p)
            ),
            "the mean of `J v` that is subtracted is the mean under `p`, not the plain one.",
        ),
        Mistake(
            "sum over states",
            lambda p, jacobian, v: len(p) * _product(p, jacobian, v),
            "this sums over the states; the KL is their mean, and so is F.",
        ),
        Mistake(
            "no weights",
            lambda p, jacobian, v: torch.einsum("sad,sa->d", jacobian, jacobian @ v) / len(p),
            "this is the mean of `J' J v`: distances between logits. Between `J'` and `J` is "
            "`diag(p) - p p'`, which turns them into distances between distributions.",
        ),
        Mistake(
            "centred without weights",
            lambda p, jacobian, v: (
                torch.einsum("sad,sa->d", jacobian, jacobian @ v - (p * (jacobian @ v)).sum(-1, keepdim=True)) / len(p)
            ),
            "the centre is right, but each centred entry must still be multiplied by its `p`.",
        ),
        Mistake(
            "second p forgotten",
            lambda p, jacobian, v: (
                torch.einsum("sad,sa->d", jacobian, p * (jacobian @ v) - (p * (jacobian @ v)).sum(-1, keepdim=True))
                / len(p)
            ),
            "`p p'` times `J v` is the mean of `J v` under `p`, times `p` once more.",
        ),
        Mistake(
            "diagonal",
            lambda p, jacobian, v: torch.einsum("sad,sa->d", jacobian, p * (1 - p) * (jacobian @ v)) / len(p),
            "`p (1 - p)` is the diagonal of `diag(p) - p p'`; the entries off the diagonal, `-p_a p_b`, belong there "
            "too.",
        ),
        Mistake(
            "half",
            lambda p, jacobian, v: _product(p, jacobian, v) / 2,
            "the half belongs to the KL, v'Fv/2, and not to F itself.",
        ),
        Mistake(
            "mean over entries",
            lambda p, jacobian, v: _product(p, jacobian, v) / p.shape[-1],
            "the mean is over the states alone; over the tokens it is a sum, which `p` weights.",
        ),
        Mistake(
            "damped",
            lambda p, jacobian, v: _product(p, jacobian, v) + 0.1 * v,
            "this adds the damping; the exercise asks for F alone.",
        ),
    ],
    praise="two products with J and one with its transpose, whatever the number of parameters: the matrix itself was "
    "never there.",
)


def _full_step(x: Tensor, product: Tensor, delta: float) -> Tensor:
    return (2 * delta / (x @ product)).sqrt() * x


def _directions(draw: Draw) -> tuple[Tensor, Tensor, float]:
    """x and F x for a positive definite F."""
    root = draw.uniform(-1, 1, 3, 3)
    x = draw.uniform(0.5, 2, 3)
    return x, root.T @ (root @ x) + 0.5 * x, draw.number(0.01, 0.5)


check_full_step = Exercise(
    "Is `full_step(x, product, delta)` the multiple of x whose quadratic KL is delta, `product` being F x?",
    truth=_full_step,
    inputs=_directions,
    examples=[([1.0, 0.0], [2.0, 1.0], 0.01), ([3.0, 4.0], [0.3, 0.4], 0.1)],
    mistakes=[
        Mistake(
            "no half",
            lambda x, product, delta: (delta / (x @ product)).sqrt() * x,
            "the quadratic KL is *half* of x'Fx, so a 2 belongs with delta.",
        ),
        Mistake(
            "no root",
            lambda x, product, delta: 2 * delta / (x @ product) * x,
            "the KL grows with the square of the step, so its factor is a square root.",
        ),
        Mistake(
            "Euclidean length",
            lambda x, product, delta: _full_step(x, x, delta),
            "this has a fixed Euclidean length; measure the length by F: x'Fx.",
        ),
        Mistake(
            "radius as length",
            lambda x, product, delta: delta * x / x.norm(),
            "this goes a distance of delta in the parameters; delta is in nats of KL, x'Fx/2.",
        ),
        Mistake(
            "turned around",
            lambda x, product, delta: (x @ product / (2 * delta)).sqrt() * x,
            "the fraction is upside down: a larger x'Fx needs a smaller factor.",
        ),
        Mistake(
            "steps along F x",
            lambda x, product, delta: _full_step(product, x, delta),
            "the step goes along x; F x only measures it.",
        ),
        Mistake(
            "half of delta",
            lambda x, product, delta: (delta / (2 * (x @ product))).sqrt() * x,
            "the 2 is on the wrong side: x'Fx/2 = delta gives x'Fx = 2 delta.",
        ),
        Mistake(
            "length of F x",
            lambda x, product, delta: _full_step(x, product, delta) * ((x @ product) / (product @ product)).sqrt(),
            "this measures F x by itself; the curvature along x is `x @ product`.",
        ),
        Mistake(
            "downhill",
            lambda x, product, delta: -_full_step(x, product, delta),
            "x points where the surrogate rises; this goes the other way.",
        ),
    ],
    praise="twice the x gives the same step: conjugate gradients must find a direction, not a length.",
)


def _search(kl: Tensor, gain: Tensor, delta: float) -> Tensor:
    passed = ((kl <= delta) & (gain > 0)).nonzero().flatten()
    return passed[0].double() if len(passed) else torch.tensor(-1.0, dtype=torch.float64)


def _first(good: Tensor) -> Tensor:
    passing = good.nonzero().flatten()
    return passing[0].double() if len(passing) else torch.tensor(-1.0, dtype=torch.float64)


def _or(found: Tensor, none: int) -> Tensor:
    """What is found, or another number where nothing is."""
    return found if found >= 0 else torch.tensor(float(none), dtype=torch.float64)


def _from_one(found: Tensor) -> Tensor:
    return found + 1 if found >= 0 else found


def _tries(draw: Draw) -> tuple[Tensor, Tensor, float]:
    """Tries in any order: some that pass, more of them where delta is large; one too far; three that have not risen."""
    delta, order = draw.number(0.5, 1.6), draw.uniform(0, 1, 8).argsort()
    kl = torch.tensor([0.4, 1.2, 1.5, 1.8, 3.0, 0.5, 0.3, 0.2], dtype=torch.float64) * draw.uniform(0.9, 1.1, 8)
    gain = torch.tensor([1, 2, 3, 4, 5, -2, -3, -1], dtype=torch.float64) / 10 * draw.uniform(0.8, 1.2, 8)
    return kl[order], gain[order], delta


check_line_search = Exercise(
    "Does `line_search(kl, gain, delta)` return the number of the try that is taken, counted from 0, and -1 where "
    "none is?",
    truth=_search,
    inputs=_tries,
    examples=[
        ([0.03, 0.012, 0.008, 0.005], [0.2, 0.1, -0.1, 0.05], 0.01),
        ([0.5, 0.3], [0.1, 0.2], 0.01),
        ([0.02, 0.009, 0.008, 0.004], [0.2, 0.1, 0.3, 0.05], 0.01),
        ([0.03, 0.02, 0.008], [-0.1, 0.1, 0.2], 0.01),
        ([0.02, 0.01, 0.005], [0.3, 0.2, 0.1], 0.01),
        ([0.008, 0.004], [0.0, 0.1], 0.01),
    ],
    mistakes=[
        Mistake(
            "KL below delta",
            lambda kl, gain, delta: _first((kl < delta) & (gain > 0)),
            "a KL of exactly `delta` is still inside: *at most* `delta`.",
        ),
        Mistake(
            "no loss",
            lambda kl, gain, delta: _first((kl <= delta) & (gain >= 0)),
            "a try that gains exactly nothing passes here; the surrogate must have *risen*: `gain > 0`.",
        ),
        Mistake(
            "KL alone",
            lambda kl, gain, delta: _first(kl <= delta),
            "this asks for the KL alone; the surrogate must have risen as well: `gain > 0`.",
        ),
        Mistake(
            "gain alone",
            lambda kl, gain, delta: _first(gain > 0),
            "this asks for the gain alone; the KL must be at most `delta` as well.",
        ),
        Mistake(
            "best gain",
            lambda kl, gain, delta: (
                torch.where((kl <= delta) & (gain > 0), gain, -torch.inf).argmax().double()
                if len(((kl <= delta) & (gain > 0)).nonzero())
                else torch.tensor(-1.0).double()
            ),
            "this looks for the best of all tries; the line search takes the *first* that passes and stops, "
            "because each try costs a forward pass.",
        ),
        Mistake(
            "0 for none",
            lambda kl, gain, delta: _search(kl, gain, delta).clamp(min=0),
            "where no try passes, return -1: the old parameters stay. 0 would take the full step.",
        ),
        Mistake(
            "last",
            lambda kl, gain, delta: (
                ((kl <= delta) & (gain > 0)).nonzero().flatten()[-1:].double().sum()
                if ((kl <= delta) & (gain > 0)).any()
                else torch.tensor(-1.0).double()
            ),
            "this takes the last try that passes, the shortest step; the first one is the longest.",
        ),
        Mistake(
            "either",
            lambda kl, gain, delta: _first((kl <= delta) | (gain > 0)),
            "this is content with one of the two; KL *and* gain must be in order.",
        ),
        Mistake(
            "counted from 1",
            lambda kl, gain, delta: _from_one(_search(kl, gain, delta)),
            "the tries are counted from 0, and this counts from 1.",
        ),
        Mistake(
            "last for none",
            lambda kl, gain, delta: _or(_search(kl, gain, delta), len(kl) - 1),
            "where no try passes, this takes the last one all the same; return -1, so that the old parameters stay.",
        ),
        Mistake(
            "their number for none",
            lambda kl, gain, delta: _or(_search(kl, gain, delta), len(kl)),
            "where no try passes, this returns the number of tries; return -1.",
        ),
    ],
    praise="each try is a forward pass over the batch. On `dial` the first or the second is nearly always taken.",
)

check_damping = Numbers(
    "In a direction where F is 0.05, at delta 0.01, how much KL does the full step spend with damping 0.1, and how "
    "much without?",
    damped=Number(
        0.01 / 3,
        {
            0.01: "the damping is inside x'Fx, so that the step is shorter than the radius allows.",
            0.02 / 3: "that is the damping's share of the radius; the other share, 0.05 of 0.15, is KL.",
            0.01 / 9: "0.05 of 0.15 once, not twice: d'(F + 0.1)d/2 is delta, and d'Fd/2 is a third of that.",
            0.0033: "that is two digits of it; give three.",
            0.005: "the step is scaled by F + damping, which is 0.15, and not by the damping alone.",
            1 / 3: "that is the share of the radius; in nats it is a third of delta.",
            0.02: "the damping makes the step shorter, so that the KL is below delta.",
        },
    ),
    undamped=Number(
        0.01,
        {
            0.01 / 3: "that is with the damping; without it the quadratic KL is delta.",
            0.005: "the half is in the quadratic KL already: x'Fx/2, and the step is scaled until that is delta.",
            0.02: "the quadratic KL is x'Fx/2, and the step is scaled until that is delta.",
        },
    ),
    praise="where F is small compared with the damping, most of the radius stays unspent. Damping is a second, hidden "
    "radius.",
)

DOWNHILL, MOVED_ANCHOR, ONE_PRODUCT, DAMPED = 1.0, 2.0, 3.0, 4.0
"""The faults that the three logs of broken loops may have, by their numbers in the chapter."""

check_logs = Numbers(
    "What is the fault behind log A, log B and log C: 1, 2, 3 or 4?",
    A=Number(
        MOVED_ANCHOR,
        {
            DOWNHILL: "A accepts its first try every time; a step downhill raises no surrogate and is rejected.",
            ONE_PRODUCT: "A's cosine is about 0.2, so its direction is not the gradient's.",
            DAMPED: "heavy damping turns the direction towards the gradient, and A's cosine is about 0.2.",
        },
    ),
    B=Number(
        DOWNHILL,
        {
            MOVED_ANCHOR: "B's KL is 0 on fresh completions too: B really does not move. Why is every try rejected?",
            ONE_PRODUCT: "B's cosine is about 0.2, so its direction is not the gradient's.",
            DAMPED: "damping shortens a step and turns it towards the gradient; B's ten tries are all rejected.",
        },
    ),
    C=Number(
        ONE_PRODUCT,
        {
            DOWNHILL: "C's tries are accepted, and its reward rises.",
            MOVED_ANCHOR: "C's KL is measured: it is above 0 and below the radius.",
            DAMPED: "damping only turns the direction towards the gradient; C's cosine is 1.00, batch after batch.",
        },
    ),
    praise="A looks safest, because its KL is always 0: it compares the new policy with itself. C learns best. "
    "That fault is the chapter's finding.",
)


SETTINGS = ((0.01, 4), (0.003, 7))
"""The radius and the number of products of each update."""


@cache
def _sampled() -> tuple[tuple[Completions, Tensor], ...]:
    """A batch for each update, four prompts with eight completions each by the base model, and the advantages."""
    policy = load_policy("dial")
    return tuple(_rollout(policy, seed, prompts=4, group=8)[:2] for seed in (7, 8))


def _rollout(policy: Policy, seed: int, prompts: int, group: int) -> tuple[Completions, Tensor, float]:
    task = load_task("dial")
    asked = task.prompts(prompts, seed=seed)
    batch = sample(policy, [prompt.text for prompt in asked], group=group, max_tokens=task.max_tokens, seed=seed)
    pairs = enumerate(zip(batch.texts(), batch.ended.tolist(), strict=True))
    rewards = torch.tensor([task.verify(asked[i // group], text, ended=ended).reward for i, (text, ended) in pairs])
    return batch, group_relative(rewards, batch.group, scale=None), float(rewards.mean())


def _update(
    policy: Policy, batch: Completions, advantages: Tensor, step: Callable[..., Any], delta: float, products: int
) -> tuple[Tensor, float]:
    """One update of TRPO whose full step is the reader's: that step, and the KL after the line search."""
    parameters, mask = policy.parameters, batch.mask
    with sdpa_kernel(SDPBackend.MATH):  # fused attention has no second derivative
        scores = policy.score(batch, full=True)
        old, logp_old = scores.full[mask].detach(), scores.logp.detach()
        kl = (old.exp() * (old - scores.full[mask])).sum(-1).mean()
        slope = _flat(torch.autograd.grad(kl, parameters, create_graph=True))

    def surrogate(logp: Tensor) -> Tensor:
        return ((logp - logp_old).exp() * advantages[:, None])[mask].mean()

    def product(v: Tensor) -> Tensor:
        return _flat(torch.autograd.grad(slope @ v, parameters, retain_graph=True)) + 0.1 * v

    g = _flat(torch.autograd.grad(surrogate(policy.score(batch).logp), parameters))
    full = step(product, g.clone(), delta, products)
    if full is None or full is Ellipsis:
        raise NotYet("your function returns nothing yet; does it end with a `return`?")
    if not isinstance(full, Tensor) or full.shape != g.shape:
        came = f"the shape {list(full.shape)}" if isinstance(full, Tensor) else kind(full)
        raise NotYet(f"expected the step, a tensor of the shape {list(g.shape)}, but your function returns {came}.")
    full = full.detach().to(g.dtype)
    spent = _shorten(policy, batch, full, surrogate, old, delta)
    return full, spent


@torch.no_grad()
def _shorten(
    policy: Policy, batch: Completions, full: Tensor, surrogate: Callable[..., Tensor], old: Tensor, delta: float
) -> float:
    """Take the longest of ten tries that stays inside the radius and raises the surrogate; returns the KL that it
    spends."""
    start = [p.clone() for p in policy.parameters]
    before = surrogate(policy.score(batch).logp)
    for attempt in range(10):
        _place(policy, start, 0.8**attempt * full)
        scores = policy.score(batch, full=True)
        kl = (old.exp() * (old - scores.full[batch.mask])).sum(-1).mean()
        if kl <= delta and surrogate(scores.logp) > before:
            return float(kl)
    _place(policy, start, torch.zeros_like(full))
    return 0.0


def _place(policy: Policy, start: list[Tensor], by: Tensor) -> None:
    for p, p0, part in zip(policy.parameters, start, by.split([p.numel() for p in start]), strict=True):
        p.copy_(p0 + part.view_as(p0))


def _flat(tensors: Any) -> Tensor:
    return torch.cat([t.reshape(-1) for t in tensors])


def _steps(step: Callable[..., Any]) -> Tensor:
    """[2, parameters]: the full steps of two updates in a row, in float64."""
    policy = load_policy("dial", dtype="float64")
    return torch.stack(
        [
            _update(policy, batch, advantages, step, delta, products)[0]
            for (batch, advantages), (delta, products) in zip(_sampled(), SETTINGS, strict=True)
        ]
    )


def _learns(step: Callable[..., Any], batches: int = 6) -> str:
    """Trains with the reader's step, and reports how the reward changed."""
    policy = load_policy("dial")
    means, most = [], 0.0
    for seed in range(batches):
        batch, advantages, mean = _rollout(policy, seed, prompts=16, group=8)
        means.append(mean)
        most = max(most, _update(policy, batch, advantages, step, 0.01, 10)[1])
    return (
        f"your step agrees with the library's twice, and it has just trained the model: from a reward of "
        f"{means[0]:.2f} in the first of {batches} batches to {means[-1]:.2f} in the last (16 prompts x 8 completions, "
        f"radius 0.01, ten products, each batch used once). No accepted step spent more than {most:.4f} nats per token."
    )


def _natural_step(product: Callable[[Tensor], Tensor], g: Tensor, delta: float, products: int) -> Tensor:
    x = conjugate_gradient(product, g, iterations=products)
    return (2 * delta / (x @ product(x))).sqrt() * x


def _rounds(
    product: Callable[[Tensor], Tensor], g: Tensor, products: int, share: Callable[[Tensor, Tensor], Any]
) -> Tensor:
    """Conjugate gradients, with another share of the last direction in the next."""
    x, residual, direction = torch.zeros_like(g), g, g
    for _ in range(products):
        along = product(direction)
        length = residual @ residual / (direction @ along)
        x = x + length * direction
        shrunk = residual - length * along
        direction = shrunk + share(shrunk @ shrunk, residual @ residual) * direction
        residual = shrunk
    return x


def _scaled(x: Tensor, product: Callable[[Tensor], Tensor], delta: float) -> Tensor:
    return (2 * delta / (x @ product(x))).sqrt() * x


check_natural_step = Built(
    "Is `natural_step(product, g, delta, products)` TRPO's full step, with that many products of conjugate gradients?",
    truth=_natural_step,
    trace=_steps,
    mistakes=[
        Mistake(
            "the gradient",
            lambda product, g, delta, products: _scaled(g, product, delta),
            "the length is right, but the direction is the gradient's: solve F x = g by conjugate gradients first.",
        ),
        Mistake(
            "not scaled",
            lambda product, g, delta, products: conjugate_gradient(product, g, iterations=products),
            "this is x itself: scale it until its quadratic KL, x'Fx/2, is delta.",
        ),
        Mistake(
            "no half",
            lambda *a: _natural_step(*a) / 2**0.5,
            "the quadratic KL is *half* of x'Fx, so a 2 belongs with delta.",
        ),
        Mistake(
            "no root",
            lambda product, g, delta, products: (
                2 * delta * (x := conjugate_gradient(product, g, iterations=products)) / (x @ product(x))
            ),
            "the KL grows with the square of the step, so the factor is a square root.",
        ),
        Mistake(
            "downhill",
            lambda *a: -_natural_step(*a),
            "your step goes downhill: g is the gradient of the surrogate, which should rise.",
        ),
        Mistake(
            "Euclidean length",
            lambda product, g, delta, products: (
                (2 * delta) ** 0.5 * (x := conjugate_gradient(product, g, iterations=products)) / x.norm()
            ),
            "this measures the step by its Euclidean length; measure it by F: x'Fx.",
        ),
        Mistake(
            "along F x",
            lambda product, g, delta, products: (
                (2 * delta / (x @ product(x))).sqrt() * product(x)
                if (x := conjugate_gradient(product, g, iterations=products)) is not None
                else g
            ),
            "the step goes along x; F x only measures it.",
        ),
        Mistake(
            "steepest descent",
            lambda product, g, delta, products: _scaled(_rounds(product, g, products, lambda *s: 0), product, delta),
            "each round goes along the residual alone; conjugate gradients add a share of the last direction to it.",
        ),
        Mistake(
            "the share turned over",
            lambda product, g, delta, products: _scaled(
                _rounds(product, g, products, lambda new, last: last / new), product, delta
            ),
            "the share of the last direction is the *new* squared residual over the last one, not the other way round.",
        ),
        Mistake(
            "the share is 1",
            lambda product, g, delta, products: _scaled(_rounds(product, g, products, lambda *s: 1), product, delta),
            "the last direction is added as a whole; its share is the new squared residual over the last one.",
        ),
        Mistake(
            "one product too few",
            lambda product, g, delta, products: _natural_step(product, g, delta, products - 1),
            "this stops one product early: conjugate gradients take `products` of them.",
        ),
        Mistake(
            "one product too many",
            lambda product, g, delta, products: _natural_step(product, g, delta, products + 1),
            "this takes one product more than `products`.",
        ),
        Mistake(
            "always ten products",
            lambda product, g, delta, products: _natural_step(product, g, delta, 10),
            "you wrote in ten products; take `products` of them.",
        ),
        Mistake(
            "delta written in",
            lambda product, g, delta, products: _natural_step(product, g, 0.01, products),
            "the first update is right, but the second has another radius: did you write in 0.01 for `delta`?",
        ),
    ],
    praise=_learns,
)
