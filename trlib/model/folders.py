"""Files and folders of saved policies: written all or nothing, and replaced only if nothing else
would be lost.

The hub's format does not record which model adapters belong to, nor whether prompts are chat:
`trlib.json` does."""

import contextlib
import glob
import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from trlib.errors import CheckpointError

UNFINISHED = ".unfinished"  #: Ends the name of a file or folder while it is being written.
ASIDE = f".old{UNFINISHED}"  #: The end of an old folder's name while a new one takes its place.
NOTES = "trlib.json"
ADAPTERS = "adapter_config.json"  #: The file that makes a folder one of adapters.
FILES = {
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "merges.txt",
    "added_tokens.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "spiece.model",
    "sentencepiece.bpe.model",
    "adapter_model.safetensors",
    ADAPTERS,
    NOTES,
}
"""What a saved policy consists of, except for parts of a large model and the card that comes with
adapters."""


@dataclass(frozen=True)
class Notes:
    """What is recorded about a saved policy besides its weights; None: not recorded."""

    chat: bool | None = None
    """Whether prompts are put into the tokenizer's chat template as a user's message."""
    base: str | None = None
    """The name by which `load_policy` finds the model that the adapters belong to."""

    def write(self, folder: Path) -> None:
        """Write them into a folder."""
        (folder / NOTES).write_text(json.dumps(asdict(self)) + "\n", encoding="utf-8")


def notes(folder: str | os.PathLike[str]) -> Notes:
    """The notes in a folder; empty ones if another program wrote it.
    Raises CheckpointError: the notes are damaged."""
    path = Path(folder) / NOTES
    if not path.is_file():
        return Notes()
    try:
        known = Notes(**json.loads(path.read_text(encoding="utf-8")))
        if not isinstance(known.chat, bool | None) or not isinstance(known.base, str | None):
            raise TypeError(
                f"expected chat to be true, false or null, and base a name or null, got {known}"
            )
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"policy: expected the notes of a saved policy at {str(path)!r}, got a damaged file "
            f"({error})"
        ) from error
    return known


