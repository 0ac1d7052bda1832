"""Hooks into the forward pass of a transformers model: change what it reads, record what a layer
reads."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor


@contextmanager
def perturbed(model: Any, perturb: Callable[[Tensor], Tensor] | None) -> Iterator[None]:
    """Inside a `with` block the model reads `perturb(embedded tokens)` instead of its embedded
    tokens."""
    if perturb is None:
        yield
        return
    handle = model.get_input_embeddings().register_forward_hook(
        lambda module, inputs, out: perturb(out)
    )
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def captured_inputs(layer: Any, on: bool) -> Iterator[list[Tensor]]:
    """A list that collects the inputs of a layer inside a `with` block; it stays empty unless
    `on`."""
    inputs_seen: list[Tensor] = []
    handle = (
        layer.register_forward_pre_hook(lambda module, inputs: inputs_seen.append(inputs[0]))
        if on
        else None
    )
    try:
        yield inputs_seen
    finally:
        if handle is not None:
            handle.remove()
