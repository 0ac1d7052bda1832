"""Completions as tokens for one forward pass, each distinct prefix read once.

A batch is a tree: the completions of a prompt share it, and many of them begin with the same words
besides. Every node of the tree, a token after a prefix, is one position of a single row of tokens,
and `trlib.model.attention` finds for each completion the positions that it follows. So nothing is
computed twice and no padding is computed at all (`shared`). For a model that cannot do this, a row
is a prompt and one completion (`plain`). Both give the same log-probs."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from trlib.model.completions import Completions


@dataclass(frozen=True)
class Tree:
    """Where attention finds queries, keys and values among the S nodes of a tree: [...] int, the
    nodes' numbers."""

    prompts: Tensor  #: [N, P] of each prompt's tokens, padded on the right.
    #: [D, W] of the tokens, padded on the right, of each completion with a node of its own.
    completions: Tensor
    past: Tensor  #: [D, P + W] of everything that a completion's tokens may look at.
    mask: Tensor  #: [1 or D, 1, W, P + W] bool: which of these each token looks at.
    #: [S] where each node first occurs among the N P + D W places of `prompts` and `completions`.
    place: Tensor


@dataclass(frozen=True)
class Layout:
    """Rows for a forward pass, and where each completion token's distribution comes out."""

    ids: Tensor  #: [R, L] int.
    positions: Tensor | None  #: [R, L] position ids; None: 0, 1, 2, ...
    mask: Tensor | None  #: [R, L] bool: False where padded; None: nowhere.
    kept: int
    """How many positions at the end of each row get logits. With a vocabulary of 50,000 words the
    logits are the largest tensor of a pass, and those of the positions inside a prompt are not
    needed."""
    index: Tensor
    """[B, T] int: the flat place (of R * kept) whose output distribution the token was, or would
    be, drawn from."""
    tree: Tree | None = None  #: None: rows are sequences.

    def inputs(self) -> dict[str, Any]:
        """The arguments of a transformers model's forward pass."""
        optional = {"attention_mask": self.mask, "position_ids": self.positions, "tree": self.tree}
        present = {name: value for name, value in optional.items() if value is not None}
        return {"input_ids": self.ids, "use_cache": False, **present}


def shared(c: Completions) -> Layout:
    """One row that holds every distinct prefix once, prompts first.

    It is laid out with numpy on the CPU, where sorting a few hundred short rows is fastest, and
    then moved."""
    device, horizon = c.tokens.device, c.tokens.shape[1]
    group, tokens, present = (_array(t) for t in (c.group, c.tokens, c.present))
    # A minibatch may hold only some of the prompts; completions of a prompt are adjacent, so a
    # change starts a new one.
    change = np.append(True, group[1:] != group[:-1])
    prompts, row_of = group[change], change.cumsum() - 1
    prompt_tokens, there = _left(_array(c.prompt_ids)[prompts], _array(c.prompt_mask)[prompts])
    length, read = there.sum(1), there.shape[1]
    number, first = _distinct(np.zeros_like(length), prompt_tokens, there)
    last = number[np.arange(len(prompts)), length - 1]

    # The logits of a prompt's last token are needed, but not those of its other tokens. The nodes
    # of these come first, so that the output layer reads only the `kept` nodes at the end of the
    # row.
    needs_logits = np.zeros(len(first), dtype=bool)
    needs_logits[last] = True
    order = np.argsort(needs_logits, kind="stable")
    rank = np.argsort(order)
    # A padded place, -1, becomes some node: never used.
    number, last, first = rank[number], rank[last], first[order]
    unread = int((~needs_logits).sum())

    # A completion's last token is not read: nothing comes after it.
    fed = np.maximum(present.sum(1) - 1, 0)
    width = max(int(fed.max()), 1)
    written, alive = tokens[:, :width], np.arange(width) < fed[:, None]
    # Prefixes are alike only below the same prompt.
    node, first_written = _distinct(last[row_of], written, alive)
    # Padding points at node 0: it is computed and never used.
    node = np.where(alive, node + len(first), 0)

    ids = np.append(prompt_tokens.ravel()[first], written.ravel()[first_written])
    positions = np.append(
        first % read, (length[row_of][:, None] + np.arange(width)).ravel()[first_written]
    )
    # Completions are often alike, and attention need not compute one whose nodes all occur before.
    row, column = np.divmod(first_written, width)
    own = np.unique(np.append(0, row))
    past = np.concatenate([number[row_of], node], 1)[own]
    # Token t of a completion looks at the whole prompt and at tokens 0 .. t. One mask serves all
    # completions, unless prompts differ in length: then each also leaves out its own prompt's
    # padding, which stands between the two.
    mask = np.tri(width, read + width, read, dtype=bool)[None, None]
    if not there.all():
        seen = np.concatenate([there[row_of], np.ones_like(alive)], 1)[own]
        mask = mask & seen[:, None, None]
    # A token's distribution comes out at the node before it: the first one's at the prompt's last
    # token.
    index = np.zeros_like(tokens)
    index[:, 0] = last[row_of] - unread
    ahead = min(width, horizon - 1)
    index[:, 1 : 1 + ahead] = np.maximum(node[:, :ahead] - unread, 0)

    def moved(array: np.ndarray) -> Tensor:
        return torch.from_numpy(array).to(device)

    place = np.append(first, number.size + np.searchsorted(own, row) * width + column)
    tree = Tree(*map(moved, (number, node[own], past, mask, place)))
    return Layout(
        moved(ids[None]), moved(positions[None]), None, len(ids) - unread, moved(index), tree
    )


def plain(c: Completions) -> Layout:
    """One row per completion, prompts padded on the left; its last token predicts nothing and is
    left out."""
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
    """Rows padded on the left, moved so that the padding is on the right, and a mask of their
    tokens."""
    length = mask.sum(1)
    there = np.arange(length.max()) < length[:, None]
    aligned = np.zeros(there.shape, ids.dtype)
    aligned[there] = ids[mask]
    return aligned, there


def _distinct(
    before: np.ndarray, tokens: np.ndarray, there: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Number the distinct prefixes of R rows; `before` [R] is the node that each row continues.

    Returns each token's number [R, L], 0, 1, ... (-1 where there is no token), and the flat place
    [n] where each number first occurs. Rows are sorted, so that those with a common prefix are
    neighbours: a token starts a new prefix where its row differs from the row above at any place so
    far; otherwise it has the last number of its column."""
    rows = np.concatenate([before[:, None], np.where(there, tokens, -1)], 1)
    order = np.lexsort(rows.T[::-1])
    rows, there = rows[order], there[order]
    differs = np.ones_like(rows, dtype=bool)
    differs[1:] = rows[1:] != rows[:-1]
    new = np.logical_or.accumulate(differs, 1)[:, 1:] & there
    numbered = new.cumsum().reshape(new.shape) - 1
    number = np.empty_like(tokens)
    number[order] = np.where(there, np.maximum.accumulate(np.where(new, numbered, -1), 0), -1)
    return number, (order[:, None] * tokens.shape[1] + np.arange(tokens.shape[1]))[new]
