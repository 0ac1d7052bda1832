"""Supervision that stays near a function: SMART, SAM and TRAM, on an expert's answers, like
`trlib.algorithms.SFT`."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms import SFT, Needs
from trlib.checks import SHARE
from trlib.divergences import kl


def apart(part: Any, log_a: Tensor, log_b: Tensor, *, both: bool = True) -> Tensor:
    """D = KL(a || b) + KL(b || a) of log-probs, [B, T, V] each, or without `both` the first alone:
    the mean over the expert's tokens, nats; 0 of none."""
    a, b = log_a[part.batch.forced], log_b[part.batch.forced]
    if not len(a):
        return a.sum() + b.sum()
    return (kl(a, b) + kl(b, a) if both else kl(a, b)).mean()


@dataclass(frozen=True, kw_only=True)
class SMART(SFT):
    """L + μ D(π~, π) + λ D(π(x + δ), π(x)): the Bregman half (π~ has averaged weights) and the
    smoothness half.

    δ = ε g / ‖g‖_max for each embedded token x, with g the slope of D at a small noise.
    Source: arXiv 1911.03437, as printed in a summary; the paper itself was not read.
    Differs from: the authors' noise is Gaussian, of variance 1e-5; ours is a fixed sine of ε / 10,
    so that a run needs no random numbers. The first code of mt-dnn has ε = .001; its later
    code takes noise + .001 g for g, and ε = 1."""

    mu: float = checks.setting(1.0, least=0, most=1e9)
    """μ: the pull to the average, losses per nat; 0: off."""
    smooth: float = checks.setting(1.0, least=0, most=1e9)
    """λ: the price of changing with the embedded tokens, losses per nat; 0: off."""
    average: float = checks.setting(0.99, **SHARE)
    """The share of the old average that an update keeps."""
    eps: float = checks.setting(0.01, least=0, most=1e9)
    """ε: the largest change of an entry of an embedded token."""

    def needs(self, anchor: Any) -> Needs:
        return Needs(full=True)

    def update(self, step: Any) -> None:
        past = step.batch.memory  # kept on the method, it would leak into the next run
        past.update({name: p for name, p in step.weights.items() if name not in past})
        average = {name: past[name] for name in step.weights}
        for part in step.minibatches():
            loss = part.loss(now := part.score())
            if self.mu:
                loss = loss + self.mu * apart(part, part.score(weights=average).full, now.full)
            if self.smooth:
                loss = loss + self.smooth * apart(
                    part, self.shaken(part, now.full.detach()), now.full
                )
            part.descend(loss)
            for name, p in step.weights.items():
                average[name].lerp_(p.detach(), 1 - self.average)

    def shaken(self, part: Any, full: Tensor) -> Tensor:
        noise: list[Tensor] = []

        def noisy(x: Tensor) -> Tensor:
            noise.append(
                (self.eps / 10 * torch.arange(x.numel()).sin().view_as(x)).to(x).requires_grad_()
            )
            return x + noise[0]

        (g,) = torch.autograd.grad(apart(part, part.score(perturb=noisy).full, full), noise)
        return part.score(
            perturb=lambda x: x + self.eps * g / g.abs().amax(-1, keepdim=True).clamp(min=1e-30)
        ).full


@dataclass(frozen=True, kw_only=True)
class SAM(SFT):
    """Step by the gradient at θ + e, uphill from θ, with g = ∇L(θ).

    form="sam":   e = ρ g / ‖g‖;        if measured, times D(π_0, π) = KL(π_0 ‖ π) + KL(π ‖ π_0)
    form="asam":  e = ρ θ² g / ‖θ g‖;
        if measured, times KL(π_0 ‖ π). With ρ = 1: TRAM-θ_0, equation 7 of its paper
    Source: SAM, arXiv 2010.01412: read in the authors' code. TRAM, arXiv 2310.03646: "asam" is
    equation 7 of its paper, which builds on ASAM and has no ρ; "sam" with `measured` is ours, from what the
    abstract describes, and is what was recorded.
    Differs from: TRAM's released code leaves out the factor g: every weight gets the same number,
    times its square if adaptive. The paper also measures from the previous step, and under noise on
    the input."""

    rho: float = checks.setting(0.05, least=0, most=1e9)
    """ρ: how far uphill, in the Euclidean norm of all weights."""
    measured: bool = checks.setting(False)
    """Whether ρ is multiplied by the distance, in nats, from the policy that the run began with:
    TRAM."""
    form: Literal["sam", "asam"] = checks.setting("sam")
    """The ball: round, or stretched along every weight by its size. TRAM's paper uses the
    second."""

    def needs(self, anchor: Any) -> Needs:
        return Needs(full=self.measured, reference=self.measured)

    def update(self, step: Any) -> None:
        for part in step.minibatches():
            now, far = part.score(), self.rho
            if self.measured:
                old = part.score(weights=part.reference).full
                far *= float(apart(part, old, now.full.detach(), both=self.form == "sam"))
            part.batch.memory["radius"] = far
            size = [p.detach() if self.form == "asam" else 1 for p in part.parameters]
            slopes = torch.autograd.grad(part.loss(now), part.parameters, materialize_grads=True)
            slopes = [s * g for s, g in zip(size, slopes, strict=True)]
            rate = far / (torch.stack([g.norm() for g in slopes]).norm() + 1e-12)
            steps = zip(part.weights.items(), size, slopes, strict=True)
            there = {n: p + rate * (s * g) for (n, p), s, g in steps}
            part.descend(part.loss(part.score(weights=there)))


RELATIVES: dict[str, Any] = {
    "smart": SMART,
    "tram": partial(SAM, rho=1.0, measured=True),
    "sam": SAM,
}
