"""Anybody's rollouts from a parquet file, checked: one row a completion with lists, or one row a token.

Columns: `logp`, `logp_rollout`, `advantage` and `mask`; where known also `logp_old`, `tokens`, `text`, `prompt`,
`group` and `reward`. In the layout of one row a token, `completion` says which rows belong together, and `position`
in which order (without it: the file's).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trlib.lab.diagnose.columns import Columns

INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls an index that it writes along."""


@dataclass(frozen=True)
class Rollouts:
    """N tokens of B completions, flat and in order. What stands where the mask is False may be NaN."""

    source: str
    """The file's name."""
    layout: str
    """"completion" or "token": what a row of the file was."""
    completion: np.ndarray
    """[N] int, ascending: which completion."""
    count: int
    """B."""
    logp: np.ndarray
    """[N] log π(y_t), nats: by the policy that learns."""
    logp_rollout: np.ndarray
    """[N] log μ(y_t): by the policy that sampled."""
    advantage: np.ndarray
    """[N]"""
    mask: np.ndarray
    """[N] bool: tokens that the loss counts."""
    logp_old: np.ndarray | None = None
    """[N] log π_old(y_t): by the learner before the batch's updates."""
    pieces: np.ndarray | None = None
    """[N] the text of every token."""
    prompts: list[str] | None = None
    """B prompts."""
    group: np.ndarray | None = None
    """[B] int: which prompt."""
    reward: np.ndarray | None = None
    """[B]"""
    unread: tuple[str, ...] = ()
    """Columns of the file that nothing was made of."""

    @property
    def lengths(self) -> np.ndarray:
        """[B] tokens of each completion, masked ones included."""
        return np.bincount(self.completion, minlength=self.count)


def read(path: str | os.PathLike[str], *, columns: Mapping[str, str] | None = None,
         tokenizer: str | None = None) -> Rollouts:
    """The rollouts in a parquet file; needs pyarrow.

    Args:
        path: the file.
        columns: our name of a column -> the file's, where they differ.
        tokenizer: turns the ids in `tokens` into text: an embedded model's name, a folder or a hub id.

    Raises:
        ImportError: pyarrow is missing.
        OSError: there is no such file.
        ValueError: no parquet file; no rows; a missing column; lists of unequal length; NaN, inf or a log-prob above 0
            where the mask is True; no token unmasked.
        TypeError: a column of another type.
    """
    table = _table(Path(path))
    found = Columns(Path(path).name, table, dict(columns or {}))
    mask = found.mask()
    rollouts = Rollouts(
        source=found.source, layout=found.layout, completion=found.owner, count=found.count, mask=mask,
        logp=found.log_probs("logp", mask), logp_rollout=found.log_probs("logp_rollout", mask),
        logp_old=found.log_probs("logp_old", mask) if found.has("logp_old") else None,
        advantage=found.advantages(mask), pieces=found.pieces(tokenizer),
        prompts=found.words("prompt") if found.has("prompt") else None, group=found.groups(),
        reward=found.rewards(mask) if found.has("reward") else None,
        unread=tuple(name for name in table.column_names if name not in found.used and not INDEX.fullmatch(name)))
    return rollouts


def _table(path: Path) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise ImportError("diagnose: needs pyarrow to read parquet; `pip install pyarrow` brings it") from error
    if path.is_dir():
        raise ValueError(f"{str(path)!r}: expected a parquet file, got a folder")
    try:
        # Opened twice: Python's error names the file, and arrow's threads must not hold a Python file at exit, which
        # would abort a process that ends in an error soon after.
        with path.open("rb"), pa.OSFile(str(path), "rb") as file:
            table = pq.read_table(file)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        size = path.stat().st_size
        raise ValueError(f"{str(path)!r}: expected a parquet file, got {size} bytes that are none "
                         f"({str(error).splitlines()[0].rstrip('.')})") from error
    if table.num_rows == 0:
        raise ValueError(f"{str(path)!r}: expected at least one completion, got a table without rows")
    return table.combine_chunks()
