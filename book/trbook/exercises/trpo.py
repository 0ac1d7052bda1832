"""Exercises of chapter 3, TRPO: the full step, three logs of broken loops, and a natural step of
one's own that trains `dial`."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from trbook.exercises.built import Built
from trbook.exercises.check import Draw, Exercise, Number, Numbers
from trbook.exercises.verdict import NotYet, kind, returned
from trbook.rollout import rollout
from trlib.advantages import group_relative
from trlib.algorithms.trpo import conjugate_gradient
from trlib.model.completions import Completions
from trlib.model.policy import Policy, load_policy


def _full_step(x: Tensor, product: Tensor, delta: float) -> Tensor:
    return (2 * delta / (x @ product)).sqrt() * x


def _directions(draw: Draw) -> tuple[Tensor, Tensor, float]:
    """x and F x for a positive definite F."""
    root = draw.uniform(-1, 1, 3, 3)
    x = draw.uniform(0.5, 2, 3)
    return x, root.T @ (root @ x) + 0.5 * x, draw.number(0.01, 0.5)


def _wrong_full_step(x, product, delta):
    right = _full_step(x, product, delta)
    return [
        (
            (delta / (x @ product)).sqrt() * x,
            "the quadratic KL is *half* of x'Fx, so a 2 belongs with delta.",
        ),
        (
            2 * delta / (x @ product) * x,
            "the KL grows with the square of the step, so its factor is a square root.",
        ),
        (
            _full_step(x, x, delta),
            "this has a fixed Euclidean length; measure the length by F: x'Fx.",
        ),
        (
            delta * x / x.norm(),
            "this goes a distance of delta in the parameters; delta is in nats of KL, x'Fx/2.",
        ),
        (
            (x @ product / (2 * delta)).sqrt() * x,
            "the fraction is upside down: a larger x'Fx needs a smaller factor.",
        ),
        (_full_step(product, x, delta), "the step goes along x; F x only measures it."),
        (
            (delta / (2 * (x @ product))).sqrt() * x,
            "the 2 is on the wrong side: x'Fx/2 = delta gives x'Fx = 2 delta.",
        ),
        (
            right * ((x @ product) / (product @ product)).sqrt(),
            "this measures F x by itself; the curvature along x is `x @ product`.",
        ),
        (-right, "x points where the surrogate rises; this goes the other way."),
    ]


check_full_step = Exercise(
    "Is `full_step(x, product, delta)` the multiple of x whose quadratic KL is delta, `product` "
    "being F x?",
    truth=_full_step,
    inputs=_directions,
    examples=[([1.0, 0.0], [2.0, 1.0], 0.01), ([3.0, 4.0], [0.3, 0.4], 0.1)],
    wrong=_wrong_full_step,
    praise="twice the x gives the same step: conjugate gradients must find a direction, not a "
    "length.",
)


DOWNHILL, MOVED_ANCHOR, ONE_PRODUCT, DAMPED = 1.0, 2.0, 3.0, 4.0
"""The faults that the three logs of broken loops may have, by their numbers in the chapter."""

check_logs = Numbers(
    "What is the fault behind log A, log B and log C: 1, 2, 3 or 4?",
    A=Number(
        MOVED_ANCHOR,
        {
            DOWNHILL: "A accepts its first try every time; a step downhill raises no surrogate "
            "and is rejected.",
            ONE_PRODUCT: "A's cosine is about 0.2, so its direction is not the gradient's.",
            DAMPED: "heavy damping turns the direction towards the gradient, and A's cosine is "
            "about 0.2.",
        },
    ),
    B=Number(
        DOWNHILL,
        {
            MOVED_ANCHOR: "B's KL is 0 on fresh completions too: B really does not move. Why is "
            "every try rejected?",
            ONE_PRODUCT: "B's cosine is about 0.2, so its direction is not the gradient's.",
            DAMPED: "damping shortens a step and turns it towards the gradient; B's ten tries are "
            "all rejected.",
        },
    ),
    C=Number(
        ONE_PRODUCT,
        {
            DOWNHILL: "C's tries are accepted, and its reward rises.",
            MOVED_ANCHOR: "C's KL is measured: it is above 0 and below the radius.",
            DAMPED: "damping only turns the direction towards the gradient; C's cosine is 1.00, "
            "batch after batch.",
        },
    ),
    praise="A looks safest, because its KL is always 0: it compares the new policy with itself. C "
    "learns best. That fault is the chapter's finding.",
)


SETTINGS = ((0.01, 4), (0.003, 7))
"""The radius and the number of products of each update."""


@cache
def _sampled() -> tuple[tuple[Completions, Tensor], ...]:
    """A batch for each update, four prompts with eight completions each by the base model, and the
    advantages."""
    policy = load_policy("dial")
    return tuple(_graded(policy, seed, prompts=4)[:2] for seed in (7, 8))


def _graded(policy: Policy, seed: int, prompts: int) -> tuple[Completions, Tensor, float]:
    """A batch, its advantages and its mean reward."""
    batch, rewards = rollout(policy, seed, prompts=prompts)
    return batch, group_relative(rewards, batch.group, scale=None), float(rewards.mean())


def _update(
    policy: Policy,
    batch: Completions,
    advantages: Tensor,
    step: Callable[..., Any],
    delta: float,
    products: int,
) -> tuple[Tensor, float]:
    """One update of TRPO whose full step is the reader's: that step, and the KL after the line
    search."""
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
    full = returned(step(product, g.clone(), delta, products))
    if not isinstance(full, Tensor) or full.shape != g.shape:
        came = f"the shape {list(full.shape)}" if isinstance(full, Tensor) else kind(full)
        raise NotYet(
            f"expected the step, a tensor of the shape {list(g.shape)}, but your function returns "
            f"{came}."
        )
    full = full.detach().to(g.dtype)
    spent = _shorten(policy, batch, full, surrogate, old, delta)
    return full, spent


@torch.no_grad()
def _shorten(
    policy: Policy,
    batch: Completions,
    full: Tensor,
    surrogate: Callable[..., Tensor],
    old: Tensor,
    delta: float,
) -> float:
    """Take the longest of ten tries that stays inside the radius and raises the surrogate; returns
    the KL that it spends."""
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
    for p, p0, part in zip(
        policy.parameters, start, by.split([p.numel() for p in start]), strict=True
    ):
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
        batch, advantages, mean = _graded(policy, seed, prompts=16)
        means.append(mean)
        most = max(most, _update(policy, batch, advantages, step, 0.01, 10)[1])
    return (
        "your step agrees with the library's twice, and it has just trained the model: from a "
        f"reward of {means[0]:.2f} in the first of {batches} batches to {means[-1]:.2f} in the "
        "last (16 prompts x 8 completions, radius 0.01, ten products, one epoch per batch). No "
        f"accepted step spent more than {most:.4f} nats per token."
    )


def _sharing(share: Callable[[Tensor, Tensor], Any]) -> Callable[..., Tensor]:
    """Conjugate gradients, with another share of the last direction in the next."""

    def solve(product: Callable[[Tensor], Tensor], g: Tensor, *, iterations: int) -> Tensor:
        x, residual, direction = torch.zeros_like(g), g, g
        for _ in range(iterations):
            along = product(direction)
            length = residual @ residual / (direction @ along)
            x = x + length * direction
            shrunk = residual - length * along
            direction = shrunk + share(shrunk @ shrunk, residual @ residual) * direction
            residual = shrunk
        return x

    return solve


def _natural_step(
    finish: Callable[[Tensor, Tensor, float], Tensor] = _full_step,
    solve: Callable[..., Tensor] = conjugate_gradient,
) -> Callable[..., Tensor]:
    """TRPO's full step, or a variant of it: another end, made of x, F x and the radius, or another x,
    made of the products with F, g and their number."""

    def step(product: Callable[[Tensor], Tensor], g: Tensor, delta: float, products: int) -> Tensor:
        x = solve(product, g, iterations=products)
        return finish(x, product(x), delta)

    return step


check_natural_step = Built(
    "Is `natural_step(product, g, delta, products)` TRPO's full step, with that many products of "
    "conjugate gradients?",
    truth=_natural_step(),
    trace=_steps,
    mistakes=[
        (
            _natural_step(solve=lambda product, g, iterations: g),
            "the length is right, but the direction is the gradient's: solve F x = g by conjugate "
            "gradients first.",
        ),
        (
            _natural_step(lambda x, product, delta: x),
            "this is x itself: scale it until its quadratic KL, x'Fx/2, is delta.",
        ),
        (
            _natural_step(lambda *a: _full_step(*a) / 2**0.5),
            "the quadratic KL is *half* of x'Fx, so a 2 belongs with delta.",
        ),
        (
            _natural_step(lambda x, product, delta: 2 * delta / (x @ product) * x),
            "the KL grows with the square of the step, so the factor is a square root.",
        ),
        (
            _natural_step(lambda *a: -_full_step(*a)),
            "your step goes downhill: g is the gradient of the surrogate, which should rise.",
        ),
        (
            _natural_step(lambda x, product, delta: _full_step(x, x, delta)),
            "this measures the step by its Euclidean length; measure it by F: x'Fx.",
        ),
        (
            _natural_step(lambda x, product, delta: _full_step(product, x, delta)),
            "the step goes along x; F x only measures it.",
        ),
        (
            _natural_step(solve=_sharing(lambda *s: 0)),
            "each round goes along the residual alone; conjugate gradients add a share of the "
            "last direction to it.",
        ),
        (
            _natural_step(solve=_sharing(lambda new, last: last / new)),
            "the share of the last direction is the *new* squared residual over the last one, not "
            "the other way round.",
        ),
        (
            _natural_step(solve=_sharing(lambda *s: 1)),
            "the last direction is added as a whole; its share is the new squared residual over "
            "the last one.",
        ),
        (
            lambda *a: _natural_step()(*a[:-1], a[-1] - 1),
            "this stops one product early: conjugate gradients take `products` of them.",
        ),
        (
            lambda *a: _natural_step()(*a[:-1], a[-1] + 1),
            "this takes one product more than `products`.",
        ),
        (
            lambda *a: _natural_step()(*a[:-1], 10),
            "you wrote in ten products; take `products` of them.",
        ),
        (
            lambda product, g, delta, products: _natural_step()(product, g, 0.01, products),
            "the first update is right, but the second has another radius: did you write in 0.01 "
            "for `delta`?",
        ),
    ],
    praise=_learns,
)
