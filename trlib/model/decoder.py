"""Is a model a decoder, as sampling and scoring assume? A check on a few tokens.

What they assume is written nowhere in a model's configuration: that a token sees only those before
it, that padding on the left changes nothing, and that continuing from a key-value cache gives the
same as reading everything again. A model that breaks one of these still gives numbers, and they are
wrong."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from trlib.errors import CheckpointError

LENGTH = 7  #: How many tokens are tried: more than a convolution usually looks back.
TOLERANCE = 1e-3
"""As a share of the largest logit: above the rounding of float32, below the effect of a wrong token
or position."""


def check(name: str, model: Any, ids: Sequence[int]) -> None:
    """Refuse a model that is not a decoder. The model is run as it is, in float32; no random number
    is drawn.

    Args: name: the policy's, for the message; ids: 3 to LENGTH tokens without a special meaning.
    Raises CheckpointError: the model is not a decoder."""
    read = torch.tensor(ids, device=next(model.parameters()).device)
    checks: tuple[tuple[str, Callable[[Any, Tensor], Tensor]], ...] = (
        ("whose logits do not change when a later token does", _with_another_last),
        ("that goes on from a key-value cache as if it read everything", _cached),
        (
            "that takes attention_mask and position_ids, so that padding on the left changes "
            "nothing",
            _padded,
        ),
    )
    wanted, got = f"policy {name!r}: expected a decoder", f"got a {type(model).__name__}"
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        trait = "that reads only token ids"
        try:
            whole = model(input_ids=read[None], use_cache=False).logits[0]
            if not bool(whole.isfinite().all()):
                raise CheckpointError(f"policy {name!r}: expected finite logits, {got} with others")
            for trait, compute in checks:
                logits = compute(model, read)
                expected = whole[: len(logits)]
                if (
                    logits.shape != expected.shape
                    or (logits - expected).abs().max() > TOLERANCE * whole.abs().max()
                ):
                    raise CheckpointError(f"{wanted} {trait}, {got}, for which that is not true")
        except (CheckpointError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # whatever a model makes of inputs that it does not expect
            raise CheckpointError(
                f"{wanted} {trait}, {got}, which fails ({type(error).__name__}: "
                f"{(str(error).strip().splitlines() or [''])[0]})"
            ) from error


def extend(model: Any, cache: Any, **inputs: Any) -> Any:
    """What a transformers model gives for its inputs when it goes on from a cache and extends
    it."""
    return model(**inputs, **{_cache_argument(): cache}, use_cache=True)


@functools.cache
def _cache_argument() -> str:
    """What transformers' models call a cache: `cache` from version 5.24 on."""
    from transformers import LlamaForCausalLM

    names = inspect.signature(LlamaForCausalLM.forward).parameters
    return "cache" if "cache" in names else "past_key_values"


def _with_another_last(model: Any, ids: Tensor) -> Tensor:
    """Logits of all tokens but the last, after the last one is replaced."""
    return model(input_ids=torch.cat([ids[:-1], ids[:1]])[None], use_cache=False).logits[0, :-1]


def _cached(model: Any, ids: Tensor) -> Tensor:
    """Logits of a prefix, then of the last token from the cache, as sampling reads prompts of equal
    length."""
    from transformers import DynamicCache

    cache = DynamicCache()
    parts = (ids[None, :-1], ids[None, -1:])
    return torch.cat([extend(model, cache, input_ids=part).logits[0] for part in parts])


def _padded(model: Any, ids: Tensor) -> Tensor:
    """The same for a padded row: second in its batch, and first, with the cache reordered, for its
    last token."""
    from transformers import DynamicCache

    cache, prefix = DynamicCache(), ids[:-1]
    rows = torch.stack([torch.cat([ids[-2:], prefix]), torch.cat([ids[-2:], prefix])])
    seen = torch.ones_like(rows, dtype=torch.bool)
    seen[1, :2] = False
    place = {"attention_mask": seen, "position_ids": (seen.cumsum(1) - 1).clamp(min=0)}
    out = extend(model, cache, input_ids=rows, logits_to_keep=len(prefix), **place)
    cache.batch_select_indices(torch.tensor([1, 0], device=ids.device))
    seen = torch.cat([seen[[1, 0]], seen.new_ones(2, 1)], 1)
    place = {"attention_mask": seen, "position_ids": (seen.cumsum(1) - 1)[:, -1:]}
    last = extend(model, cache, input_ids=ids[-1:].expand(2, 1), logits_to_keep=1, **place)
    return torch.cat([out.logits[1], last.logits[0]])
