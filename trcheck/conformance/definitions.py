"""The losses written a second time, with every choice that an implementation may make as an
argument.

`trlib.algorithms` says what each loss is; this module says what it might be instead. A family is
one function of (rows, logp, **choices) and the axes of its choices, each with a sentence in plain
words for every option that is not the reference's. The search tries options until the numbers
agree. Nothing here is shared with `trlib.algorithms`, so that the two also check each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import torch
from torch import Tensor

Rows = dict[str, Tensor]
Option = Any


@dataclass(frozen=True)
class Axis:
    """One choice of a definition."""

    point: str
    """What kind of deviation another option is: anchor, cap, epsilon, window, aggregation, form,
    sign, advantage, mask."""
    options: dict[Option, str]
    """Every option and what an implementation that takes it does; the first is the reference's."""
    same_gradient: tuple[Option, ...] = ()
    """The options, other than the reference's, that change the value alone, or the gradient only in
    the batches of `report.APART`: what takes them trains the same policy."""


@dataclass(frozen=True)
class Deviation:
    """One choice in which a function differs from the reference."""

    point: str
    """anchor, cap, epsilon, window, aggregation, form, sign, advantage, mask or input."""
    words: str
    """What the function does, in plain words."""
    same_gradient: bool = False
    """It trains the same policy: see `Axis.same_gradient`."""


@dataclass(frozen=True)
class Definition:
    """A function with its choices."""

    compute: Callable[..., Any]
    """Of a loss (rows, logp, **choices) -> [rows, T], differentiable in logp, anything where
    masked; of what surrounds one (vectors, **choices) -> numbers by name."""
    axes: dict[str, Axis]

    @property
    def base(self) -> dict[str, Option]:
        """The reference's choices."""
        return {name: next(iter(axis.options)) for name, axis in self.axes.items()}

    def others(self, name: str) -> list[Option]:
        """The options of an axis that are not the reference's."""
        return list(self.axes[name].options)[1:]

    def changes(self, depth: int, never: Collection[str] = ()) -> list[dict[str, Option]]:
        """Every way to take another option on `depth` axes, `never` on some."""
        axes = [name for name in self.axes if name not in never]
        return [
            dict(zip(names, options, strict=True))
            for names in combinations(axes, depth)
            for options in product(*map(self.others, names))
        ]

    def deviations(self, change: dict[str, Option]) -> tuple[Deviation, ...]:
        """A change in words, in the order of the axes."""
        return tuple(
            Deviation(axis.point, axis.options[change[name]], change[name] in axis.same_gradient)
            for name, axis in self.axes.items()
            if name in change
        )


INVERT = "invert"
"""In rows: the factor -1 on every log-ratio, where a ratio is inverted."""
SIGN = Axis(
    "sign",
    {
        1: "has the sign of a loss to descend",
        -1: "has the opposite sign: descending it lowers what has A > 0",
    },
)
ANCHOR = Axis(
    "anchor",
    {
        "logp_old": "takes the ratio to the recomputed old policy (logp_old)",
        "logp_rollout": "takes the ratio to the policy that sampled (logp_rollout)",
        "logp": "takes the ratio to the current policy itself, so it is always 1 and nothing is "
        "ever clipped",
    },
)
CLAMP = Axis(
    "cap",
    {
        None: "does not clamp the log-ratio",
        20.0: "clamps the log-ratio to ±20 first, so the gradient is 0 beyond",
        10.0: "clamps the log-ratio to ±10 first, so the gradient is 0 beyond",
    },
    same_gradient=(20.0,),
)
CAP = Axis(
    "cap",
    CLAMP.options | {"size": "keeps the log-ratio within ±20 and lets the gradient pass"},
    same_gradient=(20.0, "size"),
)


def _log_ratio(rows: Rows, logp: Tensor, anchor: str, clamp: float | str | None) -> Tensor:
    d = logp - (logp.detach() if anchor == "logp" else rows[anchor])
    d = d * rows.get(INVERT, 1.0)
    if isinstance(clamp, str):
        return _kept_within(d)
    return d if clamp is None else d.clamp(-clamp, clamp)


def _kept_within(d: Tensor) -> Tensor:
    return d - d.detach() + d.detach().clamp(-20.0, 20.0)


