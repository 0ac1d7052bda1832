"""Write a dump from the place where a loss is computed."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trcheck.diagnose.formats import NOTES
from trcheck.diagnose.sampling import Sampling


def dump(
    path: str | os.PathLike[str],
    *,
    logp: Tensor,
    logp_rollout: Tensor,
    advantage: Tensor,
    mask: Tensor,
    logp_old: Tensor | None = None,
    tokens: Tensor | None = None,
    text: Sequence[Sequence[str]] | None = None,
    prompt: Sequence[str] | None = None,
    group: Tensor | Sequence[Any] | None = None,
    reward: Tensor | Sequence[float] | None = None,
    version: Tensor | Sequence[Any] | None = None,
    logprobs: str | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
) -> Path:
    """Write rollouts as `trlib diagnose` reads them, one row per completion; replaces the file.
    Needs pyarrow.

    Args:
        path: the parquet file.
        logp: [B, T] log-probs by the policy that learns, nats.
        logp_rollout: [B, T] by the policy that sampled.
        advantage: [B, T], [B, 1] or [B].
        mask: [B, T], True or 1 where the loss counts the token.
        logp_old: [B, T] by the learner before the batch's updates.
        tokens: [B, T] ids.
        text: the text of every token.
        prompt, group, version: one per completion.
        reward: one per completion, or [B, T] with one for every token, which are summed (verl's).
        logprobs: what `logp_rollout` holds: "processed" log-probs, of the distribution that
            sampled, or "raw" ones, before temperature, top-p and penalties; None: not known.
        temperature, top_p: the sampler's.

    Tensors may be nested (verl's are): then a padded one beside them is cut to their lengths.

    Raises:
        ImportError: pyarrow is missing.
        ValueError: the arguments' shapes do not fit together.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError(
            "dump: needs pyarrow to write parquet; `pip install pyarrow` brings it"
        ) from error
    by_token = {
        "logp": logp,
        "logp_rollout": logp_rollout,
        "logp_old": logp_old,
        "advantage": advantage,
        "mask": mask,
        "tokens": tokens,
        "text": text,
    }
    rows = {name: _rows(value) for name, value in by_token.items() if value is not None}
    nested = [
        name for name, value in by_token.items() if isinstance(value, Tensor) and value.is_nested
    ]
    lengths = [len(row) for row in rows[(nested or ["logp"])[0]]]
    columns: dict[str, Any] = {}
    for name, values in rows.items():
        if len(values) != len(lengths):
            raise ValueError(f"{name}: expected {len(lengths)} completions, got {len(values)}")
        cut = [_fit(name, row, n, bool(nested)) for row, n in zip(values, lengths, strict=True)]
        columns[name] = [[bool(x) for x in row] for row in cut] if name == "mask" else cut
    if isinstance(reward, Tensor) and (reward.is_nested or reward.ndim == 2):
        reward = [float(np.sum(row)) for row in _rows(reward)]
    by_completion = {"prompt": prompt, "group": group, "reward": reward, "version": version}
    for name, each in by_completion.items():
        if each is not None:
            columns[name] = each.detach().cpu().tolist() if isinstance(each, Tensor) else list(each)
    sampling = Sampling(logprobs=logprobs, temperature=temperature, top_p=top_p)
    notes = {name: value for name, value in asdict(sampling).items() if value not in (None, "")}
    place = Path(path)
    table = pa.table(columns).replace_schema_metadata(
        {NOTES: json.dumps(notes).encode()} if notes else None
    )
    pq.write_table(table, place, compression="zstd")
    return place


def _rows(value: Any) -> list[Any]:
    """A list or an array for each completion, or a number for each of them."""
    if not isinstance(value, Tensor):
        return [list(row) for row in value]
    value = value.detach()
    if value.is_nested:
        return [
            row.cpu().float().numpy() if row.is_floating_point() else row.cpu().numpy()
            for row in value.unbind()
        ]
    array = (
        (value.float() if value.dtype in (torch.bfloat16, torch.float16) else value).cpu().numpy()
    )
    return list(array.reshape(-1, 1) if array.ndim == 1 else array)


def _fit(name: str, row: Any, length: int, cut: bool) -> Any:
    """A completion's values, as many as it has tokens."""
    if name == "advantage" and len(row) == 1:
        return np.repeat(row, length)
    if len(row) == length or (cut and len(row) > length):
        return row[:length]
    raise ValueError(
        f"{name}: expected {length} values for every completion, as many as in logp, got {len(row)}"
    )
