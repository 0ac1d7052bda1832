"""Executes notebooks on copies, by `pytest --nbmake --overwrite`, and keeps their results:
`python -m tools.execute`.

A copy runs in an empty folder (a notebook reads nothing by relative path), as many at once as there
are cores. Its outputs go into a cache (jupyter-cache) with a record of when, where and with which
versions it ran. A notebook runs again only if its code changed, or what the cache is of: the three
packages and the versions of what they use. Results are kept one by one: a run that is interrupted
goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn

from tools.lock import alone
from tools.nbmake_cells import TELL
from tools.paths import BUILD, ROOT, chapters

KEY = "execution_record"
SHOWN = ("torch", "transformers", "trust-region-book")
PEERS = ("trl", "verl")
"""Libraries that chapter 12 shows at work where they are installed."""
PROFILES = ("smoke", "cpu", "gpu")
PACKAGES = tuple(ROOT / name for name in ("trlib", "trlab", "book/trbook"))
NEVER_READ = {"__pycache__", "node_modules", "js", "c"}
"""Folders of the packages with sources of built files: what a notebook reads is what was built from
them."""
CELL_SECONDS = 900
AT_ONCE = 4
"""At most: a kernel takes up to a gigabyte."""


class NotebookFailed(Exception):
    """Notebooks did not run to their end; the message names notebook, cell and error."""

    def __init__(self, failures: Mapping[Path, str]) -> None:
        super().__init__("\n\n".join(failures.values()))
        self.failures = dict(failures)


@dataclass(frozen=True)
class Finished:
    """What `execute` reports of a notebook: its seconds, what failed in it, and how many are
    left."""

    notebook: Path
    seconds: float
    error: str | None
    number: int
    total: int


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def digest(roots: Iterable[Path], *facts: str) -> str:
    """A few letters for the files in `roots` and for `facts`."""
    found = hashlib.blake2b("\0".join(facts).encode(), digest_size=12)
    for root in roots:
        for path in sorted([root, *root.rglob("*")]):
            if path.is_file() and not NEVER_READ & {*path.relative_to(root.parent).parts}:
                found.update(
                    str(path.relative_to(root.parent)).encode() + b"\0" + path.read_bytes()
                )
    return found.hexdigest()


class Results:
    """What notebooks gave in one profile, with the packages and the versions that there are now.

    Args:
        folder: where caches lie; those of other packages and versions are removed when `tidy` is
            called.
        profile: `smoke`, `cpu` or `gpu`.
    """

    def __init__(self, folder: Path, profile: str) -> None:
        pins = re.findall(
            r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE
        )
        versions = [f"{name} {_version(name)}" for name in (*pins, *PEERS, "jupyter-cache")]
        self.key = f"{profile}-{digest(PACKAGES, platform.python_version(), *versions)}"
        self.folder, self.profile = folder, profile
        self.cache = get_cache(folder / self.key)

    def has(self, notebook: Path) -> bool:
        """Whether the notebook's code has run with these packages."""
        with suppress(KeyError):
            return bool(self.cache.match_cache_notebook(nbformat.read(notebook, as_version=4)))
        return False

    def of(self, notebook: Path) -> dict[str, Any] | None:
        """The notebook as it is now, with its outputs and their record; None if it has to run
        first."""
        if not self.has(notebook):
            return None
        number, merged = self.cache.merge_match_into_notebook(nbformat.read(notebook, as_version=4))
        found = json.loads(nbformat.writes(merged))
        found["metadata"][KEY] = {
            **self.cache.get_cache_record(number).data,
            "text": _text_of(found),
        }
        return found

    def keep(self, notebook: Path, copy: Path) -> None:
        """Stores the results of the executed `copy` of a notebook."""
        done = nbformat.read(copy, as_version=4)
        record = _record([cell.metadata.pop("execution", {}) for cell in done.cells], self.profile)
        self.cache.cache_notebook_bundle(
            CacheBundleIn(done, str(notebook), data=record), False, True
        )

    def tidy(self) -> None:
        """Removes the results of other packages and versions."""
        for other in self.folder.glob(f"{self.profile}-*"):
            if other.name != self.key:
                shutil.rmtree(other)


