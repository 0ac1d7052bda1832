"""Dumps of rollouts with a known fault, by exact sampling from a known softmax: what `diagnose` is
measured on.

Every token has logits of its own over `VOCABULARY` tokens, sharp for most and flat for some, as a
language model's are: about 0.6 nats of entropy on average. The sampler draws from its softmax; the
learner scores the same tokens from logits that differ by the fault and by a little rounding.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from trlab.diagnose import causes
from trlab.diagnose.rollouts import Rollouts
from trlab.diagnose.sampling import Sampling

VOCABULARY = 32
GROUP = 8
CHUNK = 1 << 15
HEALTHY = ("fp32", "bf16", "int8", *(f"stale {age}" for age in range(1, 9)))
LOGITS = {"fp32": 1e-6, "bf16": 0.05, "int8": 0.16, "fp8": 0.45, "int4": 1.2}
"""Standard deviation of the error of a logit: mean |log-ratio| of 0.02, 0.06, 0.15 and 0.4 nats."""
SHARP = (1.6, 0.6)
"""Mean and standard deviation of the logarithm of the logits' size."""
STALE = 0.05
"""Of a logit's movement in one version."""
FAULTS = {
    "temperature learner": "temperature",
    "temperature sampler": "temperature",
    "top-p": "support",
    "top-k": "support",
    "pairing prompt": "pairing",
    "pairing text": "pairing",
    "shift": "shift",
    "padding": "padding",
    "padding sampler": "padding",
    "dropout": "dropout",
    "dropout alone": "dropout",
    "noise": "noise",
    "fp8": "precision",
    "int4": "precision",
    "staleness": "staleness",
    "dead-groups": "dead-groups",
    "truncation": "truncation",
    "half-groups": "half-groups",
    "log10": "unit",
    "base 2": "unit",
    "clipped": "unit",
    "probabilities": "unit",
    "non-finite": "non-finite",
    "overflow": "non-finite",
}
"""Each fault, and the cause that it is."""


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))


