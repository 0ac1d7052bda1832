"""Completions as tokens for one forward pass, each distinct prefix read once.

A batch is a tree: the completions of a prompt share it, and many of them begin with the same words besides. Every node
of the tree, a token after a prefix, is one position of a single row of tokens, and `trlib.model.attention` finds for
each completion the positions that it follows. So nothing is computed twice and no padding is computed at all. Plainly,
a row is a prompt and one completion. Both give the same log-probs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trlib.model.completions import Completions


@dataclass(frozen=True)
class Tree:
    """Where attention finds queries, keys and values among the S nodes of a tree: [...] int, a node's number each."""

    prompts: Tensor
    """[N, P] of each prompt's tokens, padded on the right."""
    completions: Tensor
    """[B, W] of each completion's tokens, padded on the right."""
    past: Tensor
    """[B, P + W] of everything that a completion's tokens may look at."""
    mask: Tensor
    """[1 or B, 1, W, P + W] bool: which of it each token looks at."""
    place: Tensor
    """[S] where each node first stands among the N P + B W places of `prompts` and `completions`."""


@dataclass(frozen=True)
class Layout:
    """Rows for a forward pass, and where each completion token's distribution comes out."""

    ids: Tensor
    """[R, L] int."""
    positions: Tensor | None
    """[R, L] position ids; None: 0, 1, 2, ..."""
    mask: Tensor | None
    """[R, L] bool: False where padded; None: nowhere."""
    kept: int
    """Positions at the end of each row whose output is looked at. With a vocabulary of 50,000 words the output is the
    largest tensor of a pass, and that of the positions that only read a prompt is not needed."""
    index: Tensor
    """[B, T] int: the flat place (of R * kept) whose output distribution the token was, or would be, drawn from."""
    tree: Tree | None = None
    """None: rows are sequences."""

    def inputs(self) -> dict[str, Any]:
        """The arguments of a transformers model's forward pass."""
        given = {"attention_mask": self.mask, "position_ids": self.positions, "tree": self.tree}
        return {
            "input_ids": self.ids,
            "use_cache": False,
            **{name: value for name, value in given.items() if value is not None},
        }


def shared(c: Completions) -> Layout:
    """One row that holds every distinct prefix once, prompts first. It is laid out on the CPU and then moved."""
    device, horizon = c.tokens.device, c.tokens.shape[1]
    group, tokens, present = (_array(t) for t in (c.group, c.tokens, c.present))
    change = np.append(True, group[1:] != group[:-1])
    prompts, row_of = group[change], change.cumsum() - 1
    asked, there = _left(_array(c.prompt_ids)[prompts], _array(c.prompt_mask)[prompts])
    length, read = there.sum(1), there.shape[1]
    number, first = _distinct(np.zeros_like(length), asked, there)
    last = number[np.arange(len(prompts)), length - 1]

    # a prompt's last token is looked at, its others only read: these come first
    looked = np.zeros(len(first), dtype=bool)
    looked[last] = True
    order = np.argsort(looked, kind="stable")
    rank = np.argsort(order)
    number, last, first = rank[number], rank[last], first[order]  # a padded place, -1, becomes some node: never used
    unread = int((~looked).sum())

    fed = np.maximum(present.sum(1) - 1, 0)  # a completion's last token predicts nothing that is asked for
    width = max(int(fed.max()), 1)
    written, alive = tokens[:, :width], np.arange(width) < fed[:, None]
    own, first_own = _distinct(last[row_of], written, alive)
    own = np.where(alive, own + len(first), 0)

    ids = np.append(asked.ravel()[first], written.ravel()[first_own])
    positions = np.append(first % read, (length[row_of][:, None] + np.arange(width)).ravel()[first_own])
    mask = np.tri(width, read + width, read, dtype=bool)[None, None]
    if not there.all():
        mask = mask & np.concatenate([there[row_of], np.ones_like(alive)], 1)[:, None, None]
    index = np.zeros_like(tokens)
    index[:, 0] = last[row_of] - unread
    ahead = min(width, horizon - 1)
    index[:, 1 : 1 + ahead] = np.maximum(own[:, :ahead] - unread, 0)

    def moved(array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(device)

    tree = Tree(
        moved(number),
        moved(own),
        moved(np.concatenate([number[row_of], own], 1)),
        moved(mask),
        moved(np.append(first, number.size + first_own)),
    )
    return Layout(moved(ids[None]), moved(positions[None]), None, len(ids) - unread, moved(index), tree)


def plain(c: Completions) -> Layout:
    """One row a completion, prompts padded on the left; its last token predicts nothing and is left out."""
    rows, width = c.tokens.shape
    ids = torch.cat([c.prompt_ids[c.group], c.tokens], 1)[:, :-1]
    index = torch.arange(rows * width, device=ids.device).view(rows, width)
    if bool(c.prompt_mask.all()):
        return Layout(ids, None, None, width, index)
    keep = torch.cat([c.prompt_mask[c.group], torch.ones_like(c.mask)], 1)[:, :-1]
    return Layout(ids, (keep.cumsum(1) - 1).clamp(min=0), keep, width, index)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy()


def _left(ids: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows that are padded on the left, padded on the right instead, and where their tokens are."""
    length = mask.sum(1)
    there = np.arange(length.max()) < length[:, None]
    moved = np.zeros(there.shape, ids.dtype)
    moved[there] = ids[mask]
    return moved, there


def _distinct(before: np.ndarray, tokens: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the distinct prefixes of R rows, of which `before` [R] says what each row goes on from.

    Gives each token's number [R, L], 0, 1, ... (-1 where none is), and where each number is first met, flat, [n].
    Rows are sorted, so that those with a common prefix are neighbours: a token is new where its row differs from the
    one before it at any place so far; one that is not new has the number last given in its column.
    """
    rows = np.concatenate([before[:, None], np.where(there, tokens, -1)], 1)
    order = np.lexsort(rows.T[::-1])
    rows, there = rows[order], there[order]
    differs = np.ones_like(rows, dtype=bool)
    differs[1:] = rows[1:] != rows[:-1]
    new = np.logical_or.accumulate(differs, 1)[:, 1:] & there
    given = new.cumsum().reshape(new.shape) - 1
    number = np.empty_like(tokens)
    number[order] = np.where(there, np.maximum.accumulate(np.where(new, given, -1), 0), -1)
    return number, (order[:, None] * tokens.shape[1] + np.arange(tokens.shape[1]))[new]
