"""What a forward pass of a transformers model can be made to show and to take, besides its logits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor


@contextmanager
def perturbed(model: Any, perturb: Callable[[Tensor], Tensor] | None) -> Iterator[None]:
    """Inside a `with` block the model reads `perturb` of its embedded tokens."""
    if perturb is None:
        yield
        return
    handle = model.get_input_embeddings().register_forward_hook(lambda module, given, out: perturb(out))
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def heard(layer: Any, on: bool) -> Iterator[list[Tensor]]:
    """A list that holds what a layer has read inside a `with` block."""
    found: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda module, given: found.append(given[0])) if on else None
    try:
        yield found
    finally:
        if handle is not None:
            handle.remove()
