"""Saved runs: one safetensors file holds tensors and, as JSON in its header, everything else.

One file, written beside its place and then renamed into it, is either the old checkpoint or the new one, whenever the
process dies. Nothing is pickled. A checksum in the header is compared when the file is read; a file that was written
before there was one is read without.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from trlib.errors import CheckpointError
from trlib.loop.run import FILES
from trlib.model.folders import UNFINISHED, free, lock, put_aside, writable, write

if TYPE_CHECKING:
    from trlib.loop.learner import Learner
    from trlib.model.policy import Policy

NAME, POLICY, LOCK = "checkpoint.safetensors", "policy", ".lock"
REST: dict[str, type] = {"settings": dict, "learner": dict, "told_equal": bool, "rows": list, "prompts": list}
"""What a run's header holds beside the tensors."""
LEARNER: dict[str, type] = {"memory": dict, "descent": dict}
"""What stands in its part `learner`."""


def save(folder: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Replace the folder's checkpoint.

    Raises:
        CheckpointError: the file cannot be written (a full disk, no permission); the one before it is intact.
    """
    from safetensors.torch import save as pack

    text, whole = json.dumps(meta), {name: t.detach().contiguous() for name, t in tensors.items()}
    write(folder / NAME, pack(whole, {"trlib": text, "checksum": _checksum(text, whole)}))


def _checksum(text: str, tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    for name in sorted(tensors):
        t = tensors[name]
        digest.update(f"{name} {t.dtype} {list(t.shape)}".encode())
        digest.update(t.cpu().flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


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
            header = file.metadata() or {}
            meta = json.loads(header["trlib"])
            # Copies: a view would keep the file, on the disk too, when the next checkpoint has taken its place.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (it is no dict)
        if "checksum" in header and header["checksum"] != _checksum(header["trlib"], tensors):
            raise ValueError("its checksum is another")
        for part, kinds in ((meta, REST), (meta["learner"], LEARNER)):
            for name, kind in kinds.items():
                if not isinstance(part[name], kind):
                    raise ValueError(f"{name} is a {type(part[name]).__name__}, expected a {kind.__name__}")
    except KeyError as error:
        raise _damaged(path, f"no {error}") from error
    except Exception as error:  # safetensors, JSON and the missing key: all mean the same to the reader
        raise _damaged(path, error) from error
    return tensors, meta


def _damaged(path: Path, why: object) -> CheckpointError:
    return CheckpointError(
        f"out: expected a whole checkpoint at {str(path)!r}, got a damaged file of "
        f"{path.stat().st_size} bytes ({why}); move it away to begin anew"
    )


def check(folder: Path, tensors: Mapping[str, Tensor], learner: Learner, batches: int) -> None:
    """See that a checkpoint's tensors, all of them and no others, are those of a run after so many batches.

    An optimiser reads past the end of a state that is smaller than its parameter: no error would come of it.

    Args:
        learner: one that has learnt nothing yet.

    Raises:
        CheckpointError: a tensor is missing, has another shape or type, or is not the run's.
    """
    wanted, sampler = learner.tensors(), learner.sampler
    ages = 0 if sampler.own is None else min(batches, sampler.lag + 1)
    wanted |= {f"past/{age}/{name}": t for age in range(ages) for name, t in learner.policy.trainable.items()}
    wanted |= learner.descent.expected(tensors)
    wanted |= {name: t for name, t in tensors.items() if name.startswith("memory/")}  # whatever the method put there
    said = f"out: expected the tensors of this run at {str(folder / NAME)!r}, got"
    for name in sorted(wanted.keys() | tensors.keys()):
        if name not in tensors:
            raise CheckpointError(f"{said} none for {name!r}")
        if name not in wanted:
            raise CheckpointError(f"{said} {name!r} beside them")
        found, own = ((str(t.dtype)[6:], list(t.shape)) for t in (tensors[name], wanted[name]))
        if found != own:
            raise CheckpointError(f"{said} {name!r} of {found[0]} {found[1]} where {own[0]} {own[1]} is wanted")


@contextmanager
def holding(out: str | os.PathLike[str] | None, resume: bool, policy: Policy) -> Iterator[Path | None]:
    """The run's folder, made and tried out before any work is done, and nobody else's inside a `with` block; None where
    nothing is to be written.

    Raises:
        ValueError: an empty name.
        CheckpointError: another process has it, it cannot be written to, the run would write over the model that
            `policy` was loaded from or into its folder, or it holds a run already and `resume` is False, or what a run
            has left without its checkpoint, or something else than a policy where the trained one will be saved.
    """
    if out is None:
        yield None
        return
    if not os.fspath(out):
        raise ValueError(f"out: expected the name of a folder, got {out!r}")
    folder = Path(out).expanduser()
    _apart(folder, policy)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(f"out: cannot make the folder {str(folder)!r}: {error.strerror or error}") from error
    with lock(folder / LOCK, f"out: expected a folder that no other run has, got {str(folder)!r}"):
        _prepare(folder, resume)
        yield folder


def _apart(folder: Path, policy: Policy) -> None:
    for model in policy.folders():
        if model in (folder.resolve(), *folder.resolve().parents, (folder / POLICY).resolve()):
            raise CheckpointError(
                f"out: expected a folder apart from that of the policy, {str(model)!r}, got {str(folder)!r}"
            )


def _prepare(folder: Path, resume: bool) -> None:
    for name in (NAME, *FILES):
        if (folder / name).is_dir():
            raise CheckpointError(f"out: expected a file's place at {str(folder / name)!r}, got a folder")
    if not resume and (folder / NAME).exists():
        raise CheckpointError(
            f"out: {str(folder)!r} holds a run already; expected an empty folder, or resume=True to go on with it"
        )
    aside = put_aside(folder / POLICY)
    if aside is not None:
        aside.rename(folder / POLICY)
    for name in FILES:
        if (folder / name).exists() and not (folder / NAME).exists():
            raise CheckpointError(
                f"out: {str(folder)!r} holds the {name} of a run whose {NAME} is missing; expected "
                f"both, or an empty folder"
            )
    free(folder / POLICY, "out")
    if not (folder / NAME).exists() and (folder / POLICY).is_dir() and any((folder / POLICY).iterdir()):
        raise CheckpointError(
            f"out: {str(folder)!r} holds the trained policy of a run whose {NAME} is missing; "
            f"expected both, or an empty folder"
        )
    writable(folder, "out")
    for name in (NAME, *FILES, POLICY):
        for left in folder.glob(f".{name}.*{UNFINISHED}"):  # a killed process's: the lock is ours
            shutil.rmtree(left) if left.is_dir() else left.unlink()
