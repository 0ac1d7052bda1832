"""How far apart are two copies of one policy, token by token, before either has learned anything?

A trainer and the engine that samples for it hold the same weights in different precisions. Their
log-probs differ by rounding, and a loss that divides one by the other takes the rounding for a
step. `measure` scores a policy's own completions in both; `by_probability` says what that does to
ratios and to total variation, by the tokens' probability; `recorded_precision` is what it did with
SmolLM2.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from trlab.questions import RECORDS
from trlib import checks
from trlib.loop.sampler import Sampler
from trlib.loop.settings import PRECISIONS
from trlib.model.policy import Policy
from trlib.model.rollout import sample

if TYPE_CHECKING:
    import pandas as pd

RECORD = RECORDS / "precision" / "smollm2.json"
DIGITS = 100_000
"""A recorded log-prob is a whole number of 1/100,000 nats."""
EDGES = (0.0, 0.001, 0.01, 0.1, 0.5, 0.9, 1.0)


@torch.no_grad()
def measure(
    policy: Policy,
    prompts: Sequence[str],
    *,
    precision: str = "bf16",
    group: int = 1,
    max_tokens: int = 16,
    seed: int = 0,
) -> tuple[Tensor, Tensor]:
    """Log-probs of tokens that the policy samples, [N] each: its own, and those of a copy in
    another precision.

    Args:
        precision: one of `trlib.loop.settings.PRECISIONS`.

    Raises:
        ValueError: an unknown precision; what `sample` refuses.
    """
    checks.choice("precision", precision, PRECISIONS)
    batch = sample(policy, prompts, group=group, max_tokens=max_tokens, seed=seed)
    other = Sampler(policy, lag=0, precision=precision).policy()
    own, theirs = (one.score(batch, at_once=16).logp[batch.mask].float() for one in (policy, other))
    return own, theirs


def by_probability(logp: Tensor, other: Tensor, *, eps: float = 0.2) -> pd.DataFrame:
    """Ratios r = e^(other - logp) and total variations |e^other - e^logp| of tokens, by their
    probability e^logp.

    A row for each range of probabilities that holds a token: how many, the median of |r - 1|, the
    largest, the share outside the window (|r - 1| > eps), the median of TV and the largest.

    Raises:
        ValueError: different shapes, or an eps that is not above 0.
    """
    import pandas as pd

    if logp.shape != other.shape:
        raise ValueError(
            f"other: expected the shape of logp, {list(logp.shape)}, got {list(other.shape)}"
        )
    eps = checks.number("eps", eps, above=0)
    p, away = logp.double().exp(), (other.double() - logp.double()).expm1().abs()
    rows = {}
    for low, high in pairwise(EDGES):
        here = (p >= low) & ((p < high) | (high == 1.0))
        if here.any():
            r, tv = away[here], (away * p)[here]
            rows[f"{low:g} to {high:g}"] = {
                "tokens": int(here.sum()),
                "median |r - 1|": float(r.median()),
                "largest |r - 1|": float(r.max()),
                "outside": float((r > eps).double().mean()),
                "median TV": float(tv.median()),
                "largest TV": float(tv.max()),
            }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("probability")


def recorded_precision() -> tuple[Tensor, Tensor, dict[str, Any]]:
    """SmolLM2-135M in float32 and in bfloat16: log-probs of 3,072 tokens at most, [N] each, and how
    they were made."""
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    logp, other = (
        torch.tensor(record.pop(name), dtype=torch.float64) / DIGITS for name in ("fp32", "bf16")
    )
    return logp, other, record