@contextmanager
def replacing(
    folder: str | os.PathLike[str], argument: str = "folder"
) -> Iterator[tuple[Path, Path]]:
    """An empty folder to write a policy into, and the path where it will be after the `with` block.

    The old folder stays as it was until the block has ended without an error. Then it is moved
    aside, the new folder takes its place, and the old one is deleted. So at any moment one of them
    is whole; if the process is killed between the two moves, `standing` finds the old one. A
    symbolic link stays, and its target is replaced.

    Args: argument: the folder's name in errors.
    Raises CheckpointError: the folder holds something other than a saved policy, or cannot be
    written."""
    with _naming(f"{argument}: cannot write {str(folder)!r}"):
        target = Path(folder).expanduser().resolve()
        free(target, argument)
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(
            tempfile.mkdtemp(prefix=f".{target.name}.", suffix=UNFINISHED, dir=target.parent)
        )
    try:
        yield scratch, target
        _as_the_umask_says(scratch)
        _swap(scratch, target)
    except CheckpointError:
        raise
    except Exception as error:  # safetensors reports a full disk as its own exception type
        raise CheckpointError(f"{argument}: cannot write {str(target)!r}: {error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def _naming(what_failed: str) -> Iterator[None]:
    """Inside a `with` block, an error of the operating system is a CheckpointError that begins with
    `what_failed`."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # links in a circle are a RuntimeError
        raise CheckpointError(
            f"{what_failed}: {getattr(error, 'strerror', None) or error}"
        ) from error


def free(target: Path, argument: str) -> None:
    """Check that nothing but a saved policy would be lost by replacing a folder.
    Raises CheckpointError: it holds something else, is not a folder, or is the working folder."""
    if not target.exists():
        return
    if not target.is_dir():
        raise CheckpointError(
            f"{argument}: expected a folder to write a policy into, got the file {str(target)!r}"
        )
    if target == Path.cwd():
        wanted = "a folder other than the one this process works in"
        raise CheckpointError(f"{argument}: expected {wanted}, got {str(target)!r}")
    names = {path.name for path in target.iterdir()}
    replaced = FILES | ({"README.md"} if ADAPTERS in names else set())
    for path in sorted(target.iterdir()):
        if (
            not (path.name in replaced or path.match("model-*-of-*.safetensors"))
            or not path.is_file()
        ):
            wanted = "an empty folder, or one with only a saved policy that may be replaced"
            raise CheckpointError(
                f"{argument}: expected {wanted}, got {str(target)!r} with {path.name!r} in it"
            )


def _as_the_umask_says(folder: Path) -> None:
    """Give a folder and its files the permissions of new ones: `mkdtemp` and safetensors keep both
    from everybody else."""
    umask = os.umask(0o077)
    os.umask(umask)
    folder.chmod(0o777 & ~umask)
    for file in folder.iterdir():
        file.chmod(0o666 & ~umask)


def _swap(new: Path, target: Path) -> None:
    killed = put_aside(target)
    if not target.exists():
        new.rename(target)
        if killed is not None:  # or it would be found when somebody deletes the new one
            shutil.rmtree(killed, ignore_errors=True)
        return
    old = new.with_name(f"{new.name.removesuffix(UNFINISHED)}{ASIDE}")
    target.rename(old)
    try:
        new.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def put_aside(folder: Path) -> Path | None:
    """The old folder, if a process was killed after moving it aside and before the new one took its
    place."""
    if folder.exists():
        return None
    aside = folder.parent.glob(f".{glob.escape(folder.name)}.*{ASIDE}")
    return max(aside, default=None, key=lambda path: path.stat().st_mtime)


def standing(folder: Path) -> Path:
    """The folder itself, or the old one if a process was killed while replacing it (`put_aside`),
    with a warning."""
    aside = put_aside(folder)
    if aside is None:
        return folder
    killed = f"policy {str(folder)!r}: a process was killed while replacing it"
    warnings.warn(f"{killed}; read the old one from {str(aside)!r} instead", stacklevel=2)
    return aside


def writable(folder: Path, argument: str) -> None:
    """Check that files can be created in a folder, before any work is done for them.
    Raises CheckpointError: they cannot be."""
    with (
        _naming(f"{argument}: cannot write into {str(folder)!r}"),
        tempfile.TemporaryFile(dir=folder),
    ):
        pass


def lock(file: Path, wanted: str) -> FileLock:
    """Lock a file until the lock is released or the process ends, however it ends. The file holds
    the process's id.

    `wanted`: how the error begins if another process has the lock.
    Raises CheckpointError: another process or another run of this process has it, or it cannot be
    written."""
    held = FileLock(file, thread_local=False)
    with _naming(f"out: cannot write {str(file)!r}"):
        try:
            held.acquire(blocking=False)
        except Timeout as error:
            raise CheckpointError(f"{wanted}, which {_holder(file)} has") from error
        file.write_text(str(os.getpid()))
    return held


def _holder(file: Path) -> str:
    with contextlib.suppress(OSError):
        number = file.read_text().strip()
        if number:
            return "this process" if number == str(os.getpid()) else f"process {number}"
    return "another process"


def write(path: Path, content: bytes | str) -> None:
    """Write a file all or nothing: beside its place, flushed to the disk, then renamed into it.
    Raises CheckpointError: it cannot be written; what was there before is intact."""
    data = content.encode() if isinstance(content, str) else content
    scratch = path.with_name(f".{path.name}.{os.getpid()}{UNFINISHED}")
    with failing_to_write(path):
        try:
            with open(scratch, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(scratch, path)
        except OSError:
            with contextlib.suppress(OSError):
                scratch.unlink(missing_ok=True)
            raise


@contextmanager
def failing_to_write(path: Path) -> Iterator[None]:
    """Inside a `with` block, a file that cannot be written is a CheckpointError that names it."""
    try:
        yield
    except OSError as error:
        raise CheckpointError(
            f"out: cannot write {str(path)!r}: {error.strerror or error}; what was saved before "
            "is intact"
        ) from error
