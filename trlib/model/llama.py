"""The embedded models' architecture as plain functions: what transformers' Llama computes, without
its modules.

Where a model has two layers of 64 numbers a token and reads a few tokens at a time, half of a pass
is Python between the operations. Here the same operations are done on the same numbers in the same
order, so logits and gradients are the same to the last bit, with less between them."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from trlib.model.attention import NAME, tree_attention
from trlib.model.packing import Tree

WEIGHTS = (
    *(f"self_attn.{name}_proj" for name in ("q", "k", "v", "o")),
    *(f"mlp.{name}_proj" for name in ("gate", "up", "down")),
    *("input_layernorm", "post_attention_layernorm"),
)
"""The modules of a layer that have weights, in the order in which `Llama.hidden` names them."""


def plain_llama(model: Any, weights: Mapping[str, Tensor] | None = None) -> Llama | None:
    """A model's plain form with its weights of now; `weights` replace those that they name.

    None: its architecture or settings are others, a part of it was exchanged or has hooks, or its
    weights are not float32. transformers' own path serves every model."""
    from transformers import LlamaForCausalLM

    if type(model) is not LlamaForCausalLM or not _supported(model.config):
        return None
    parts, found = _parts(), dict[str, Tensor]()
    for name, module in model.named_modules():
        hooks = module._forward_hooks or module._forward_pre_hooks
        if type(module) not in parts or hooks or "forward" in vars(module):
            return None
        for kind, p in module._parameters.items():
            if p is not None:
                if kind != "weight" or p.dtype is not torch.float32:
                    return None
                found[name] = p
    if found["lm_head"] is found["model.embed_tokens"]:
        del found["lm_head"]
    for name, p in (weights or {}).items():
        if name.removesuffix(".weight") not in found:
            return None
        found[name.removesuffix(".weight")] = p
    return Llama(model.model, found)


def _supported(config: Any) -> bool:
    return (
        config._attn_implementation in ("sdpa", NAME)
        and config.rope_parameters["rope_type"] == "default"
        and not config.attention_dropout
    )


@functools.cache
def _parts() -> frozenset[type]:
    """The types of the modules that transformers makes a Llama of."""
    from transformers.models.llama import modeling_llama as made

    names = ("ForCausalLM", "Model", "DecoderLayer", "Attention", "MLP", "RMSNorm")
    own = {getattr(made, f"Llama{name}") for name in (*names, "RotaryEmbedding")}
    return frozenset(own | {type(made.ACT2FN["silu"]), nn.ModuleList, nn.Embedding, nn.Linear})


class Read(NamedTuple):
    """What a pass gives."""

    logits: Tensor  #: [R, kept, V]
    hidden: Tensor  #: [R, kept, H], what the output layer read for them.


class Llama:
    """Reads tokens like the transformers model that it was made of. Weights that change in place
    are read anew at each pass; after others have replaced them, make another one."""

    def __init__(self, body: Any, weights: Mapping[str, Tensor]) -> None:
        """`weights`: by their modules' names; no `lm_head`: the output layer has the embedding's."""
        self.frequencies, self.epsilon = body.rotary_emb.inv_freq, body.norm.variance_epsilon
        self.embedding, self.pad = weights["model.embed_tokens"], body.embed_tokens.padding_idx
        self.norm, self.head = weights["model.norm"], weights.get("lm_head", self.embedding)
        self.layers = [
            (layer.self_attn, [weights[f"model.layers.{i}.{name}"] for name in WEIGHTS])
            for i, layer in enumerate(body.layers)
        ]

    def __call__(self, *, logits_to_keep: int = 0, **inputs: Any) -> Read:
        hidden = self.hidden(**inputs)[:, -logits_to_keep:]
        return Read(F.linear(hidden, self.head), hidden)

    def hidden(
        self,
        input_ids: Tensor,
        *,
        position_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        tree: Tree | None = None,
        cache: Any = None,
        use_cache: bool = False,
    ) -> Tensor:
        """[R, L, H] of tokens [R, L], as the output layer reads them.

        Args: position_ids, attention_mask, tree: as in `trlib.model.packing.Layout`, the mask also
        of what is in the cache; cache: transformers', to go on from and to extend."""
        past, length = 0 if cache is None else cache.get_seq_length(), input_ids.shape[1]
        if position_ids is None:
            position_ids = torch.arange(past, past + length, device=input_ids.device)[None]
        turn = self._turn(position_ids)
        mask = _mask(attention_mask, past, length, input_ids.device)
        x = F.embedding(input_ids, self.embedding, self.pad)
        for i, (layer, (wq, wk, wv, wo, gate, up, down, first, second)) in enumerate(self.layers):
            h, shape = self._normed(x, first), (*x.shape[:2], -1, layer.head_dim)
            q, k, v = (F.linear(h, weight).view(shape) for weight in (wq, wk, wv))
            q, k, v = (t.transpose(1, 2) for t in (_turned(q, *turn), _turned(k, *turn), v))
            if cache is not None:
                k, v = cache.update(k, v, i)
            x = x + F.linear(_attention(layer, q, k, v, mask, tree).flatten(2), wo)
            h = self._normed(x, second)
            x = x + F.linear(F.silu(F.linear(h, gate)) * F.linear(h, up), down)
        return self._normed(x, self.norm)

    def _normed(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.rms_norm(x, weight.shape, weight, self.epsilon)

    def _turn(self, positions: Tensor) -> tuple[Tensor, Tensor]:
        """The cosines and sines [R, L, 1, D] of positions [R, L], those sines negative that a first
        half is multiplied by."""
        angles = positions[:, :, None].float() * self.frequencies
        angles = torch.cat([angles, angles], -1).unsqueeze(2)
        below, above = angles.sin().chunk(2, -1)
        return angles.cos(), torch.cat([-below, above], -1)


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Queries or keys [R, L, heads, D], turned by the angles of their positions."""
    return x * cos + x.roll(x.shape[-1] // 2, -1) * sin


def _mask(seen: Tensor | None, past: int, length: int, device: torch.device) -> Tensor | None:
    """[R or 1, 1, L, past + L] bool: where a token looks; None: at everything up to itself."""
    if (past == 0 or length == 1) and (seen is None or bool(seen.all())):
        return None
    before = torch.ones(length, past + length, dtype=torch.bool, device=device).tril(past)
    return before[None, None] if seen is None else before & seen[:, None, None]


def _attention(
    layer: Any, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, tree: Tree | None
) -> Tensor:
    """[R, L, heads, D], by what transformers would call."""
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    if tree is None:
        return sdpa_attention_forward(layer, q, k, v, mask, scaling=layer.scaling)[0]
    return tree_attention(layer, q, k, v, None, tree=tree, scaling=layer.scaling)[0]