def _row_mean(values: Tensor, mask: Tensor, extra: float = 0.0) -> Tensor:
    counted = values.masked_fill(~mask, 0.0).sum(-1, keepdim=True)
    length = mask.double().sum(-1, keepdim=True)
    return counted / (length + extra if extra else length.clamp(min=1))


def reinforce(rows: Rows, logp: Tensor, *, weight: str | None) -> Tensor:
    """-A log π; with a weight -r A."""
    return -rows["advantages"] * (logp if weight is None else (logp - rows[weight]).exp())


def pg_is(
    rows: Rows,
    logp: Tensor,
    *,
    anchor: str,
    clamp: float | None,
    cap: float | None,
    form: str,
) -> Tensor:
    """-r A."""
    r = _log_ratio(rows, logp, anchor, clamp).exp()
    r = r if cap is None else r.clamp(max=cap)
    return -rows["advantages"] * (r if form == "ratio" else r.detach() * logp)


def ppo(
    rows: Rows,
    logp: Tensor,
    *,
    anchor: str,
    clamp: float | None,
    window: tuple[float, float],
    dual: float | tuple[float, str] | None,
    space: str = "ratio",
    side: str,
) -> Tensor:
    """-min(r A, clip(r) A)."""
    a, d = rows["advantages"], _log_ratio(rows, logp, anchor, clamp)
    if space == "log":
        window = -math.expm1(-window[0]), math.expm1(window[1])
    inner = _surrogate(d.exp(), a, window, side)
    if side == "weight":
        inner = inner.detach() * logp
    if dual is not None:
        bound, everywhere = dual if isinstance(dual, tuple) else (dual, "")
        inner = torch.where((a < 0) | bool(everywhere), torch.maximum(inner, bound * a), inner)
    return -inner


def _surrogate(r: Tensor, a: Tensor, window: tuple[float, float], side: str) -> Tensor:
    limited = r.clamp(1 - window[0], 1 + window[1])
    if side == "unsigned":
        return torch.minimum(r, limited) * a
    clipped = limited if side == "bare" else limited * a
    return (
        clipped
        if side == "both"
        else (torch.maximum if side == "max" else torch.minimum)(r * a, clipped)
    )


def gspo(
    rows: Rows,
    logp: Tensor,
    *,
    anchor: str,
    window: tuple[float, float],
    cap: str | None,
    level: str,
    length: str,
    side: str,
) -> Tensor:
    """PPO's clip on the geometric mean of a row's ratios."""
    a, mask = rows["advantages"], rows["mask"]
    mean = _row_mean(_log_ratio(rows, logp, anchor, None), mask).expand_as(logp)
    if length != "tokens":
        mean = mean * mask.sum(-1, keepdim=True) / (mask.shape[-1] if "width" in length else 1)
        cap = None if length.endswith("unbounded") else cap
    if level == "own":
        mean = _log_ratio(rows, logp, anchor, None)
    elif level == "token":
        limited = mean.detach().clamp(max=10.0) if cap == "size" else mean.detach()
        mean = limited + logp - logp.detach()
    elif cap == "size":
        mean = mean - mean.detach() + mean.detach().clamp(max=10.0)
    s = (mean.clamp(max=10.0) if cap == "gradient" else mean).exp()
    return -_surrogate(s, a, window, side)


def cispo(
    rows: Rows,
    logp: Tensor,
    *,
    anchor: str,
    clamp: float | None,
    low: float | None,
    high: float | None,
    form: str,
) -> Tensor:
    """-sg[clip(r)] A log π; low and high are the bounds themselves."""
    ratio = _log_ratio(rows, logp, anchor, clamp).exp()
    r = ratio.clamp(min=0.0 if low is None else low, max=high)
    weight = {
        "log": r.detach() * logp,
        "r": r.detach() * ratio,
        "product": r * logp,
        "ratio": r,
    }[form]
    return -rows["advantages"] * weight


def sapo(
    rows: Rows,
    logp: Tensor,
    *,
    anchor: str,
    clamp: float | None,
    tau: tuple[float, float],
    scale: str,
) -> Tensor:
    """-(4/τ) σ(τ (r - 1)) A."""
    a, r = rows["advantages"], _log_ratio(rows, logp, anchor, clamp).exp()
    t = torch.full_like(a, tau[1]).masked_fill(a > 0, tau[0])
    gate = torch.sigmoid(t * (r - 1)) * (4 / t if scale == "4/tau" else 1.0)
    return -gate * a


