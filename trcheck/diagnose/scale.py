"""A scale for the mismatch between sampler and learner: what usual causes look like, recorded once
on a real model.

`python -m trcheck.benchmark.mismatches` measured SmolLM2-135M against copies of itself. Another model
gives other numbers: a larger one suffers less from rounding.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

MODEL, COMMAND = "SmolLM2-135M", "python -m trcheck.benchmark.mismatches"
RECORD = Path(__file__).with_name("scale.json")


@dataclass(frozen=True)
class Row:
    """How far a learner's log-probs lie from the sampler's, for one cause."""

    key: str
    """"bf16", "int8", "fp8", "int4", "dropout", "temperature" or "shift"."""
    tokens: int
    deviation: float
    """Mean of |log π/μ| over the tokens, nats."""
    kl: float
    """KL(μ || π) per token, nats, by k3."""
    outside: float
    """Share of tokens whose ratio lies outside [0.8, 1.2]."""
    largest: float
    """The ratio that lies farthest above 1."""


def deviation(key: str, learner: np.ndarray, sampler: np.ndarray) -> Row:
    """The row of two arrays of log-probs [N] of the same tokens."""
    log_ratio = learner - sampler
    ratio = np.exp(log_ratio)
    return Row(
        key,
        len(ratio),
        float(np.abs(log_ratio).mean()),
        float((np.expm1(log_ratio) - log_ratio).mean()),
        float(((ratio < 0.8) | (ratio > 1.2)).mean()),
        float(ratio.max()),
    )


@cache
def recorded() -> tuple[Row, ...]:
    """The recorded rows, from the smallest deviation to the largest."""
    return tuple(Row(**row) for row in json.loads(RECORD.read_text(encoding="utf-8"))["rows"])
