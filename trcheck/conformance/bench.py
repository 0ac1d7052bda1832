"""The numbers of every definition on the batches that were observed, beside the observed ones."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from trcheck.conformance.aggregations import WORDS, coefficients
from trcheck.conformance.choices import first
from trcheck.conformance.definitions import Axis, Option
from trcheck.conformance.families import FAMILIES
from trcheck.conformance.vectors import Vectors

NOISE = 1e-15
"""Absolute difference that is rounding."""
NO_GRADIENT = "carries no gradient to the current log-probs"
"""A fault that still leaves the values to compare."""


@dataclass
class Observed:
    """What a function gave on the vectors."""

    values: dict[str, Tensor] = field(default_factory=dict)
    """By batch: a scalar, or [B, T] from a function that returns a value per token."""
    gradients: dict[str, Tensor] = field(default_factory=dict)
    """By batch: [B, T] of the value (of the masked sum of the values) in logp."""
    faults: dict[str, str] = field(default_factory=dict)
    """By batch: what went wrong."""
    empty: str | None = None
    """What it does where nothing is unmasked; None: loss 0 and gradient 0, as it should."""
    by_token: bool = False
    """It returns a value per token."""
    single: bool = False
    """It computes in float32."""
    written: tuple[str, ...] = ()
    """The inputs that it has written into."""


class Bench:
    """The definitions' numbers on the batches that were observed, beside the observed ones."""

    def __init__(self, vectors: Vectors, observed: Observed, loss: str, how: str | None) -> None:
        self.names = [name for name in vectors.names if name in observed.values]
        self.axes = dict(FAMILIES[loss].axes)
        if how is not None:
            small = tuple(name for name in WORDS if name.endswith("1e-8 added"))
            counted = tuple(
                name
                for name in WORDS
                if name.startswith(how) and name.endswith("empty rows counted")
            )
            self.axes["aggregation"] = Axis("aggregation", first(how, WORDS), small + counted)
        self.family = replace(FAMILIES[loss], axes=self.axes)
        self._horizon = float(vectors.document["horizon"])
        keep = torch.tensor([vectors.names.index(name) for name in self.names])
        chosen = (vectors.rows["batch"].unsqueeze(-1) == keep).any(-1)
        self.rows = {key: value[chosen] for key, value in vectors.rows.items()}
        self._masks = [vectors.batches[name]["mask"] for name in self.names]
        self._which = torch.unique(self.rows["batch"], return_inverse=True)[1]
        self.gradient = torch.cat([observed.gradients[name].double() for name in self.names])
        """[rows, T] the observed gradients."""
        given = [observed.values[name].double() for name in self.names]
        self._given = torch.cat(given) if observed.by_token else torch.stack(given)
        self._offered: set[tuple[str, Option]] = set()
        self._forward: dict[tuple[Any, ...], tuple[Tensor, Tensor]] = {}
        self._known: dict[tuple[Any, ...], tuple[Tensor, Tensor]] = {}

    @property
    def tried(self) -> int:
        """Number of definitions compared so far."""
        return len(self._known)

    def offer(self, name: str, option: Option, words: str) -> None:
        """One more option on an axis."""
        axis = self.axes[name]
        if option not in axis.options:
            self.axes[name] = replace(axis, options={**axis.options, option: words})
            self._offered.add((name, option))

    def fitted(self, change: dict[str, Any]) -> int:
        """How many of the options were offered: of two explanations the one that fits less is
        taken."""
        return sum(item in self._offered for item in change.items())

    def extended(self, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Each of the changes with one more option on another axis, no set twice."""
        wider = [
            {**change, name: option}
            for change in changes
            for name in self.axes
            if name not in change
            for option in self.family.others(name)
        ]
        return list({frozenset(change.items()): change for change in wider}.values())

    def errors(self, change: dict[str, Any]) -> Tensor:
        """[batches, 2] largest relative difference of the values and of the gradients."""
        value, gradient = self._errors(change)
        return torch.stack(
            [value if value.dim() == 1 else self._worst(value), self._worst(gradient)], -1
        )

    def spread(self) -> tuple[float, float]:
        """What half of the tokens' gradients differ by, relative, at most, and nine of ten."""
        errors = self._errors({})[1][self.rows["mask"]]
        half, most = errors.quantile(torch.tensor([0.5, 0.9], dtype=errors.dtype)).tolist()
        return half, most

    def left(self, change: dict[str, Any], tolerance: float, gradient_only: bool) -> int:
        """How many numbers still disagree."""
        value, gradient = self._errors(change)
        return int((gradient > tolerance).sum()) + (
            0 if gradient_only else int((value > tolerance).sum())
        )

    def gradients(self, change: dict[str, Any]) -> Tensor:
        """[rows, T] a definition's gradients."""
        return self._expected(self.family.base | change)[2]

    def first(self, tolerance: float) -> dict[str, Any] | None:
        """The first token, batch by batch, whose value or gradient is not the reference's: where it
        stands, what went in, what was expected and what came; without a token where only the value
        of a batch differs."""
        value, gradient = self._errors({})
        expected, _, slope = self._expected(self.family.base)
        single = value.dim() == 1
        wrong = (gradient > tolerance) if single else (gradient > tolerance) | (value > tolerance)
        of = {"of": "batch" if single else "token"}
        places = torch.nonzero(wrong)
        if not len(places):
            for b in torch.nonzero(value > tolerance)[:, 0].tolist():
                return {"batch": self.names[b], "value": _pair(expected[b], self._given[b]) | of}
            return None
        at = int(places[0, 0]), int(places[0, 1])
        b = int(self._which[at[0]])
        row = at[0] - int(torch.nonzero(self._which == b)[0, 0])
        where = b if single else at
        return {
            "batch": self.names[b],
            "row": row,
            "token": at[1],
            "inputs": self._inputs(at),
            "gradient": _pair(slope[at], self.gradient[at]),
            "value": _pair(expected[where], self._given[where]) | of,
        }

    def _inputs(self, at: tuple[int, int]) -> dict[str, Any]:
        inputs = {
            name: _short(self.rows[name][at])
            for name in ("logp", "logp_old", "logp_rollout", "advantages")
        }
        ratio = (self.rows["logp"][at] - self.rows["logp_old"][at]).exp()
        return {**inputs, "ratio": _short(ratio), "mask": int(self.rows["mask"][at])}

    def _expected(self, choices: dict[str, Any]) -> tuple[Tensor, Tensor, Tensor]:
        """Values by batch (by token, where they came so), what they are relative to, and gradients
        by token."""
        how = choices.get("aggregation")
        per_token, logp = self._per_token(
            {name: option for name, option in choices.items() if name != "aggregation"}
        )
        weights = self.rows["mask"].double() if how is None else self._coefficients(how)
        counted = weights * per_token
        (gradient,) = torch.autograd.grad(counted.sum(), logp, retain_graph=True)
        counted = counted.detach()
        if how is None:
            return counted, counted.abs(), gradient
        return self._by_batch(counted), self._by_batch(counted.abs()), gradient

    def _errors(self, change: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Relative differences: of the values by batch (by token, where they came so), of the
        gradients by token."""
        choices = self.family.base | change
        key = tuple(choices.values())
        if key not in self._known:
            value, scale, gradient = self._expected(choices)
            by_token = "aggregation" not in choices
            observed = self._given * self.rows["mask"] if by_token else self._given
            self._known[key] = (
                relative(observed, value, None if by_token else scale),
                relative(self.gradient, gradient),
            )
        return self._known[key]

    def _per_token(self, choices: dict[str, Any]) -> tuple[Tensor, Tensor]:
        key = tuple(choices.values())
        if key not in self._forward:
            logp = self.rows["logp"].clone().requires_grad_()
            self._forward[key] = self.family.compute(self.rows, logp, **choices), logp
        return self._forward[key]

    def _coefficients(self, how: str) -> Tensor:
        return torch.cat([coefficients(how, mask, self._horizon) for mask in self._masks])

    def _by_batch(self, values: Tensor) -> Tensor:
        return torch.zeros(len(self.names), dtype=torch.float64).index_add(
            0, self._which, values.sum(-1)
        )

    def _worst(self, errors: Tensor) -> Tensor:
        """[batches] the largest of each batch's [rows, T]."""
        none = torch.zeros(len(self.names), dtype=torch.float64)
        return none.scatter_reduce(0, self._which, errors.amax(-1), "amax")


def relative(observed: Tensor, expected: Tensor, scale: Tensor | None = None) -> Tensor:
    """|a - b| against the larger of the two (or `scale`), 0 where it is rounding or both are
    NaN."""
    size = torch.maximum(observed.abs(), expected.abs()) if scale is None else scale
    apart = (observed - expected).abs()
    alike = (apart <= NOISE) | (observed.isnan() & expected.isnan())
    return torch.where(alike, 0.0, apart / size.clamp(min=NOISE)).nan_to_num(nan=float("inf"))


def _pair(expected: Tensor, got: Tensor) -> dict[str, float]:
    return {"expected": _short(expected), "got": _short(got)}


def _short(number: Tensor) -> float:
    """Six digits, for a reader; below NOISE it is 0."""
    return float(f"{number.item():.6g}") if abs(number.item()) > NOISE else 0.0
