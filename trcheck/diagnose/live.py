"""The verdict on a batch that is still in memory, for a trainer that watches itself."""

from __future__ import annotations

import numpy as np

from trcheck.diagnose.judgement import Judgement, Measured, Memory, judge
from trcheck.diagnose.rollouts import Rollouts


def judge_batch(
    *,
    logp: np.ndarray,
    logp_rollout: np.ndarray,
    advantage: np.ndarray,
    mask: np.ndarray,
    logp_old: np.ndarray | None = None,
    group: np.ndarray | None = None,
    reward: np.ndarray | None = None,
    tokens: np.ndarray | None = None,
    version: np.ndarray | None = None,
    memory: Memory | None = None,
    against: Measured | None = None,
) -> Judgement:
    """The causes in a batch.

    Args:
        logp, logp_rollout, logp_old: [B, T] as in a dump, nats.
        advantage: [B, T] or [B, 1].
        mask: [B, T], True or 1 where the loss counts the token.
        group: [B] which prompt; every group whole.
        reward: [B]
        tokens: [B, T] ids.
        version: [B] of the policy that sampled, a number that grows.
        memory: of the batches before it, which count too; it takes this one in.
        against: of a healthy batch or dump of the run.
    """
    mask = mask.astype(bool)
    if not mask.any():
        raise ValueError("mask: expected True for at least one token, got False for all")
    filled = np.flatnonzero(mask.any(1))
    last = mask.shape[1] - 1 - mask[filled, ::-1].argmax(1)
    row = np.repeat(np.arange(len(filled)), last + 1)
    column = np.arange(len(row)) - np.repeat(np.cumsum(last + 1) - (last + 1), last + 1)

    def of(values: np.ndarray) -> np.ndarray:
        return np.broadcast_to(values, mask.shape)[filled[row], column]

    ids = None if tokens is None else of(tokens)
    pieces = None
    if ids is not None:
        names, which = np.unique(ids, return_inverse=True)
        pieces = np.array([f"#{i}" for i in names], dtype=object)[which]
    whose = None if group is None else np.unique(group[filled], return_inverse=True)[1]
    return judge(
        Rollouts(
            source="batch",
            layout="completion",
            completion=row,
            count=len(filled),
            logp=of(logp),
            logp_rollout=of(logp_rollout),
            logp_old=None if logp_old is None else of(logp_old),
            advantage=of(advantage),
            mask=of(mask),
            group=whose,
            group_names=() if whose is None else tuple(map(str, range(whose.max() + 1))),
            reward=None if reward is None else reward[filled],
            pieces=pieces,
            vocabulary=None if ids is None else int(ids.max()) + 1,
            version=None if version is None else version[filled],
        ),
        memory,
        against,
    )[0]
