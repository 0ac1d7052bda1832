"""The golden vectors as tensors. What the file holds is written down in SPECIFICATION.md."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

PATH = Path(__file__).with_name("vectors.json")
FORMAT = "trust-region-conformance"
VERSION = 4
"""Goes up when a number or a name changes or leaves; new batches and new losses leave it as it is."""
EMPTY = "nothing unmasked"
"""The batch that is looked at by itself: a mean over nothing is a matter of its own."""


@dataclass(frozen=True)
class Vectors:
    """The file, and its batches as tensors."""

    document: dict[str, Any]

    @property
    def version(self) -> int:
        return int(self.document["version"])

    @property
    def horizon(self) -> int:
        """The divisor of `seq-mean-token-sum-norm`: not the rows' width, or a mean over padding
        would look like it."""
        return int(self.document["horizon"])

    @property
    def losses(self) -> dict[str, dict[str, Any]]:
        """Name: formula, source, settings, aggregation, results by batch."""
        return self.document["losses"]

    @property
    def pieces(self) -> dict[str, Any]:
        """What surrounds a loss: advantages, estimators, corrections."""
        return self.document["pieces"]

    @cached_property
    def batches(self) -> dict[str, dict[str, Tensor]]:
        """Name: logp, logp_old, logp_rollout, advantages [B, T], mask [B, T] bool, rewards, group
        [B]."""
        return {batch["name"]: tensors(batch) for batch in self.document["batches"]}

    @cached_property
    def repeated(self) -> Vectors:
        """The same, with each row's first unmasked advantage where it is masked."""
        batches = []
        for batch in self.document["batches"]:
            rows = []
            for row, mask in zip(batch["advantages"], batch["mask"], strict=True):
                own = next((a for a, on in zip(row, mask, strict=True) if on), row[0])
                rows.append([a if on else own for a, on in zip(row, mask, strict=True)])
            batches.append({**batch, "advantages": rows})
        return Vectors({**self.document, "batches": batches})

    @cached_property
    def rows(self) -> dict[str, Tensor]:
        """All batches but the empty one as a single tall one; `batch` [rows] numbers the batch of a
        row."""
        kept = [(i, b) for i, (name, b) in enumerate(self.batches.items()) if name != EMPTY]
        tall = {key: torch.cat([b[key] for _, b in kept]) for key in kept[0][1] if key != "group"}
        largest = 1 + max(int(b["group"].max()) for _, b in kept)
        tall["group"] = torch.cat([b["group"] + i * largest for i, b in kept])
        tall["batch"] = torch.cat(
            [torch.full((len(b["mask"]),), k) for k, (_, b) in enumerate(kept)]
        )
        return tall

    @cached_property
    def names(self) -> list[str]:
        """The batches of `rows`, in order."""
        return [name for name in self.batches if name != EMPTY]


def tensors(batch: dict[str, Any]) -> dict[str, Tensor]:
    """A batch's lists as tensors: float64, the mask boolean, ids whole."""
    kinds = {"mask": torch.bool, "group": torch.long}
    return {
        name: torch.tensor(value, dtype=kinds.get(name, torch.float64))
        for name, value in batch.items()
        if isinstance(value, list)
    }


@lru_cache(maxsize=1)
def load() -> Vectors:
    """The vectors that ship with the package.

    Raises:
        ValueError: the file is of another format or version.
    """
    document = json.loads(PATH.read_text())
    read = (document.get("format"), document.get("version"))
    if read != (FORMAT, VERSION):
        raise ValueError(
            f"{PATH.name}: expected {FORMAT} version {VERSION}, got {read[0]} version {read[1]}"
        )
    return Vectors(document)
