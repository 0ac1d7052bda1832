"""The ways in which implementations make one number of a value per token, as what each token
counts."""

from __future__ import annotations

import torch
from torch import Tensor

WORDS: dict[str, str] = {
    "token-mean": "averages over all unmasked tokens of the batch",
    "seq-mean-token-mean": "averages over each row's tokens, then over rows",
    "seq-mean-token-sum": "sums over each row's tokens, then averages over rows",
    "seq-mean-token-sum-norm": "sums over each row's tokens, divides by the horizon, then "
    "averages over rows",
    "token-sum": "sums over all unmasked tokens and divides by nothing",
    "seq-mean-token-mean, empty rows counted": "averages over each row's tokens, then over all "
    "rows, those with nothing unmasked too",
    "seq-mean-token-sum, empty rows counted": "sums over each row's tokens, then averages over all "
    "rows, those with nothing unmasked too",
    "seq-mean-token-sum-norm, empty rows counted": "sums over each row's tokens, divides by the "
    "horizon, then averages over all rows, those with nothing unmasked too",
    "seq-mean-token-mean, divided twice": "divides each row by its length twice, then averages "
    "over rows",
    "token-mean, 1e-8 added": "adds 1e-8 to the number of tokens",
    "seq-mean-token-mean, 1e-8 added": "adds 1e-8 to each row's number of tokens",
    "seq-mean-token-mean, 1e-8 added, empty rows counted": "adds 1e-8 to each row's number of "
    "tokens and counts rows with nothing unmasked in the mean",
    "mask ignored": "averages over every position, masked or not",
    "padding counted": "divides by the number of all positions, padding included",
    "seq-mean-token-sum-norm, by the width": "sums over each row's tokens, divides by the padded "
    "width of the batch instead of a horizon, then averages over rows",
    "mask one late": "reads the mask one token late: that of t - 1 at t",
    "mask one early": "reads the mask one token early: that of t + 1 at t",
    "mask ignored in the sum": "sums over every position, masked or not, and divides by the "
    "number of unmasked tokens",
}
"""Every aggregation by its name, and what an implementation that takes it does."""


def coefficients(how: str, mask: Tensor, horizon: float) -> Tensor:
    """[B, T] d aggregate / d per_token of one batch.

    Raises:
        ValueError: an aggregation that is not in WORDS.
    """
    if how not in WORDS:
        raise ValueError(f"how: expected one of {', '.join(WORDS)}, got {how!r}")
    m = mask.double()
    if how.startswith("mask ignored"):
        return torch.ones_like(m) / (m.sum().clamp(min=1) if how.endswith("sum") else m.numel())
    if how == "padding counted":
        return m / m.numel()
    if how.startswith("mask one"):
        moved = torch.zeros_like(m)
        if how.endswith("late"):
            moved[:, 1:] = m[:, :-1]
        else:
            moved[:, :-1] = m[:, 1:]
        return moved / moved.sum().clamp(min=1)
    name, *more = how.split(", ")
    extra = 1e-8 if "1e-8 added" in more else 0.0
    if name in ("token-mean", "token-sum"):
        return (
            m / (m.sum() + extra if extra else m.sum().clamp(min=1)) if name == "token-mean" else m
        )
    length = m.sum(-1, keepdim=True)
    if name == "seq-mean-token-mean":
        m = m / (length + extra if extra else length.clamp(min=1))
        m = m / length.clamp(min=1) if "divided twice" in more else m
    elif name == "seq-mean-token-sum-norm":
        m = m / (mask.shape[1] if "by the width" in more else horizon)
    rows = len(mask) if "empty rows counted" in more else (length > 0).sum().clamp(min=1)
    return m / rows
