"""A loss placed on the four axes by asking it: whose log-probs it reads, what it judges as one,
what it does to a token far from them, and whether the sign of the advantage decides.

A probe is a row of four tokens with one ratio. The answer is each token's gradient, as a multiple
of what plain policy gradient gives it.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from trlab.conformance.calls import Subject

T = 4
NEAR, STEP = 0.02, 0.05
"""A log-ratio inside every window of the vectors, and how far a probe moves one."""
FAR, FARTHER = 2.0, 3.0
"""Log-ratios outside every window."""
ROUNDING = 1e-5
SILENT = 1e-9


@dataclass(frozen=True)
class Place:
    """A loss on the four axes."""

    ratio: str
    """π/π_old, π/μ, both, or none."""
    level: str
    """token, row (mean) or row (product)."""
    done: str
    """What happens to the weight of tokens outside: silenced, bounded, softened, pulled back,
    nothing."""
    signed: str
    """yes, no, or – where nothing happens."""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def probe(subject: Subject) -> Place:
    """Ask a loss the four questions."""
    old, rollout = (
        any(_reads(subject, d, name) for d in (NEAR, -FAR)) for name in ("old", "rollout")
    )
    ratio = {(True, False): "π/π_old", (False, True): "π/μ", (True, True): "both"}.get(
        (old, rollout), "none"
    )
    if ratio == "none":
        return Place(ratio, "token", "nothing", "–")
    level = _level(_weights(subject, d=NEAR), _weights(subject, d=NEAR, one=STEP))
    # Side 1: in the direction in which the advantage pushes.
    moves = {
        (sign, side): _done(subject, sign, side * sign) for sign in (1, -1) for side in (1, -1)
    }
    outward, inward = ({moves[1, side], moves[-1, side]} for side in (1, -1))
    done = [
        word
        for word in ("silenced", "bounded", "softened", "pulled back")
        if word in outward | inward
    ]
    if not done:
        return Place(ratio, level, "nothing", "–")
    up, down = ({moves[1, side], moves[-1, -side]} for side in (1, -1))
    signed = len(up) > 1 or len(down) > 1  # two tokens at one ratio that fare differently
    return Place(ratio, level, ", ".join(done), "yes" if signed else "no")


def _weights(
    subject: Subject,
    *,
    d: float,
    sign: float = 1,
    old: float = 0.0,
    rollout: float = 0.0,
    one: float = 0.0,
) -> Tensor:
    """[T] the weights of a row at a log-ratio d; `one`: what is added to its second token's."""
    logp = torch.full((1, T), -0.2 if d > 0 else -3.3, dtype=torch.float64)
    anchor = logp - d
    logp[0, 1] += one
    batch = {
        "logp": logp,
        "logp_old": anchor + old,
        "logp_rollout": anchor + rollout,
        "advantages": torch.full_like(logp, float(sign)),
        "mask": torch.ones(1, T, dtype=torch.bool),
        "rewards": torch.full((1,), float(sign), dtype=torch.float64),
        "group": torch.zeros(1, dtype=torch.long),
    }
    leaf = logp.clone().requires_grad_()
    value: Any = subject(batch, leaf)
    value = getattr(value, "per_token", value)
    value = value[0] if isinstance(value, tuple) else value
    (gradient,) = torch.autograd.grad(value.sum(), leaf)
    return -sign * gradient[0]


def _reads(subject: Subject, d: float, name: str) -> bool:
    """Whether a step of a policy's log-probs moves the weights; near, and where an upper bound does
    not hold."""
    base, moved = _weights(subject, d=d), _weights(subject, d=d, **{name: STEP})
    return bool(((base - moved).abs() > ROUNDING * base.abs().max()).any())


def _level(base: Tensor, moved: Tensor) -> str:
    """How a token's weight answers to a step of its neighbour: not at all, by a share of it, by the
    whole step."""
    change = abs(math.log(float(moved[0] / base[0])))
    if change < STEP / (4 * T):
        return "token"
    return "row (mean)" if change < STEP / 2 else "row (product)"


def _done(subject: Subject, sign: int, direction: int) -> str:
    near = _weights(subject, d=direction * NEAR, sign=sign)[0]
    far, farther = (_weights(subject, d=direction * d, sign=sign)[0] / near for d in (FAR, FARTHER))
    if max(far.abs(), farther.abs()) <= SILENT:
        return "silenced"
    if farther < 0:
        return "pulled back"
    if abs(far - farther) <= ROUNDING:
        return "bounded"
    # 1: the weight is the ratio.
    grows = float(torch.log(farther / far)) * direction / (FARTHER - FAR)
    return "nothing" if abs(grows - 1) < 0.2 else "softened"
