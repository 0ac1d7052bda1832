"""Completions as rows of tokens for one forward pass, each token read once.

Packed, a row is a prompt followed by all of its completions, and a mask keeps these from seeing each other: the prompt
is read once for its whole group and no padding is computed. Plain, a row is a prompt and one completion. Both give the
same log-probs; packing wins while rows are short, because attention grows with the square of a row's length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from trlib.completions import Completions

LONGEST = 1024
"""Packed rows longer than this are laid out plainly instead."""


@dataclass(frozen=True)
class Layout:
    """Rows for a forward pass, and where each completion token's distribution comes out."""

    ids: Tensor
    """[R, L] int."""
    positions: Tensor | None
    """[R, L] position ids; None: 0, 1, 2, ..."""
    mask: Tensor | None
    """[R, 1, L, L] or [R, L] bool: what may be attended to; None: everything before."""
    index: Tensor
    """[B, T] int: the flat place (of R * L) whose output distribution the token was, or would be, drawn from."""

    def inputs(self) -> dict[str, Any]:
        """The arguments of a transformers model's forward pass."""
        found: dict[str, Any] = {"input_ids": self.ids, "use_cache": False}
        if self.mask is not None:
            found["attention_mask"] = self.mask
        if self.positions is not None:
            found["position_ids"] = self.positions
        return found

    def tail(self) -> tuple[int, Tensor]:
        """How many positions at the end of the rows hold every place of `index`, and `index` among these.

        The output of the positions before them, which read prompts, is never looked at: with a vocabulary of 50,000
        words it is the largest tensor of a pass.
        """
        length = self.ids.shape[1]
        place = self.index % length
        kept = length - int(place.min())
        return kept, self.index // length * kept + place - (length - kept)


def packed(c: Completions, pad: int) -> Layout | None:
    """One row a prompt; None where a row would pass LONGEST."""
    device = c.tokens.device
    prompts, row_of = torch.unique_consecutive(c.group, return_inverse=True)
    prompt_length = c.prompt_mask[prompts].sum(1)
    fed = (c.present.sum(1) - 1).clamp(min=0)  # a completion's last token predicts nothing that is asked for
    before = fed.cumsum(0) - fed
    first = torch.zeros(len(prompts), dtype=torch.long, device=device).scatter_reduce(
        0, row_of, before, "amin", include_self=False)
    offset = prompt_length[row_of] + before - first[row_of]
    length = int((prompt_length + torch.zeros_like(prompt_length).index_add(0, row_of, fed)).max())
    if length > LONGEST:
        return None
    rows, width = len(prompts), c.tokens.shape[1]
    ids = torch.full((rows, length), pad, device=device)
    positions = torch.zeros_like(ids)
    owner = torch.full_like(ids, -1)  # 0 the prompt, b + 1 completion b, -1 nothing
    where = c.prompt_mask[prompts].nonzero()
    place = where[:, 1] - (c.prompt_mask.shape[1] - prompt_length)[where[:, 0]]
    ids[where[:, 0], place] = c.prompt_ids[prompts][c.prompt_mask[prompts]]
    positions[where[:, 0], place] = place
    owner[where[:, 0], place] = 0
    steps = torch.arange(width, device=device)
    b, t = (steps < fed.unsqueeze(1)).nonzero().unbind(1)
    row, place = row_of[b], offset[b] + t
    ids[row, place] = c.tokens[b, t]
    positions[row, place] = prompt_length[row] + t
    owner[row, place] = b + 1
    own = owner.unsqueeze(1) == owner.unsqueeze(2)
    mask = torch.ones(length, length, dtype=torch.bool, device=device).tril() & (own | (owner == 0).unsqueeze(1))
    previous = (offset.unsqueeze(1) + steps - 1).clamp(max=length - 1)
    previous[:, 0] = prompt_length[row_of] - 1
    return Layout(ids, positions, mask.unsqueeze(1), row_of.unsqueeze(1) * length + previous)


def plain(c: Completions) -> Layout:
    """One row a completion, prompts padded on the left."""
    rows, width = c.tokens.shape
    prompt = c.prompt_ids.shape[1]
    ids = torch.cat([c.prompt_ids[c.group], c.tokens], 1)
    index = torch.arange(rows * (prompt + width), device=ids.device).view(rows, -1)[:, prompt - 1:-1]
    if bool(c.prompt_mask.all()):
        return Layout(ids, None, None, index)
    keep = torch.cat([c.prompt_mask[c.group], torch.ones_like(c.mask)], 1)
    return Layout(ids, (keep.cumsum(1) - 1).clamp(min=0), keep, index)
