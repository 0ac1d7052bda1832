"""Rollouts that are in memory, and the verdict on a batch of a trainer that watches itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trcheck.diagnose.judgement import Judgement, Measured, Memory, judge
from trcheck.diagnose.rollouts import Rollouts


def rollouts(columns: Mapping[str, np.ndarray]) -> Rollouts:
    """Columns with a value for each of N tokens, `completion` and `tokens` (ids) among them, as
    `read` returns those of a file."""
    owner = np.unique(columns["completion"], return_inverse=True)[1]
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    by_token = ("logp", "logp_rollout", "logp_old", "advantage", "mask")
    made: dict[str, Any] = {name: columns[name] for name in by_token if name in columns}
    by_completion = ("group", "reward", "version")
    made |= {name: columns[name][first] for name in by_completion if name in columns}
    if "group" in made:
        made["group"] = np.unique(made["group"], return_inverse=True)[1]
        made["group_names"] = tuple(map(str, range(made["group"].max() + 1)))
    if "tokens" in columns:
        ids = columns["tokens"]
        made["vocabulary"] = int(ids.max()) + 1
        distinct, which = np.unique(ids, return_inverse=True)
        made["pieces"] = np.array([f"#{i}" for i in distinct], object)[which]
    return Rollouts(
        source="memory",
        layout="token",
        completion=owner,
        count=len(first),
        **made,
    )


def judge_batch(
    memory: Memory | None = None, against: Measured | None = None, **columns: np.ndarray
) -> Judgement:
    """The causes in a batch.

    Args:
        memory: of the batches before it, which count too; it takes this one in.
        against: of a healthy batch or dump of the run.
        columns: as in a dump, [B, T]: logp, logp_rollout, mask, advantage (or [B, 1]), and where
            known logp_old and tokens (ids); [B]: group (every group whole), reward, version.
    """
    mask = columns["mask"].astype(bool)
    if not mask.any():
        raise ValueError("mask: expected True for at least one token, got False for all")
    # Up to the last token that counts; a wholly masked completion is one of its group as well.
    there = np.flip(np.flip(mask, 1).cumsum(1), 1) > 0
    there[:, 0] = True
    each = {name: x[:, None] if x.ndim == 1 else x for name, x in columns.items()}
    each |= {"mask": mask, "completion": np.arange(len(mask))[:, None]}
    flat = {name: np.broadcast_to(x, mask.shape)[there] for name, x in each.items()}
    return judge(rollouts(flat), memory, against)[0]
