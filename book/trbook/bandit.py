"""One step of any method on a bandit: one prompt, one token, every arm an answer.

    bandit_step(RELATIVES["r2vpo"](), mu, advantages)        an objective takes its gradient steps
    bandit_step(lambda mu, a: wpo_update(mu, a, D, .5), mu, advantages)      a closed form is called

An objective is the method itself, trained by its own `prepare`, `objective` and `update` on a batch
in which every arm occurs as often as mu says, so that nothing is sampled. The policy is a table of
logits, one for each arm, and the optimiser is plain gradient descent: what moves is the method's
doing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor

from trbook.small import Linear, one_token
from trlib import checks
from trlib.algorithms import Method, Step
from trlib.algorithms.memory import Memory
from trlib.algorithms.trapo import WithExpert
from trlib.divergences import kl, tv
from trlib.loop import reference
from trlib.loop.requirements import needs_of

Closed = Callable[[Tensor, Tensor], Tensor]
"""From mu [K] and advantages [K] to the policy after the step."""


@dataclass(frozen=True)
class Moved:
    """Where a step has led, in nats and probabilities."""

    pi: Tensor  #: [K] float64, the policy after it.
    gain: float  #: E_pi A - E_mu A.
    kl: float  #: KL(mu || pi).
    tv: float  #: Total variation.
    ratio: float  #: max |r - 1| over the arms that mu can draw.
    entropy: float  #: Of pi.


def bandit_step(
    method: Method | Closed,
    mu: Tensor,
    advantages: Tensor,
    *,
    uses: int = 16,
    lr: float = 0.5,
    samples: int = 240,
    batches: int = 1,
) -> Moved:
    """What a method makes of mu and the arms' advantages.

    Args:
        method: an objective, or a function of mu and the advantages that gives the new policy.
        mu: [K] probabilities, all above 0, float64.
        advantages: [K]; an objective finds them as rewards, and subtracts its own baseline.
        uses: updates from the batch; for a closed form there is one.
        lr: of the gradient descent on the logits.
        samples: completions of the batch, shared out by mu (largest remainders).
        batches: steps one after the other, each from the policy that the one before has left; the
            reference and what the method remembers stay. All distances are to mu.

    Raises:
        TypeError, ValueError: no probabilities; advantages of another shape; an arm that gets no
            sample; a method that asks for a critic or for an expert.
    """
    mu, advantages = _checked(mu, advantages)
    if not isinstance(method, Method):
        return moved(mu, method(mu, advantages), advantages)
    uses, samples, batches = (
        checks.whole(name, value, least=1)
        for name, value in (("uses", uses), ("samples", samples), ("batches", batches))
    )
    needs, near = needs_of(method, method.anchor), method.kept_near
    if needs.critic or isinstance(method, WithExpert):
        raise ValueError(
            "method: expected one without a critic and without an expert, got "
            f"{type(method).__name__}; a bandit has neither"
        )
    one = torch.ones(1, 1, dtype=mu.dtype)
    lr = checks.number("lr", lr, above=0)
    table = Linear(one, mu.log().unsqueeze(-1), lr=lr, uses=uses)
    table.method, memory = method, Memory()
    for number in range(batches):
        now = table.whole().detach()[0]
        arms = _shared(now.exp(), samples)
        logp, more = now[arms].unsqueeze(-1), dict[str, Any]()
        if needs.reference:
            more["logp_ref"] = table.whole(table.reference)[0, arms].unsqueeze(-1)
        if needs.full_anchor:
            more["full_anchor"] = now.expand(len(arms), 1, -1)
        batch = one_token(
            arms,
            torch.zeros_like(arms),
            advantages[arms],
            now[arms],
            anchor=method.anchor,
            number=number,
            batches=batches,
            memory=memory,
        )
        batch = batch.plus(logp_old=logp, **more)
        table.batch = (
            method.prepare(batch) if near is None else reference.prepare(method, near, batch)
        )
        method.update(cast(Step, table))
        if near is not None and near.moves_after(number):
            table.move_reference(near.share)
    return moved(mu, table.whole().detach()[0].exp(), advantages)


def moved(mu: Tensor, pi: Tensor, advantages: Tensor) -> Moved:
    """The distances between two policies [K], and what the second gains."""
    mu, advantages = _checked(mu, advantages)
    if pi.shape != mu.shape or abs(float(pi.sum()) - 1) > 1e-6 or float(pi.min()) < -1e-9:
        raise ValueError(f"pi: expected {len(mu)} probabilities that sum to 1, got {pi.tolist()}")
    pi = pi.to(mu).clamp(min=0.0)
    log_mu, log_pi = mu.log(), pi.log()
    return Moved(
        pi,
        float((pi - mu) @ advantages),
        float(kl(log_mu, log_pi)),
        float(tv(log_mu, log_pi)),
        float((pi / mu - 1).abs().max()),
        float(torch.special.entr(pi).sum()),
    )


def linear_tilt(mu: Tensor, advantages: Tensor, lam: float) -> Tensor:
    """R2VPO's exact step, argmax_π Σ_a π A - λ E_μ (r-1)²: μ max(0, 1 + (A-ν)/(2 λ)), ν so that it
    sums to 1.

    Linear in A where KL's tilt is exponential. With no arm at 0, ν = E_μ A and E_μ (r-1)² = Var_μ A
    / (4 λ²), so that a bound δ on it has λ = sd_μ(A) / (2 sqrt δ). Derived here.

    Raises:
        TypeError, ValueError: no probabilities; advantages of another shape; a λ that is not above
            0.
    """
    mu, advantages = _checked(mu, advantages)
    lam = checks.number("lam", lam, above=0, below=math.inf)
    order = advantages.argsort(descending=True)
    mass = mu[order].cumsum(0)
    # If the first k arms were those above 0.
    nu = ((mu * advantages)[order].cumsum(0) + 2 * lam * (mass - 1)) / mass
    last = int((advantages[order] > nu - 2 * lam).sum()) - 1
    return mu * (1 + (advantages - nu[last]) / (2 * lam)).clamp(min=0)


def counterfactual_policy(pi0: Tensor, R: Tensor, target: float) -> Tensor:
    """π0 exp(η R) / Z [K], the nearest by KL(π ‖ π0) whose mean return is `target`; ValueError: no
    such policy."""
    played = R[pi0 > 0]
    worst, best = float(played.min()), float(played.max())
    if not worst < target < best:
        wanted = f"a return between {worst:g} and {best:g}, those of the arms that π0 plays"
        raise ValueError(f"target: expected {wanted}, got {target:g}")

    def tilted(eta: float) -> Tensor:
        return (pi0.log() + eta * (R - target)).softmax(-1)

    def short(eta: float) -> bool:
        return float(tilted(eta) @ (R - target)) < 0

    # The mean return grows with η: double the bracket until it holds the root, then halve it until
    # it is one number.
    far = math.copysign(1 / (best - worst), 1 if short(0.0) else -1)
    while short(far) == (far > 0):
        far *= 2
    low, high = sorted((0.0, far))
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if short(middle) else (low, middle)
    return tilted(high)


def pushed(mu: Tensor, rewards: Tensor, *, baseline: float, steps: int, lr: float = 0.5) -> Tensor:
    """log π [K] after gradient ascent on E_mu[(R - b) log π], which has no ratio, in expectation.

    A step adds lr (mu (R - b) - (J - b) π) to the logits, which begin at log mu; J = E_mu[R]. The
    sampler mu stays as it is. Where b < J the ascent converges for lr (J - b) < 4. Derived here.

    Raises:
        TypeError, ValueError: no probabilities; rewards of another shape; a baseline that is not
            finite; steps below 0; an lr that is not above 0.
    """
    mu, push = _push(mu, rewards, baseline)
    steps = checks.whole("steps", steps, least=0)
    lr = checks.number("lr", lr, above=0, below=math.inf)
    logits, mean = mu.log(), push.sum()
    for _ in range(steps):
        logits = logits + lr * (push - mean * logits.softmax(-1))
    return logits.log_softmax(-1)


def push_limit(mu: Tensor, rewards: Tensor, *, baseline: float) -> Tensor:
    """π* [K], where that ascent ends: x = mu (R - b) / (J - b), projected onto the policies.

    The logits move by (J - b) (x - π). In the end x - π is the same for every answer that is left,
    and less for the others: π* = max(0, x - τ) is the policy nearest to x by Euclid's distance. With
    b ≤ min R it is x. Derived here. In the book: :eq:`regions-radius`.

    Raises:
        TypeError, ValueError: as of `pushed`; a b that is not below J, because mu and b alone do not
            decide the end there.
    """
    mu, push = _push(mu, rewards, baseline)
    mean = push.sum()
    if not mean > 1e-12:
        raise ValueError(
            f"baseline: expected one below the mean reward, {float(mean) + baseline:g}, got "
            f"{baseline:g}; from there on nothing holds the policy"
        )
    x = push / mean
    order = x.sort(descending=True).values
    # What each of the first k gives up, if they are those that are left.
    given = (order.cumsum(0) - 1) / torch.arange(1, len(x) + 1)
    last = int((order > given).sum()) - 1
    return (x - given[last]).clamp(min=0)


def _push(mu: Tensor, rewards: Tensor, baseline: float) -> tuple[Tensor, Tensor]:
    """mu, and mu (R - b)."""
    mu, rewards = _checked(mu, rewards, "rewards")
    return mu, mu * (rewards - checks.number("baseline", baseline, above=-math.inf, below=math.inf))


def _checked(mu: Tensor, values: Tensor, name: str = "advantages") -> tuple[Tensor, Tensor]:
    mu, values = (
        torch.as_tensor(mu, dtype=torch.float64),
        torch.as_tensor(values, dtype=torch.float64),
    )
    if mu.dim() != 1 or len(mu) < 2 or float(mu.min()) <= 0 or abs(float(mu.sum()) - 1) > 1e-6:
        raise ValueError(
            f"mu: expected at least two probabilities above 0 that sum to 1, got {mu.tolist()}"
        )
    if values.shape != mu.shape or not bool(values.isfinite().all()):
        raise ValueError(
            f"{name}: expected {len(mu)} numbers, one for each arm, got {values.tolist()}"
        )
    return mu, values


def _shared(mu: Tensor, samples: int) -> Tensor:
    """[samples] arms, each as often as mu says, by largest remainders."""
    exact = mu * samples
    counts = exact.floor()
    short = samples - int(counts.sum())
    counts[(exact - counts).argsort(descending=True, stable=True)[:short]] += 1
    if float(counts.min()) == 0:
        raise ValueError(
            f"samples: expected at least one for every arm of mu = {mu.tolist()}, got {samples}"
        )
    return torch.arange(len(mu)).repeat_interleave(counts.long())