def flat(
    seed: int, completions: int, fault: str = "fp32", old: bool = True
) -> dict[str, np.ndarray]:
    """A dump with one row per token: `completion`, `logp`, `logp_rollout`, `advantage`, `mask`,
    `group`, `reward`, and `logp_old` where asked for.

    Args:
        seed: of every draw.
        completions: B; a multiple of 8.
        fault: of `FAULTS`, or what is healthy, of `HEALTHY`.
        old: whether there is a column of the learner before its updates.
    """
    g = np.random.default_rng([seed, completions, (*FAULTS, *HEALTHY).index(fault)])
    limit = 40 if fault == "truncation" else 64
    lengths = np.clip(8 + g.exponential(22, completions), 8, limit).astype(int)
    if fault == "truncation":
        lengths[g.random(completions) < 0.7] = limit
    n = int(lengths.sum())
    owner = np.repeat(np.arange(completions), lengths)
    wrong = g.random(completions) < 0.1
    wrong[int(g.integers(completions))] = True
    age = g.integers(0, 5, completions)
    parts = [
        _tokens(
            g,
            min(CHUNK, n - first),
            fault,
            wrong[owner[first : first + CHUNK]],
            age[owner[first : first + CHUNK]],
        )
        for first in range(0, n, CHUNK)
    ]
    sampler, learner, again = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    if fault == "pairing text":  # the scores of another completion, as many as there are
        places = np.flatnonzero(wrong[owner])
        learner[places] = again[places] = np.roll(learner, 500 % n)[places]
    if fault == "shift":
        sampler = np.roll(sampler, 1)
    rewards = (
        g.random(completions) < np.repeat(g.uniform(0.15, 0.85, completions // GROUP), GROUP)
    ).astype(float)
    if fault == "dead-groups":
        rewards = np.where(np.repeat(g.random(completions // GROUP) < 0.9, GROUP), 1.0, rewards)
    group = np.arange(completions) // GROUP
    advantage = rewards - np.repeat(rewards.reshape(-1, GROUP).mean(1), GROUP)
    made = {
        "completion": owner,
        "logp": again,
        "logp_rollout": sampler,
        "advantage": advantage[owner],
        "mask": np.ones(n, dtype=bool),
        "group": group[owner],
        "reward": rewards[owner],
    }
    if old:
        made["logp_old"] = learner
    if fault == "staleness":
        made["version"] = 100 - age[owner]
    return _broken(g, made, fault, limit)


def _tokens(
    g: np.random.Generator, n: int, fault: str, wrong: np.ndarray, age: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log-probs of n drawn tokens: the sampler's, and two passes of the learner."""
    logits = g.standard_normal((n, VOCABULARY), dtype=np.float32)
    logits *= np.exp(SHARP[0] + SHARP[1] * g.standard_normal((n, 1), dtype=np.float32))

    def noise(size: Any) -> np.ndarray:
        return size * g.standard_normal((n, VOCABULARY), dtype=np.float32)

    drawn = logits / 0.7 if fault.startswith("temperature") else logits
    if fault in LOGITS:
        drawn = logits + noise(LOGITS[fault])
    if fault == "top-p":
        drawn = _top_p(logits, 0.8)
    if fault == "top-k":
        drawn = np.where(logits >= np.sort(logits, -1)[:, -5:-4], logits, -np.inf)
    scores = log_softmax(drawn)
    mass = np.cumsum(np.exp(scores), -1)
    tokens = (mass < g.random((n, 1), dtype=np.float32) * mass[:, -1:]).sum(-1)
    sampler = log_softmax(logits) if fault == "temperature sampler" else scores
    learned = logits / 0.7 if fault == "temperature sampler" else logits
    if fault.startswith("stale "):
        learned = logits + noise(STALE * np.sqrt(int(fault.split()[1])))
    if fault == "staleness":
        learned = logits + noise(0.25 * age[:, None].astype(np.float32))
    if fault == "pairing prompt":
        other = (
            g.standard_normal(logits.shape, dtype=np.float32)
            * np.abs(logits).max(-1, keepdims=True)
            / 2
        )
        learned = np.where(wrong[:, None], 0.3 * logits + 0.7 * other, logits)
    learned = learned + noise(0.02)
    again = learned
    if fault.startswith("dropout"):
        again, learned = learned + noise(0.9), learned + noise(0.9)
    if fault == "dropout alone":
        learned = again

    def of(values: np.ndarray) -> np.ndarray:
        return values[np.arange(n), tokens].astype(np.float64)

    scored = of(log_softmax(learned))
    return of(sampler), scored, scored if again is learned else of(log_softmax(again))


def _top_p(logits: np.ndarray, mass: float) -> np.ndarray:
    """The likeliest tokens that hold at least the mass; -inf elsewhere."""
    order = np.argsort(-logits, -1)
    ranked = np.take_along_axis(np.exp(log_softmax(logits)), order, -1)
    beyond = np.cumsum(ranked, -1) - ranked >= mass
    return np.where(np.take_along_axis(beyond, np.argsort(order, -1), -1), -np.inf, logits)


def _broken(
    g: np.random.Generator, made: dict[str, np.ndarray], fault: str, limit: int
) -> dict[str, np.ndarray]:
    """What is wrong with the columns rather than with the distributions."""
    n = len(made["mask"])
    if fault == "log10":
        made["logp_rollout"] = made["logp_rollout"] / np.log(10)
    if fault == "base 2":
        made["logp_rollout"] = made["logp_rollout"] / np.log(2)
    if fault == "clipped":
        made["logp_rollout"] = np.maximum(made["logp_rollout"], -2.5)
    if fault == "probabilities":
        made["logp_rollout"] = np.exp(made["logp_rollout"])
    if fault == "noise":
        error = 0.2 * g.standard_normal(n)
        for name in ("logp", "logp_old"):
            if name in made:
                made[name] = np.minimum(made[name] + error, 0)
    if fault == "non-finite":
        made["logp"][g.integers(n, size=3)] = np.nan
    if fault == "overflow":
        made["logp_rollout"][g.integers(n, size=2)] = -1e9
    if fault == "half-groups":
        keep = np.isin(
            made["completion"], np.flatnonzero(g.random(made["completion"].max() + 1) < 0.5)
        )
        made = {name: values[keep] for name, values in made.items()}
    if fault.startswith("padding"):
        made = _padded(g, made, limit, both=fault == "padding")
    return made


def _padded(
    g: np.random.Generator, made: dict[str, np.ndarray], limit: int, both: bool
) -> dict[str, np.ndarray]:
    """Every row filled up to the limit with zeros that the mask counts."""
    owner = made["completion"]
    lengths = np.bincount(owner)
    place = owner * limit + np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    first = np.cumsum(lengths) - lengths
    full = {name: np.repeat(values[first], limit) for name, values in made.items()}
    for name in ("logp", "logp_old", "logp_rollout"):
        if name in made:
            size = len(lengths) * limit
            full[name] = (
                np.zeros(size) if both or name == "logp_rollout" else -g.exponential(3.0, size)
            )
            full[name][place] = made[name]
    return full


def by_row(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Columns as rows."""
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def jsonl(path: Path, lines: Iterable[Any]) -> Path:
    """A file of JSON lines."""
    path.write_text(
        "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8"
    )
    return path


def rows(columns: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """A row per completion, as a library writes it; NaN as None."""
    owner = np.unique(columns["completion"], return_inverse=True)[1]
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    cuts = first[1:]
    made: dict[str, Any] = {}
    for name, values in columns.items():
        lists = name in ("logp", "logp_old", "logp_rollout", "mask")
        if lists:
            made[name] = [
                [None if x != x else x for x in row.tolist()] for row in np.split(values, cuts)
            ]
        elif name != "completion":
            made[name] = values[first].tolist()
    return by_row(made)


def rollouts(columns: dict[str, np.ndarray]) -> Rollouts:
    """The columns of `flat` as `read` would return them."""
    owner = np.unique(columns["completion"], return_inverse=True)[1]
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    group = np.unique(columns["group"][first], return_inverse=True)[1]
    return Rollouts(
        source="dump",
        layout="token",
        completion=owner,
        count=len(first),
        logp=columns["logp"],
        logp_rollout=columns["logp_rollout"],
        logp_old=columns.get("logp_old"),
        advantage=columns["advantage"],
        mask=columns["mask"],
        group=group,
        group_names=tuple(map(str, range(group.max() + 1))),
        reward=columns["reward"][first],
        version=columns["version"][first] if "version" in columns else None,
        sampling=Sampling(),
    )


def named(seed: int, completions: int, fault: str, old: bool) -> tuple[str, ...]:
    """The names of the causes that are found."""
    return tuple(
        cause.name
        for cause in causes.judge(rollouts(flat(seed, completions, fault, old)))[0].causes
    )


def table(record: dict[str, Any]) -> str:
    """The record as the book's page shows it: shares named at each size, and false alarms."""
    sizes = ("32", "512", "20000")
    heads = "| fault | cause | " + " | ".join(f"{int(n):,} completions" for n in sizes) + " |"
    lines = [heads, "|---|---|" + "---|" * len(sizes)]
    for row in record["faults"]:
        cells = [f"{row['sizes'][n]['named']} of {row['sizes'][n]['dumps']}" for n in sizes]
        lines.append(f"| {row['fault']} | `{row['cause']}` | {' | '.join(cells)} |")
    cells = [
        f"{record['healthy'][n]['accused']} of {record['healthy'][n]['dumps']:,}" for n in sizes
    ]
    return "\n".join([*lines, f"| healthy | accused | {' | '.join(cells)} |"]) + "\n"
