"""Saved runs: one safetensors file holds tensors and, as JSON in its header, everything else that
the rest of the run depends on. What a run only reports grows in a file beside it
(`trlib.loop.saving.history`).

One file, written beside its place and then renamed into it, is either the old checkpoint or the new
one, whenever the process dies. Nothing is pickled. A checksum in the header, compared when the file
is read, covers all of it."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trlib.errors import CheckpointError, warn
from trlib.fields import settings
from trlib.loop.saving import history
from trlib.loop.saving.run import FILES
from trlib.loop.settings import RunSettings
from trlib.model.folders import UNFINISHED, free, lock, put_aside, writable, write
from trlib.model.policy import Policy
from trlib.other_names import near

NAME, POLICY, LOCK = "checkpoint.safetensors", "policy", ".lock"
MAY_CHANGE = ("steps", "checkpoint_every", "interrupted", "task_file", "filter_overlong_prompts")
"""The parts of a run's record that may have changed when the run is resumed."""
GONE = {"buffer": 0, "sampler_logp": True, "without": []}
"""Settings that no longer exist, as the runs that had them at their defaults were saved."""
LEFT_TO_ITS_OWNER = ("memory/", "optimizer/", "past/")
"""Tensors whose number and shape depend on how many batches are done."""


def save(folder: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any]) -> None:
    """Replace the folder's checkpoint.
    Raises CheckpointError: the file cannot be written (a full disk, no permission); the one before
    it is intact."""
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
    Raises CheckpointError: the file is damaged or is not a checkpoint of a run."""
    from safetensors import safe_open

    path = folder / NAME
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            meta = json.loads(header["trlib"])
            # Copies: a view would keep the file, on the disk too, after the next checkpoint has
            # taken its place.
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 (it is not a dict)
        if header["checksum"] != _checksum(header["trlib"], tensors):
            raise ValueError("its checksum does not match")
    except (
        Exception
    ) as error:  # safetensors, JSON and a missing key: all mean the same to the reader
        raise CheckpointError(
            f"out: expected a whole checkpoint at {str(path)!r}, got a damaged file of "
            f"{path.stat().st_size} bytes ({error}); move it away to start again"
        ) from error
    return tensors, meta


def check_same_run(saved: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Check that a resumed run is the run that was saved; it may only be longer, or use other
    versions.
    Raises CheckpointError: a different method, task, policy or setting."""
    # A setting that is newer than the saved run was at its default.
    saved = {**{s.name: s.default for s in settings(RunSettings) if s.name in now}, **saved}
    saved = {name: was for name, was in saved.items() if name not in GONE or GONE[name] != was}
    # The names a reader looks for, before what follows from them.
    first = ("method", "task", "policy")
    # A learning rate that falls is spread over a run's length.
    fixed = ("steps",) if now.get("schedule", "constant") != "constant" else ()
    for name in dict.fromkeys((*first, *saved, *now)):
        was, value = saved.get(name), now.get(name)
        if (name in MAY_CHANGE and name not in fixed) or was == value:
            continue
        if isinstance(was, dict) and isinstance(value, dict):
            differ = {key for key in was.keys() | value.keys() if was.get(key) != value.get(key)}
            key = "name" if "name" in differ else min(differ)
            name, was, value = f"{name}.{key}", was.get(key), value.get(key)
        if not name.startswith("versions."):
            raise CheckpointError(
                f"resume: the saved run has {name} = {was!r}, expected the same, got {value!r}; a new "
                f"run can begin where it stands: policy=trlib.load_policy(FOLDER), another out"
            )
        warn(
            f"resume: {name[9:]} was {was} and is now {value}: the history may differ in its last "
            "digits"
        )


def check_tensors(folder: Path, saved: Mapping[str, Tensor], learner: Mapping[str, Tensor]) -> None:
    """Check that a checkpoint holds the weights that a learner has: a method's file may have
    changed since.
    Raises CheckpointError: a tensor is missing, is superfluous, or has another shape or type."""

    def kinds(tensors: Mapping[str, Tensor]) -> dict[str, str]:
        own = {name: t for name, t in tensors.items() if not name.startswith(LEFT_TO_ITS_OWNER)}
        return {name: f"{str(t.dtype)[6:]} {list(t.shape)}" for name, t in own.items()}

    have, wanted = kinds(saved), kinds(learner)
    for name in sorted(have.keys() | wanted.keys()):
        if have.get(name) != wanted.get(name):
            raise CheckpointError(
                f"out: expected the tensors of this run at {str(folder / NAME)!r}, got {name!r} "
                f"{have.get(name, 'missing')} where {wanted.get(name, 'none')} is wanted"
            )


@contextmanager
def holding(
    out: str | os.PathLike[str] | None, resume: bool, policy: Policy
) -> Iterator[Path | None]:
    """The run's folder, made and tested before any work is done, and reserved for this run inside a
    `with` block; None if nothing is to be written.

    Raises:
        ValueError: an empty name.
        CheckpointError: another process has it; it cannot be written to; the run would write over
            the model that `policy` was loaded from, or into its folder; it holds a run already and
            `resume` is False; it holds parts of a run without the checkpoint, or something other
            than a policy where the trained one will be saved."""
    if out is None:
        yield None
        return
    if not os.fspath(out):
        raise ValueError(f"out: expected the name of a folder, got {out!r}")
    folder = Path(out).expanduser()
    for model in policy.folders():
        if model in (folder.resolve(), *folder.resolve().parents, (folder / POLICY).resolve()):
            raise CheckpointError(
                f"out: expected a folder other than the policy's, {str(model)!r}, got "
                f"{str(folder)!r}"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CheckpointError(
            f"out: cannot make the folder {str(folder)!r}: {error.strerror or error}"
        ) from error
    with lock(folder / LOCK, f"out: expected a folder that no other run uses, got {str(folder)!r}"):
        _prepare(folder, resume)
        yield folder


def _prepare(folder: Path, resume: bool) -> None:
    begun = (folder / NAME).exists()
    if resume and not begun:
        runs = [path.parent.name for path in folder.parent.glob(f"*/{NAME}")]
        warn(
            f"resume: {str(folder)!r} holds no run that could be continued, so a new one begins "
            f"there{near(folder.name, runs)}"
        )
    if begun and not resume:
        raise CheckpointError(
            f"out: {str(folder)!r} holds a run already; expected an empty folder, or resume=True "
            "(--resume) to continue it"
        )
    aside = put_aside(folder / POLICY)  # a process was killed while replacing the policy
    if aside is not None:
        aside.rename(folder / POLICY)
    free(folder / POLICY, "out")
    for name in (*FILES, POLICY, history.NAME):
        if begun or not (folder / name).exists():
            continue
        # A run that ended before its first checkpoint is computed again, bit for bit.
        again = name == history.NAME and history.is_one(folder)
        if not (again and resume):
            raise CheckpointError(
                f"out: {str(folder)!r} holds the {name} of a run whose {NAME} is missing; "
                "expected both, or an empty folder"
                f"{', or resume=True (--resume), which begins that run again' * again}"
            )
    writable(folder, "out")
    for name in (NAME, *FILES, POLICY):
        for left in folder.glob(f".{name}.*{UNFINISHED}"):  # a killed process's: the lock is ours
            shutil.rmtree(left) if left.is_dir() else left.unlink()
