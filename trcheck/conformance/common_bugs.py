"""Bugs that any loss may contain: advantages that were touched, a ratio upside down, old log-probs
one token off.

A bug changes what a definition is given, or adds to what it returns, so one definition of it
serves every family.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from trcheck.conformance.definitions import INVERT, Axis, Definition, Option, Rows

WHITENED = {
    f"{over}, {kind}, {constant:g}": (over, kind, constant)
    for over in ("mask", "all")
    for kind in ("sample", "population")
    for constant in (1e-8, 1e-6, 1e-5, 1e-4)
}
WHERE = {
    "mask": "over the batch's unmasked tokens",
    "all": "over every position of the batch, masked or not",
}
ADVANTAGE = {
    "given": "takes the advantages as they come",
    "negated": "negates the advantages, the clip's side with them: descending it lowers what has "
    "A > 0",
    **{name: f"whitens the advantages {WHERE[over]}" for name, (over, _, _) in WHITENED.items()},
    **{
        f"late, {fill}": "takes the advantages one token late: those of t - 1 at t"
        for fill in ("round", "zero")
    },
    "absolute": "takes the advantages' absolute values: wrong completions become more probable, too",
    "row mean": "takes the mean of each row's advantages for every token of the row",
    "row first": "takes each row's first advantage for every token of the row",
    **{f"{over}, centred": f"takes the mean {WHERE[over]} off the advantages" for over in WHERE},
}
SHIFTED: dict[Option, str] = {
    None: "reads the old log-probs where they stand",
    **{
        (1, fill): "reads the old log-probs one token late: those of t - 1 at t"
        for fill in ("round", "zero", "edge")
    },
    **{
        (-1, fill): "reads the old log-probs one token early: those of t + 1 at t"
        for fill in ("round", "zero", "edge")
    },
}
ROUNDED = {
    False: "takes log-probs as they come",
    True: "rounds log-probs to bfloat16: ratios differ by 1e-2 and more",
}
TURNED = {
    "straight": "divides the current probability by the old one",
    "inverted": "inverts the ratio: the old probability over the current one",
    "detached": "detaches the ratio, or the whole loss: there is no gradient to the current "
    "log-probs",
}
SCOPE = {
    "masked": "takes a row's mean over its unmasked tokens",
    "all": "takes a row's mean over every position: the mask is forgotten there",
}
_BY = "multiplies every token by π_old/μ (logp_old, logp_rollout)"
CORRECTED: dict[Option, str] = {
    None: "brings no correction of its own",
    (
        "cut",
        math.inf,
    ): f"{_BY}: together with a ratio to the sampler this counts their mismatch twice",
    (
        "cut",
        2.0,
    ): f"{_BY}, at most 2: together with a ratio to the sampler this counts their mismatch twice",
    ("mask", 2.0): f"{_BY}, by 0 where that is above 2",
}
"""Corrections that a loss may bring already; the vectors hold no π_old/μ above 3."""
TERMS = {
    "k1": "k1 (logp - logp_old)",
    "k2": "k2 ((logp - logp_old)² / 2)",
    "k3": "k3 (e^d - d - 1, d = logp_old - logp)",
    "k2 rollout": "k2 to the policy that sampled ((logp - logp_rollout)² / 2)",
    "logp": "logp",
    "loss": "the loss itself",
}
ADDED = "added"
"""The axis of a term that does not belong there; its options (name of TERMS, factor) are found from
the numbers."""
BUGS = frozenset({"advantage", "shift", "turn", "scope", "corrected", "rounded", ADDED})
"""The axes of this module."""


def added(name: str, factor: float) -> str:
    """The words of an added term."""
    if name == "loss":
        return f"multiplies the whole loss by {1 + factor:g}"
    return f"adds {factor:g} times {TERMS[name]} to every token"


def family(
    per_token: Callable[..., Tensor],
    axes: dict[str, Axis],
    *,
    linear: bool = False,
    old: bool = True,
    rows: bool = False,
    clips: bool = False,
    one_a_row: bool = False,
) -> Definition:
    """A loss with its own choices and with the axes of its bugs.

    Args:
        per_token: its definition.
        axes: the choices of it.
        linear: in the advantages, so that negating them flips the sign.
        old: it takes the log-probs of another policy.
        rows: it takes means over rows.
        clips: a bound stands on its ratio, so that a correction next to it is no other ratio.
        one_a_row: its paper has one advantage for a row, so that their mean is the same.
    """
    known = {name: words for name, words in ADVANTAGE.items() if not (linear and name == "negated")}
    turned = {name: words for name, words in TURNED.items() if old or name != "inverted"}
    axes = axes | {"turn": Axis("form", turned), ADDED: Axis("form", {None: "adds nothing"})}
    axes["advantage"] = Axis("advantage", known, ("row mean", "row first") if one_a_row else ())
    if old:
        axes["shift"] = Axis("anchor", SHIFTED)
        axes["rounded"] = Axis("input", ROUNDED)
    if clips:
        axes["corrected"] = Axis("form", CORRECTED)
    if rows:
        axes["scope"] = Axis("mask", SCOPE)
    return Definition(_with_bugs(per_token), axes)


def _with_bugs(per_token: Callable[..., Tensor]) -> Callable[..., Tensor]:
    def with_bug(
        rows: Rows,
        logp: Tensor,
        *,
        sign: int = 1,
        advantage: str = "given",
        shift: tuple[int, str] | None = None,
        turn: str = "straight",
        scope: str = "masked",
        rounded: bool = False,
        corrected: tuple[str, float] | None = None,
        added: tuple[str, float] | None = None,
        **choices: Any,
    ) -> Tensor:
        inputs = {**rows, "advantages": _advantages(rows, advantage)}
        if shift is not None:
            inputs |= {name: _shifted(rows[name], *shift) for name in ("logp_old", "logp_rollout")}
        if scope == "all":
            inputs["mask"] = torch.ones_like(rows["mask"])
        if turn == "inverted":
            inputs[INVERT] = torch.tensor(-1.0)
        if rounded:
            inputs |= {
                name: rows[name].bfloat16().to(logp) for name in ("logp_old", "logp_rollout")
            }
        given = logp.bfloat16().to(logp) if rounded else logp
        leaf = logp.detach() if turn == "detached" else given
        values = sign * per_token(inputs, leaf, **choices) + 0.0 * logp
        if corrected is not None:
            values = values * _correction(rows, *corrected)
        return values if added is None else values + added[1] * _term(added[0], rows, logp, values)

    return with_bug


def _advantages(rows: Rows, kind: str) -> Tensor:
    """[rows, T] advantages as a bug leaves them, batch by batch."""
    a = rows["advantages"]
    if kind == "given":
        return a
    if kind in ("negated", "absolute"):
        return -a if kind == "negated" else a.abs()
    if kind.startswith("late"):
        return _shifted(a, 1, kind.partition(", ")[2])
    if kind == "row first":
        return a[:, :1].expand_as(a)
    if kind == "row mean":
        mask = rows["mask"]
        mean = a.masked_fill(~mask, 0.0).sum(-1, keepdim=True) / mask.sum(-1, keepdim=True).clamp(
            min=1
        )
        return mean.expand_as(a)
    over, spread, constant = WHITENED.get(kind, (kind.split(",")[0], "", 0.0))
    counted = rows["mask"] if over == "mask" else torch.ones_like(rows["mask"])
    changed = torch.zeros_like(a)
    for b in rows["batch"].unique():
        mine = rows["batch"] == b
        inside = a[mine][counted[mine]]
        scale = inside.std(unbiased=spread == "sample") + constant if spread else 1.0
        changed[mine] = (a[mine] - inside.mean()) / scale
    return changed


def _shifted(values: Tensor, by: int, fill: str) -> Tensor:
    """[rows, T] one place on (1) or back (-1); what comes in at the end: the other end's, 0, or the
    end's own."""
    moved = values.roll(by, -1)
    end = 0 if by == 1 else -1
    if fill != "round":
        moved[:, end] = 0.0 if fill == "zero" else values[:, end]
    return moved


def _correction(rows: Rows, how: str, bound: float) -> Tensor:
    """[rows, T] the weight of truncated or masked importance sampling, token by token."""
    factor = (rows["logp_old"] - rows["logp_rollout"]).exp()
    return factor.clamp(max=bound) if how == "cut" else factor * (factor <= bound)


def _term(name: str, rows: Rows, logp: Tensor, values: Tensor) -> Tensor:
    if name in ("logp", "loss"):
        return logp if name == "logp" else values
    d = logp - rows["logp_rollout" if name == "k2 rollout" else "logp_old"]
    return {"k1": d, "k3": torch.expm1(-d) + d}.get(name, d.square() / 2)
