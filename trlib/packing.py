"""Completions as tokens for one forward pass, each distinct prefix read once.

A batch is a tree: the completions of a prompt share it, and many of them begin with the same words besides. Every node
of the tree, a token after a prefix, is one position of a single row of tokens, and `trlib.attention` finds for each
completion the positions that it follows. So nothing is computed twice and no padding is computed at all. Plainly, a row
is a prompt and one completion. Both give the same log-probs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trlib.completions import Completions


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
        return {"input_ids": self.ids, "use_cache": False,
                **{name: value for name, value in given.items() if value is not None}}


def shared(c: Completions) -> Layout:
    """One row that holds every distinct prefix once, prompts first."""
    device, horizon = c.tokens.device, c.tokens.shape[1]
    prompts, row_of = torch.unique_consecutive(c.group, return_inverse=True)
    prompt_length = c.prompt_mask[prompts].sum(1)
    asked, there = _left(c.prompt_ids[prompts], c.prompt_mask[prompts], prompt_length)
    number, first = _distinct(torch.zeros_like(prompt_length), asked, there)
    last = number.gather(1, prompt_length.unsqueeze(1) - 1).squeeze(1)

    # a prompt's last token is looked at, its others only read: these come first
    looked = torch.zeros(len(first), dtype=torch.bool, device=device)
    looked[last] = True
    order = torch.argsort(looked.int(), stable=True)
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=device)
    number, last, first = rank[number], rank[last], first[order]  # a padded place, -1, becomes some node: never used
    unread = int((~looked).sum())

    fed = (c.present.sum(1) - 1).clamp(min=0)  # a completion's last token predicts nothing that is asked for
    width = max(int(fed.max()), 1)
    steps = torch.arange(width, device=device)
    written, alive = c.tokens[:, :width], steps < fed.unsqueeze(1)
    own, first_own = _distinct(last[row_of], written, alive)
    own = (own + len(first)).masked_fill(~alive, 0)

    positions = torch.cat([first % asked.shape[1], (prompt_length[row_of].unsqueeze(1) + steps).flatten()[first_own]])
    ids = torch.cat([asked.flatten()[first], written.flatten()[first_own]])
    length = asked.shape[1]
    mask = torch.ones(width, length + width, dtype=torch.bool, device=device).tril(length)[None, None]
    if not bool(there.all()):
        read = torch.cat([there[row_of], torch.ones_like(alive)], 1)
        mask = mask & read[:, None, None]
    tree = Tree(number, own, torch.cat([number[row_of], own], 1), mask, torch.cat([first, number.numel() + first_own]))
    index = torch.zeros_like(c.tokens)
    index[:, 0] = last[row_of] - unread
    ahead = min(width, horizon - 1)
    index[:, 1:1 + ahead] = (own[:, :ahead] - unread).clamp(min=0)
    return Layout(ids[None], positions[None], None, len(ids) - unread, index, tree)


def plain(c: Completions) -> Layout:
    """One row a completion, prompts padded on the left; its last token predicts nothing and is left out."""
    rows, width = c.tokens.shape
    ids = torch.cat([c.prompt_ids[c.group], c.tokens], 1)[:, :-1]
    index = torch.arange(rows * width, device=ids.device).view(rows, width)
    if bool(c.prompt_mask.all()):
        return Layout(ids, None, None, width, index)
    keep = torch.cat([c.prompt_mask[c.group], torch.ones_like(c.mask)], 1)[:, :-1]
    return Layout(ids, (keep.cumsum(1) - 1).clamp(min=0), keep, width, index)


def _left(ids: Tensor, mask: Tensor, length: Tensor) -> tuple[Tensor, Tensor]:
    """Rows that are padded on the left, padded on the right instead, and where their tokens are."""
    there = torch.arange(int(length.max()), device=ids.device) < length.unsqueeze(1)
    moved = ids.new_zeros(there.shape)
    moved[there] = ids[mask]
    return moved, there


def _distinct(before: Tensor, tokens: Tensor, there: Tensor) -> tuple[Tensor, Tensor]:
    """Number the distinct prefixes of R rows, of which `before` [R] says what each row goes on from.

    Gives each token's number [R, L], 0, 1, ... (-1 where none is), and where each number is first met, flat, [n].
    Rows are sorted, so that those with a common prefix are neighbours: a token is new where its row differs from the
    one before it at any place so far; one that is not new has the number last given in its column.
    """
    rows = torch.cat([before.unsqueeze(1), tokens.masked_fill(~there, -1)], 1)
    order = torch.from_numpy(np.lexsort(rows.cpu().numpy().T[::-1])).to(rows.device)
    rows, there = rows[order], there[order]
    differs = torch.ones_like(rows, dtype=torch.bool)
    differs[1:] = rows[1:] != rows[:-1]
    new = (differs.cumsum(1)[:, 1:] > 0) & there
    given = new.flatten().cumsum(0).view_as(new) - 1
    number = torch.empty_like(tokens)
    number[order] = given.masked_fill(~new, -1).cummax(0).values.masked_fill(~there, -1)
    width = tokens.shape[1]
    return number, (order.unsqueeze(1) * width + torch.arange(width, device=rows.device))[new]
