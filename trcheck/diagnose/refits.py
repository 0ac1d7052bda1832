"""What a run's versions show: whether the mismatch grows from one version of the sampler to the
next, falls back at once, and whether the sampler's log-probs change at all."""

from __future__ import annotations

from typing import Any

import numpy as np

from trcheck.diagnose import thresholds as C
from trcheck.diagnose.rollouts import Rollouts
from trcheck.diagnose.sample import Sample, cause, correlation


def refits(r: Rollouts, s: Sample) -> dict[str, Any]:
    """By version, oldest first, in nats of a logit: `rise`, the correlation of the mismatch with
    its place; `earlier` and `later`, in the first and the last third; and where it falls most,
    `before` and `after`, at version `reset`, with `fall_z` errors between them. `climb` is the
    least rise of the two sides. Empty: fewer than six versions."""
    if r.version is None:
        return {}
    versions, which = np.unique(np.round(r.version[s.owner]), return_inverse=True)
    n = len(versions)
    if n < C.LEAST_VERSIONS:
        return {}
    free, size = s.free, np.abs(s.d)
    u = np.maximum(np.bincount(which, free), 1e-12)
    each = np.bincount(which, size) / u
    # A ratio's error, by whole completions.
    cells, row = np.unique(s.owner * n + which, return_inverse=True)
    rest = np.bincount(row, size - each[which] * free)
    error = np.sqrt(np.bincount(cells % n, rest**2, n)) / u
    third = n // 3
    made: dict[str, Any] = {
        "rise": correlation(np.arange(n), each) or 0.0,
        "earlier": float(each[:third].mean()),
        "later": float(each[-third:].mean()),
        "first": versions[0],
        "final": versions[-1],
    }
    least = C.LEAST_CLIMB
    falls = (each[:-1] - each[1:]) / np.hypot(error[:-1], error[1:]).clip(1e-12)
    at = least + int(falls[least - 1 : n - least].argmax())
    sides = each[:at], each[at:]
    climb = min(correlation(np.arange(len(side)), side) or 0.0 for side in sides)
    return made | {
        "climb": climb if all(side[-1] > 1.5 * side[0] for side in sides) else 0.0,
        "before": float(each[at - 1]),
        "after": float(each[at]),
        "fall": float(each[at - 1] / max(each[at], 1e-12)),
        "fall_z": float(falls[at - 1]),
        "reset": versions[at],
    }


def frozen(r: Rollouts) -> list[Any]:
    """The sampler gives the same first token behind the same prompt the same log-prob at every
    version, and the learner does not."""
    prompt = r.group if r.prompts is None else np.unique(r.prompts, return_inverse=True)[1]
    if r.version is None or r.pieces is None or prompt is None:
        return []
    first = np.flatnonzero(r.mask & (np.diff(r.completion, prepend=-1) != 0))
    owner = r.completion[first]
    piece = np.unique(r.pieces[first].astype(str), return_inverse=True)[1]
    key = np.unique([prompt[owner], piece], axis=1, return_inverse=True)[1].ravel()
    # The mean of each (context, version), less the context's.
    cell, where = np.unique([key, r.version[owner]], axis=1, return_inverse=True)
    where, context = where.ravel(), np.unique(cell[0], return_inverse=True)[1]
    several = np.bincount(context)[context] > 1
    moved = []
    for values in (r.logp_rollout[first], r.learner[first]):
        mean = np.bincount(where, values) / np.bincount(where)
        centre = np.bincount(context, mean) / np.bincount(context)
        moved.append(float(np.abs(mean - centre[context])[several].mean()) if several.any() else 0)
    if several.sum() < C.LEAST_CONTEXTS or moved[1] < C.MOVED or moved[0] > 0.1 * moved[1]:
        return []
    return cause("weights", "weights", contexts=several.sum(), sampler=moved[0], learner=moved[1])


def again(s: Sample) -> float:
    """How far the learner's change of a first token differs between completions that the sampler
    gave the same log-prob of it, to the last digit: the same token behind the same prompt. As a
    share of the change: about 1 for noisy passes, and 0 for an update, which knows the context
    alone. 1 where too few are alike."""
    x, moved = s.x[s.first], (s.now - s.y)[s.first]
    which, count = np.unique(x, return_inverse=True, return_counts=True)[1:]
    several = (count[which] > 1) & (x < C.SURE)
    if several.sum() < C.LEAST_CONTEXTS:
        return 1.0
    rest = moved - (np.bincount(which, moved) / count)[which]
    return float(np.abs(rest)[several].mean() / max(np.abs(moved)[several].mean(), 1e-12))