def execute(
    notebooks: Sequence[Path],
    folder: Path,
    *,
    profile: str,
    report: Callable[[Finished], None] = lambda _: None,
    running: Callable[[subprocess.Popen[bytes]], None] = lambda _: None,
) -> Results:
    """The results of `notebooks`, kept in `folder`; only what changed is run, in the order given.

    Args:
        notebooks: their files.
        folder: where the caches lie.
        profile: `smoke`, `cpu` or `gpu`.
        report: called after each notebook that ran, when its results are kept.
        running: called with the process that runs them, for a caller who may have to `end` it.

    Raises:
        NotebookFailed: a cell raised, ran out of time, or its kernel died. The other notebooks ran
            all the same.
    """
    with alone(folder):
        results = Results(folder, profile)
        waiting = [path for path in notebooks if not results.has(path)]
        total, failures = len(waiting), dict[Path, str]()
        with tempfile.TemporaryDirectory(prefix="book-", ignore_cleanup_errors=True) as room:
            for told in _told(waiting, Path(room), profile, running) if waiting else ():
                path = next(path for path in waiting if path.stem == told["name"])
                waiting.remove(path)
                if told["error"]:
                    failures[path] = f"{_shown(path)}, {told['error']}"
                else:
                    results.keep(path, Path(room, path.stem, path.name))
                report(
                    Finished(path, told["seconds"], failures.get(path), total - len(waiting), total)
                )
                if not waiting:
                    break  # pytest takes its time to end
        failures |= {path: f"{_shown(path)}: was not run to its end" for path in waiting}
        results.tidy()
    if failures:
        raise NotebookFailed(failures)
    return results


def _told(
    notebooks: Sequence[Path],
    room: Path,
    profile: str,
    running: Callable[[subprocess.Popen[bytes]], None],
) -> Iterator[dict[str, Any]]:
    """Runs copies of `notebooks` in `room`, and gives what `tools.nbmake_cells` tells of each when it has
    ended."""
    copies = [room / path.stem / path.name for path in notebooks]
    for path, copy in zip(notebooks, copies, strict=True):
        copy.parent.mkdir()
        shutil.copyfile(path, copy)
    workers = min(len(copies), cores(), AT_ONCE)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbmake",
        "--overwrite",
        f"--nbmake-timeout={CELL_SECONDS}",
    ]
    command += [
        "-c",
        os.devnull,
        f"--rootdir={room}",
        "-p",
        "tools.nbmake_cells",
        "-p",
        "no:cacheprovider",
    ]
    command += [
        "-p",
        "no:hydra_pytest",
        "-n",
        str(workers),
        "--dist",
        "worksteal",
        *map(str, copies),
    ]
    ours, theirs = os.pipe()
    environment = {
        **{
            name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")
        },  # of a run around it
        "OMP_NUM_THREADS": "1",
        "TRLIB_PROFILE": profile,
        TELL: str(theirs),
        "IPYTHONDIR": str(room / "settings"),  # nobody's own
        "JUPYTER_PREFER_ENV_PATH": "1",  # the kernel is this environment's
    }
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        pass_fds=[theirs],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        running(process)
        with open(ours, encoding="utf-8") as lines:
            yield from map(json.loads, lines)
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process with its workers; their kernels then end by themselves."""
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _text_of(notebook: Mapping[str, Any]) -> str:
    """A chapter's text and code as a few letters, so that a record can be told from that of an
    earlier text."""
    cells = [[cell["cell_type"], "".join(cell["source"])] for cell in notebook["cells"]]
    return hashlib.blake2b(json.dumps(cells).encode(), digest_size=8).hexdigest()


def _record(timings: Iterable[Mapping[str, str]], profile: str) -> dict[str, Any]:
    moments = [
        datetime.fromisoformat(timing[name].replace("Z", "+00:00"))
        for timing in timings
        for name in ("iopub.execute_input", "shell.execute_reply")
        if name in timing
    ]
    last = max(moments, default=datetime.now(UTC))
    return {
        "when": last.astimezone(UTC).isoformat(timespec="seconds"),
        "seconds": round((last - min(moments, default=last)).total_seconds(), 1),
        "profile": profile,
        "hardware": hardware(),
        "versions": {
            "Python": platform.python_version(),
            **{name: _version(name) for name in SHOWN},
        },
    }


def hardware() -> str:
    """The processor as a reader knows it."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else []
    name = (
        re.sub(r"\((R|TM)\)|CPU|Processor|@.*|\d+-Core", "", names[0])
        if names
        else platform.processor()
    )
    label = " ".join(name.split()) or platform.machine()
    return f"{cores()} core{'' if cores() == 1 else 's'} of {label}"


def _version(name: str) -> str:
    try:
        return version(name).split("+")[0]
    except PackageNotFoundError:
        return "none"


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def main() -> int:
    parser = argparse.ArgumentParser(description="Execute the book's notebooks.")
    parser.add_argument("--profile", choices=PROFILES, default="cpu")
    parser.add_argument("--out", type=Path, default=BUILD / "executed")
    arguments = parser.parse_args()
    try:
        execute(chapters(), arguments.out, profile=arguments.profile)
    except NotebookFailed as error:
        print(f"execution failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
