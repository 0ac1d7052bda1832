"""What a method keeps from one batch to the next."""

from collections import UserDict
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import torch
from torch import Tensor


class Memory(UserDict[str, Any]):
    """Numbers and tensors by name, changed in place, saved with the run and resumed bit for bit.

    Numbers become columns of the history. Tensors are copied, without their gradient, to the
    policy's device. Anything else is refused at once, because it could not be saved at the end of
    the batch."""

    def __init__(self, taken: Iterable[str] = (), device: torch.device | str = "cpu") -> None:
        """`taken`: names that the history already uses."""
        super().__init__()
        self._taken, self._device = frozenset(taken), device

    def __setitem__(self, name: str, value: Any) -> None:
        """Keep `value`.
        Raises TypeError: it is neither a number nor a tensor, or its name is not a string;
        ValueError: a column of the history has this name."""
        if not isinstance(name, str) or not name:
            raise TypeError(f"memory: expected a name, got {name!r}")
        if isinstance(value, Tensor):
            if value.layout != torch.strided or value.is_meta or value.is_quantized:
                got = f"{value.dtype} with layout {value.layout} on {value.device}"
                wanted = "a dense tensor, because it is saved with the run"
                raise TypeError(f"memory[{name!r}]: expected {wanted}, got {got}")
            self.data[name] = value.detach().to(self._device, copy=True)
            return
        if not isinstance(value, Real):
            wanted = "a number or a tensor, because it is saved with the run"
            raise TypeError(f"memory[{name!r}]: expected {wanted}, got {type(value).__name__}")
        if name in self._taken:
            wanted = "a name that the history does not use, because numbers become its columns"
            raise ValueError(
                f"memory[{name!r}]: expected {wanted}; taken are {', '.join(sorted(self._taken))}"
            )
        self.data[name] = int(value) if isinstance(value, Integral) else float(value)

    def __repr__(self) -> str:
        shown = (
            f"{name}={list(v.shape) if isinstance(v, Tensor) else v}"
            for name, v in self.data.items()
        )
        return f"Memory({', '.join(shown)})"

    def numbers(self) -> dict[str, float]:
        """The numbers alone."""
        return {name: value for name, value in self.data.items() if not isinstance(value, Tensor)}

    def tensors(self) -> dict[str, Tensor]:
        """A copy of the tensors alone."""
        return {
            name: value.clone() for name, value in self.data.items() if isinstance(value, Tensor)
        }

    def restore(self, numbers: dict[str, float], tensors: dict[str, Tensor]) -> None:
        """Hold these numbers and tensors, and nothing else."""
        self.data.clear()
        self.update(tensors)
        self.data.update(numbers)
