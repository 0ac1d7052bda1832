"""Bytes of tensors, counted while torch makes and drops them: the same number every time, on any
machine.

    with Meter() as meter:
        loss(...).backward()
    meter.peak                  the most that was held at a time, beyond what was there before

It counts tensors, each storage once. It does not see what a kernel takes for itself while it runs,
nor what the system's allocator keeps in reserve. So this is a lower bound on what a card must hold,
and the part of it that a formula can predict.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Meter(TorchDispatchMode):
    """Counts the bytes of the tensors that are made inside a `with` block."""

    def __init__(self) -> None:
        super().__init__()
        self.held = self.peak = 0
        self._known: dict[int, int] = {}

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        given = {_place(t) for t in tree_leaves((args, kwargs or {})) if isinstance(t, Tensor)}
        out = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor) and _place(tensor) not in given | self._known.keys():
                self._meet(tensor)
        return out

    def _meet(self, tensor: Tensor) -> None:
        storage, place = tensor.untyped_storage(), _place(tensor)
        self._known[place] = storage.nbytes()
        self.held += self._known[place]
        self.peak = max(self.peak, self.held)
        weakref.finalize(storage, self._leave, place)

    def _leave(self, place: int) -> None:
        self.held -= self._known.pop(place, 0)


def _place(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata


def peak_bytes(function: Callable[[], Any]) -> int:
    """The most bytes of tensors that a call held at a time, beyond what was there before."""
    with Meter() as meter:
        function()
    return meter.peak
