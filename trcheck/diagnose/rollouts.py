"""Anybody's rollouts from a file, checked: one row per completion with lists, or one row per token.

Columns: `logp`, `logp_rollout`, `advantage` and `mask`; where known also `logp_old`, `tokens`,
`text`, `prompt`, `group`, `reward` and `version`; other libraries' names are recognised
(`names.ALIASES`). In the layout of one row per token, `completion` says which rows belong
together, and `position` in which order (without it: the file's).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from trcheck.diagnose.columns import Columns
from trcheck.diagnose.sampling import Sampling
from trcheck.diagnose.tables import files, joined

INDEX = re.compile(r"__index_level_\d+__")
"""What pandas calls an index that it writes with the rest."""


@dataclass(frozen=True)
class Rollouts:
    """N tokens of B completions, flat and in order. What is masked out may be NaN."""

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
    vocabulary: int | None = None
    """The largest id of a token, plus 1; None: the file has no ids."""
    prompts: list[str] | None = None
    """B prompts."""
    group: np.ndarray | None = None
    """[B] int: which prompt."""
    group_names: tuple[str, ...] = ()
    """What the file calls each group, or its prompt."""
    reward: np.ndarray | None = None
    """[B]"""
    version: np.ndarray | None = None
    """[B] of the policy that sampled."""
    recognised: tuple[tuple[str, str], ...] = ()
    """Our name of a column and the file's, where another library's name was taken for it."""
    unread: tuple[str, ...] = ()
    """Columns of the file that nothing was made of."""
    sampling: Sampling = field(default_factory=Sampling)
    """What is known of how the completions were drawn."""

    @property
    def learner(self) -> np.ndarray:
        """[N] by the learner before the batch's updates, or now where the file does not say."""
        return self.logp if self.logp_old is None else self.logp_old

    @property
    def newest(self) -> np.ndarray:
        """[B] bool: by the newest policy of the file; without `version` all may be."""
        if self.version is None:
            return np.ones(self.count, dtype=bool)
        return self.version > np.nanmax(self.version) - 0.5

    def counted(self, values: np.ndarray) -> np.ndarray:
        """The unmasked tokens of [N] values: no copy where every token is one."""
        return values if self.mask.all() else values[self.mask]

    def sums(self, values: np.ndarray) -> np.ndarray:
        """[B] each completion's sum of [N] values over its unmasked tokens."""
        weights = np.where(self.mask, values, 0.0)
        return np.bincount(self.completion, weights=weights, minlength=self.count)

    @property
    def lengths(self) -> np.ndarray:
        """[B] tokens of each completion, masked ones included."""
        return np.bincount(self.completion, minlength=self.count)


def read(
    *paths: str | os.PathLike[str],
    columns: Mapping[str, str] | None = None,
    tokenizer: str | None = None,
    logprobs: str | None = None,
    temperature: float | None = None,
    top_p: float | None = None,
) -> Rollouts:
    """The rollouts in a file, or in the files of several ranks together; needs pyarrow.

    Args:
        paths: files, or folders of them: parquet, JSON lines with an object for each row, JSON (an
            array of rows or an object of columns), CSV, NPZ, `.pt` (only tensors, lists, numbers
            and texts are loaded), a token export of prime-rl, a training dump of slime. With one
            row per token, every file counts its completions for itself; groups of one name belong
            together across files, unless their prompts differ.
        columns: our name of a column -> the file's, where they differ.
        tokenizer: turns the ids in `tokens` into text: an embedded model's name, a folder or a hub
            id.
        logprobs: what `logp_rollout` holds: "processed" log-probs, of the distribution that
            sampled, or "raw" ones, before temperature, top-p and penalties; None: what the file
            says.
        temperature, top_p: the sampler's; None: what the file says.

    Raises:
        ImportError: pyarrow is missing.
        OSError: there is no such file.
        ValueError: no path; a file of another kind; files that differ in their columns; no rows; a
            missing column, or one that comes twice; lists of unequal length; no token unmasked.
        TypeError: a column of another type.
        DataError: a line that is not JSON.
    """
    if not paths:
        raise ValueError("paths: expected at least one file or folder, got none")
    chosen = files([Path(path) for path in paths])
    file = joined(chosen)
    arguments = {"logprobs": logprobs, "temperature": temperature, "top_p": top_p}
    stated: dict[str, Any] = {name: value for name, value in arguments.items() if value is not None}
    data = Columns(
        _source(Path(paths[0]), chosen), file.data, {**file.names, **(columns or {})}, file.files
    )
    mask = data.mask()
    groups = data.groups()
    made = Rollouts(
        source=data.source,
        layout=data.layout,
        completion=data.owner,
        count=data.count,
        mask=mask,
        logp=data.by_token("logp"),
        logp_rollout=data.by_token("logp_rollout"),
        logp_old=data.by_token("logp_old") if data.has("logp_old") else None,
        advantage=data.advantages(),
        pieces=data.pieces(tokenizer),
        vocabulary=data.vocabulary(),
        prompts=data.words("prompt") if data.has("prompt") else None,
        group=None if groups is None else groups[0],
        group_names=() if groups is None else tuple(groups[1]),
        reward=data.rewards() if data.has("reward") else None,
        version=data.versions(),
        recognised=data.recognised,
        unread=(
            *(
                name
                for name in file.data.column_names
                if name not in data.used and not INDEX.fullmatch(name)
            ),
            *file.left,
        ),
        sampling=replace(file.sampling, **stated, source="as you say") if stated else file.sampling,
    )
    del data, file
    _give_back()
    return made


def _give_back() -> None:
    """Memory of the table, which is as large as the rollouts, goes back to the system before they
    are judged."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()


def _source(first: Path, chosen: list[Path]) -> str:
    """What to call the files: one by its name, several by their folder or by the first."""
    if len(chosen) == 1:
        return chosen[0].name
    name = first.resolve().name if first.is_dir() else chosen[0].name
    return (
        f"{name} ({len(chosen)} files)" if first.is_dir() else f"{name} and {len(chosen) - 1} more"
    )
