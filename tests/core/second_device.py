"""A second device for machines that have only one: its tensors hold their numbers on the CPU, say
that they are elsewhere, and refuse to meet a tensor of the CPU, as a GPU's do.

    learner = load_policy("dial")
    move(learner.model)
    with SecondDevice():
        train(learner, ...)  # a tensor that was made on the wrong device raises

It finds what keeps a first run on a GPU from starting: `torch.zeros(n)` where
`torch.zeros(n, device=...)` was meant. It says nothing of speed, of memory or of a GPU's rounding.
Derivatives in forward mode do not pass through it.
"""

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("lazy", 0)
"""A device that torch can name and that a build for the CPU has guards for, though nothing can be
stored on it."""
aten = torch.ops.aten
MEETS_THE_CPU = (
    aten._to_copy.default,
    aten.copy_.default,
    aten.index.Tensor,
    aten.index_put.default,
    aten.index_put_.default,
    aten._index_put_impl_.default,
)
"""What a GPU's tensors may do with the CPU's: be copied, and be indexed."""


class Elsewhere(Tensor):
    """A tensor on `DEVICE`; `numbers` is what it holds."""

    numbers: Tensor

    @staticmethod
    def __new__(cls, numbers):
        made = Tensor._make_wrapper_subclass(
            cls,
            numbers.shape,
            strides=numbers.stride(),
            storage_offset=numbers.storage_offset(),
            dtype=numbers.dtype,
            device=DEVICE,
        )
        made.numbers = numbers
        return made

    def __repr__(self, **_):
        return f"Elsewhere({self.numbers!r})"

    # What torch reads past the dispatcher; from a GPU it copies to the CPU first.
    def tolist(self):
        return self.numbers.tolist()

    def storage(self):
        return self.numbers.storage()

    def untyped_storage(self):
        return self.numbers.untyped_storage()

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, operation, types, args=(), kwargs=None):
        return computed(operation, args, kwargs or {})


class SecondDevice(TorchDispatchMode):
    """Where tensors can be made on `DEVICE`: `torch.zeros(3, device=DEVICE)`."""

    def __enter__(self):
        # torch.tensor makes its tensor on the CPU and moves it: this way it moves it through the
        # dispatcher.
        self.before = torch._C._only_lift_cpu_tensors()
        torch._C._set_only_lift_cpu_tensors(True)
        return super().__enter__()

    def __exit__(self, *error):
        torch._C._set_only_lift_cpu_tensors(self.before)
        super().__exit__(*error)

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        return computed(operation, args, kwargs or {})


def computed(operation, args, kwargs):
    """An operation on the numbers; its results are where a GPU would put them.

    Raises:
        RuntimeError: tensors of both devices; numbers of the CPU (no dimensions) may join any.
        NotImplementedError: inside a derivative in forward mode, where torch would crash.
    """
    if forward_ad._current_level >= 0:
        raise NotImplementedError(
            "derivatives in forward mode do not pass through a tensor that wraps another"
        )
    tensors = [leaf for leaf in tree_flatten((args, kwargs))[0] if isinstance(leaf, Tensor)]
    elsewhere = [tensor for tensor in tensors if isinstance(tensor, Elsewhere)]
    if elsewhere and operation not in MEETS_THE_CPU:
        for tensor in tensors:
            if not isinstance(tensor, Elsewhere) and tensor.dim() > 0:
                raise RuntimeError(
                    f"{operation}: expected all tensors on one device, got {DEVICE} and cpu"
                )
    stays = bool(elsewhere)
    if kwargs.get("device") is not None:
        stays = torch.device(kwargs["device"]).type == DEVICE.type
        kwargs = {**kwargs, "device": torch.device("cpu")}
    made = operation(*tree_map(numbers_of, args), **tree_map(numbers_of, kwargs))
    if not stays:
        return made
    known = {
        id(tensor.numbers): tensor for tensor in elsewhere
    }  # an operation in place gives back what it was given

    def wrapped(leaf):
        if not isinstance(leaf, Tensor):
            return leaf
        return known[id(leaf)] if id(leaf) in known else Elsewhere(leaf)

    return tree_map(wrapped, made)


def numbers_of(leaf):
    return leaf.numbers if isinstance(leaf, Elsewhere) else leaf


def move(module):
    """Move a model's weights; those that two of its layers share stay shared, as they do with
    `Module.to`."""
    moved = {}
    for layer in module.modules():
        for name, weight in layer._parameters.items():
            if weight is not None:
                there = nn.Parameter(
                    Elsewhere(weight.detach().clone()), requires_grad=weight.requires_grad
                )
                layer._parameters[name] = moved.setdefault(id(weight), there)
        for name, buffer in layer._buffers.items():
            if buffer is not None:
                layer._buffers[name] = Elsewhere(buffer.clone())
