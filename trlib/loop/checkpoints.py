"""Saved runs: one safetensors file holds tensors and, as JSON in its header, everything else.

One file, written beside its place and then renamed into it, is either the old checkpoint or the new one, whenever the
process dies. Nothing is pickled.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from trlib.errors import CheckpointError
from trlib.model.folders import UNFINISHED, write

NAME, HISTORY = "checkpoint.safetensors", "history.csv"


def save(folder: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Replace the folder's checkpoint.

    Raises:
        CheckpointError: the file cannot be written (a full disk, no permission); the one before it is intact.
    """
    from safetensors.torch import save as pack

    content = pack({name: t.detach().contiguous() for name, t in tensors.items()}, {"trlib": json.dumps(meta)})
    write(folder / NAME, content)


def load(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The folder's checkpoint as tensors and the rest, or None where there is none.

    Raises:
        CheckpointError: the file is damaged or is no checkpoint of a run.
    """
    from safetensors import safe_open

    path = folder / NAME
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            meta = json.loads((file.metadata() or {})["trlib"])
            # Copies: a view would keep the file, on the disk too, when the next checkpoint has taken its place.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (it is no dict)
    except Exception as error:  # safetensors, JSON and the missing key: all mean the same to the reader
        raise CheckpointError(f"out: expected a whole checkpoint at {str(path)!r}, got a damaged file of "
                              f"{path.stat().st_size} bytes ({error}); move it away to begin anew") from error
    return tensors, meta


def prepare(out: str | os.PathLike[str], resume: bool) -> Path:
    """The run's folder, made and tried out before any work is done.

    Raises:
        CheckpointError: it cannot be written to, or it holds a run already and `resume` is False, or what a run has
            left without its checkpoint.
    """
    folder = Path(out).expanduser()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"out: cannot make the folder {str(folder)!r}: {error.strerror or error}") from error
    if not resume and (folder / NAME).exists():
        raise CheckpointError(f"out: {str(folder)!r} holds a run already; expected an empty folder, or resume=True to "
                              f"go on with it")
    if not (folder / NAME).exists() and (folder / HISTORY).exists():
        raise CheckpointError(f"out: {str(folder)!r} holds the history of a run whose {NAME} is missing; expected "
                              f"both, or an empty folder")
    for left in folder.glob(f".*{UNFINISHED}"):  # a killed process's
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    write(folder / ".writable", b"")
    (folder / ".writable").unlink()
    return folder
