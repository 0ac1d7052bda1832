"""Which tokens are silenced: by text, with counts, and some of them in their context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from trcheck.diagnose.effects import Effect
from trcheck.diagnose.rollouts import Rollouts

ROWS = 20
"""Most tokens in the table."""
EACH = 2
"""Examples of each kind."""
BEFORE, AFTER = 16, 8
"""Tokens shown before and after the one that an example is about."""


@dataclass(frozen=True)
class TokenRow:
    """One token by its text."""

    text: str
    count: int
    """Unmasked occurrences."""
    silenced: dict[str, int]
    """By the methods' keys."""
    turned: int
    """By QUATRO."""
    probability: float
    """Median under the policy that sampled."""
    ratio: tuple[float, float]
    """Smallest and largest π/μ."""


@dataclass(frozen=True)
class Shown:
    """A token of an example's context."""

    text: str
    mark: str
    """"", "masked", "ppo", "dppo" or "both": who silences it."""
    own: bool = False
    """Whether the example is about this token."""


@dataclass(frozen=True)
class Example:
    """A silenced token in its context."""

    kind: str
    """"ppo", "dppo" or "both", as in `Shown.mark`, or "turned": no mask acts, but QUATRO turns the
    completion back."""
    completion: int
    position: int
    prompt: str | None
    context: tuple[Shown, ...]
    cut: tuple[bool, bool]
    """Whether the completion goes on before and after the context."""
    before: float
    """Its probability under μ."""
    after: float
    """Under π."""
    advantage: float
    turned: bool
    """QUATRO turns the completion back."""


def token_rows(rollouts: Rollouts, effects: Sequence[Effect]) -> tuple[TokenRow, ...] | None:
    """The tokens that PPO or DPPO silences most often; None where the file does not say what the
    tokens are."""
    if rollouts.pieces is None:
        return None
    mask = rollouts.mask
    flags = {e.key: e.silenced[mask] for e in effects}
    turned = next(e for e in effects if e.key == "quatro").turned[mask]
    which, texts = pd.factorize(rollouts.pieces[mask])
    count = np.bincount(which)
    cut = np.bincount(which, weights=flags["ppo"] | flags["dppo_tv"] | flags["dppo_kl"]).astype(int)
    order = sorted(np.flatnonzero(cut), key=lambda i: (-cut[i], count[i], texts[i]))
    log_ratio, rollout = (rollouts.logp - rollouts.logp_rollout)[mask], rollouts.logp_rollout[mask]
    rows = []
    for i in order[:ROWS]:
        here = which == i
        with np.errstate(over="ignore"):
            ratio = np.exp([log_ratio[here].min(), log_ratio[here].max()])
        rows.append(
            TokenRow(
                str(texts[i]),
                int(count[i]),
                {key: int(flag[here].sum()) for key, flag in flags.items()},
                int(turned[here].sum()),
                float(np.median(np.exp(rollout[here]))),
                (float(ratio[0]), float(ratio[1])),
            )
        )
    return tuple(rows)


def examples(rollouts: Rollouts, effects: Sequence[Effect]) -> tuple[Example, ...]:
    """Of each kind the tokens that have moved furthest, from different completions; none where
    there is no text."""
    if rollouts.pieces is None:
        return ()
    by = {e.key: e for e in effects}
    marks, turned = (
        _marks(rollouts, by["ppo"].silenced, by["dppo_tv"].silenced),
        by["quatro"].turned,
    )
    log_ratio = rollouts.logp - rollouts.logp_rollout
    moved = np.exp(rollouts.logp) - np.exp(rollouts.logp_rollout)
    prompt = np.arange(rollouts.count) if rollouts.group is None else rollouts.group
    chosen: list[Example] = []
    for kind, size in (("ppo", log_ratio), ("dppo", moved), ("both", moved), ("turned", log_ratio)):
        index = np.flatnonzero((marks == "") & turned if kind == "turned" else marks == kind)
        index = index[np.argsort(-np.abs(size[index]), kind="stable")]
        for _ in range(EACH):
            shown = [e.completion for e in chosen]
            index = index[~np.isin(rollouts.completion[index], shown)]
            fresh = index[~np.isin(prompt[rollouts.completion[index]], prompt[shown])]
            if len(index):  # of another prompt, if there is one
                chosen.append(
                    _example(
                        rollouts, marks, turned, int((fresh if len(fresh) else index)[0]), kind
                    )
                )
    return tuple(chosen)


def _marks(rollouts: Rollouts, ppo: np.ndarray, dppo: np.ndarray) -> np.ndarray:
    return np.select(
        [~rollouts.mask, ppo & dppo, ppo, dppo], ["masked", "both", "ppo", "dppo"], default=""
    )


def _example(
    rollouts: Rollouts, marks: np.ndarray, turned: np.ndarray, i: int, kind: str
) -> Example:
    assert rollouts.pieces is not None
    owner = int(rollouts.completion[i])
    first = int(np.searchsorted(rollouts.completion, owner))
    row = np.flatnonzero(rollouts.mask[first:] & (rollouts.completion[first:] == owner))
    last = first + int(row[-1]) + 1  # what follows the last unmasked token is padding
    low, high = max(first, i - BEFORE), min(last, i + AFTER + 1)
    shown = tuple(Shown(str(rollouts.pieces[j]), str(marks[j]), j == i) for j in range(low, high))
    return Example(
        kind,
        owner,
        i - first,
        None if rollouts.prompts is None else rollouts.prompts[owner],
        shown,
        (low > first, high < last),
        float(np.exp(rollouts.logp_rollout[i])),
        float(np.exp(rollouts.logp[i])),
        float(rollouts.advantage[i]),
        bool(turned[i]),
    )