def gmpo(
    rows: Rows,
    logp: Tensor,
    *,
    anchor: str,
    window: tuple[float, float],
    epsilon: float,
    side: str,
    level: str,
    cap: str | None = None,
) -> Tensor:
    """-A exp(mean of one-sidedly clipped log-ratios); window in log space, (below, above)."""
    a, mask = rows["advantages"], rows["mask"]
    d = _log_ratio(rows, logp, anchor, None)
    clamped = d.clamp(-window[0], window[1])
    one_sided = torch.where(
        a > 0, torch.minimum(d, clamped), torch.maximum(d, clamped)
    ).masked_fill(a == 0, 0.0)
    mean = _row_mean(clamped if side == "both" else one_sided, mask, epsilon)
    if level == "sum":
        mean = mean * mask.sum(-1, keepdim=True)
    return -a * (mean if cap is None else _kept_within(mean)).exp()


def vespo(
    rows: Rows,
    logp: Tensor,
    *,
    anchor: str,
    shape: tuple[float, float, float, float],
    floor: float,
    level: str,
    scale: str,
) -> Tensor:
    """-sg[W^k e^(λ (1 - W))] A log π, W the product of a row's ratios; shape: k and λ where A >= 0,
    then where A < 0."""
    a, mask = rows["advantages"], rows["mask"]
    d = _log_ratio(rows, logp, anchor, None).detach().masked_fill(~mask, 0.0)
    if level == "token":
        whole = d
    else:
        whole = d.sum(-1, keepdim=True)
        whole = whole if level == "product" else _row_mean(d, mask)
    whole = whole.clamp(floor, 20)
    k, lam = (torch.where(a >= 0, shape[i], shape[i + 2]) for i in (0, 1))
    one = 1.0 if scale == "1" else 0.0
    return -(k * whole + lam * (one - whole.exp())).exp() * a * logp


def dppo(
    rows: Rows,
    logp: Tensor,
    *,
    measure: str,
    delta: float,
    anchors: tuple[str, str],
    cap: float | None,
    clamp: str,
    side: str,
    form: str,
    epsilon: float = 0.0,
    direction: str = "anchor first",
) -> Tensor:
    """-A sg[ρ M] log π; anchors of the mask M and of the weight ρ."""
    a, log_q = rows["advantages"], rows[anchors[0]]
    log_p = logp.detach()
    p, q = log_p.exp(), log_q.exp()
    pair = (log_q, log_p) if direction == "anchor first" else (log_p, log_q)
    past = distance(*pair, measure, epsilon) > delta
    outward = torch.where(a > 0, p > q, p < q)
    outward = (
        past & {"both": past, "outward": outward, "inward": torch.where(a > 0, p < q, p > q)}[side]
    )
    d = (logp - rows[anchors[1]]) * rows.get(INVERT, 1.0)
    if clamp != "none":
        d = d.clamp(min=-20.0 if clamp == "both" else None, max=20.0)
    rho = d.exp() if cap is None else d.exp().clamp(max=cap)
    kept = (~outward).to(a)
    return -a * kept * (rho.detach() * logp if form == "log" else rho)


def distance(log_a: Tensor, log_b: Tensor, measure: str, epsilon: float = 0.0) -> Tensor:
    """What DPPO's threshold is held against, for one token; "ratio": what PPO's is held against, |b
    / a - 1|."""
    if measure == "ratio":
        return torch.expm1(log_b - log_a).abs()
    return (
        (log_a.exp() - log_b.exp()).abs() if measure == "tv" else _binary_kl(log_a, log_b, epsilon)
    )


def _binary_kl(log_a: Tensor, log_b: Tensor, epsilon: float) -> Tensor:
    rest_a, rest_b = -torch.expm1(log_a), -torch.expm1(log_b)
    if epsilon:
        rest_a, rest_b = rest_a + epsilon, rest_b + epsilon
    ratio = torch.log(rest_a.clamp(min=1e-12) / rest_b.clamp(min=1e-12))
    return log_a.exp() * (log_a - log_b) - torch.expm1(log_a) * ratio
