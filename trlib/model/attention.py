"""Attention over a tree of prefixes, as `trlib.model.packing` lays it out so that each distinct
prefix is read once.

Everything in a layer but attention treats each token by itself, so the order of the nodes does not
matter there. Attention gathers queries, keys and values by completion, calls transformers' own
function, and takes each node's result from the first completion that contains it."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from trlib.model.packing import Layout, Tree

NAME = "trlib-tree"  #: The name under which transformers finds this attention.
_layers: ContextVar[list[Any] | None] = ContextVar("layers", default=None)


def tree_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: None,
    *,
    tree: Tree,
    **settings: Any,
) -> tuple[Tensor, None]:
    """A layer's attention over the nodes of a tree.

    Args:
        query, key, value: [1, heads, S, D] of each node; keys and values may have fewer heads.
        tree: which nodes each completion consists of.
        settings: what transformers passes to `sdpa_attention_forward`.
    Returns [1, S, heads, D], and no weights."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    width = query.shape[-1]
    q, k, v = (of.squeeze(0).transpose(0, 1).flatten(1) for of in (query, key, value))

    def by(nodes: Tensor, of: Tensor) -> Tensor:
        picked = of.index_select(0, nodes.flatten())
        return picked.view(*nodes.shape, -1, width).transpose(1, 2)

    callers = _layers.get()
    if callers is not None:
        callers.append(module)
    prompts, completions, past = tree.prompts, tree.completions, tree.past
    # Prompts are read causally; for completions the mask says it all.
    settings.pop("is_causal", None)
    of_prompts = by(prompts, q), by(prompts, k), by(prompts, v)
    read, _ = sdpa_attention_forward(module, *of_prompts, None, is_causal=True, **settings)
    of_completions = by(completions, q), by(past, k), by(past, v)
    written, _ = sdpa_attention_forward(module, *of_completions, tree.mask, **settings)
    return torch.cat([read.flatten(0, 1), written.flatten(0, 1)]).index_select(
        0, tree.place
    ).unsqueeze(0), None


@contextmanager
def reading(model: Any, layout: Layout) -> Iterator[None]:
    """Inside a `with` block, a transformers model attends as the layout says."""
    if layout.tree is None:
        yield
        return
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, tree_attention)
    config = model.config.get_text_config()
    before = config._attn_implementation
    config._attn_implementation = NAME
    try:
        yield
    finally:
        config._attn_implementation = before


@contextmanager
def counted() -> Iterator[list[Any]]:
    """The layers that call this attention inside a `with` block, in order."""
    callers: list[Any] = []
    token = _layers.set(callers)
    try:
        yield callers
    finally:
        _layers.reset(token)


def span(model: Any) -> float:
    """How many tokens back every layer of a model can look; inf: to the beginning."""
    config = model.config.get_text_config()
    limits = [getattr(config, name, None) for name in ("sliding_window", "attention_chunk_size")]
    if getattr(config, "use_sliding_window", True) is False:
        limits[0] = None
    return min((limit for limit in limits if limit is not None), default=math.inf)
