"""Executes notebooks on copies, by `pytest --nbmake --overwrite`, and keeps their results:
`python -m book.build.execute`.

A copy runs in an empty folder (a notebook reads nothing by relative path), as many at once as there
are cores. Its outputs are kept with a record of when, where and with which versions it ran, and with
what its kernel read of our packages (`book.build.reads`). They hold for a notebook with the same
code wherever all of that is the same again: an edit elsewhere in the packages executes nothing, and
an edit that is undone finds the results from before it. Results are kept one by one: a run that is
interrupted goes on where it was.
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

from book.build.lock import alone
from book.build.nbmake_cells import TELL
from book.build.paths import BUILD, ROOT, chapters
from trlab.comparison import NOTED, REFUSE

KEY = "execution_record"
SHOWN = ("torch", "transformers", "trust-region-book")
PEERS = ("trl", "verl")
"""Libraries that chapter 12 shows at work where they are installed: their versions count for a
notebook that asks for them."""
ASKS = re.compile(rf"find_spec\(\W*({'|'.join(PEERS)})\b")
PROFILES = ("smoke", "cpu", "gpu")
PACKAGES = tuple(ROOT / name for name in ("trlib", "trlab", "trcheck", "book/trbook"))
NEVER_READ = {"__pycache__", "node_modules", "js", "c"}
"""Folders of the packages with sources of built files: what a notebook reads is what was built from
them."""
SHOWN_ANEW = re.compile(r"book/trbook/explorables/(.*record\.json|built/(?!loop\.).*\.(js|html))$")
"""What a page takes by itself, whatever a notebook's output holds: an explorable's module and its
first state (`trbook.explorables.modules.link_modules`)."""
STATES = 6
"""Results of a notebook that are kept, of as many states of the packages."""
READS = "TRLIB_READS"
"""The variable that names the folder in which kernels note what they read."""
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
    """What notebooks gave in one profile, and whether it holds for the packages that there are now.

    Each result is a file, `FOLDER/PROFILE/NAME/CODE-STATE.json`: CODE stands for the notebook's
    code, STATE for what it read.

    Args:
        folder: where results lie.
        profile: `smoke`, `cpu` or `gpu`.
    """

    def __init__(self, folder: Path, profile: str) -> None:
        pins = re.findall(
            r"^([\w.-]+)==", (ROOT / "requirements.txt").read_text(encoding="utf-8"), re.MULTILINE
        )
        self.facts = {
            "python": platform.python_version(),
            **{name: _version(name) for name in pins if name not in PEERS},
        }
        self.peers = {name: _version(name) for name in PEERS}
        self.packages = _contents()
        everything = json.dumps([self.packages, self.facts, self.peers], sort_keys=True)
        self.key = f"{profile}-{_short(everything)}"
        """All of the packages and versions: what a book is made from."""
        self.folder, self.profile = folder, profile

    def has(self, notebook: Path) -> bool:
        """Whether the notebook's code has run with what it reads."""
        return self._result(notebook) is not None

    def of(self, notebook: Path) -> dict[str, Any] | None:
        """The notebook as it is now, with its outputs and their record; None if it has to run
        first."""
        result = self._result(notebook)
        if result is None:
            return None
        found = json.loads(notebook.read_text(encoding="utf-8"))
        for cell, ran in zip(_code_of(found), result["cells"], strict=True):
            cell |= ran
        found["metadata"][KEY] = {**result["record"], "text": _text_of(found)}
        return found

    def keep(self, notebook: Path, copy: Path, read: Iterable[str] = ()) -> bool:
        """Stores the results of the executed `copy` of a notebook, unless a file that it read has
        changed meanwhile: then it returns False.

        Args:
            read: what its kernel noted (`book.build.reads`).
        """
        done = json.loads(nbformat.writes(nbformat.read(copy, as_version=4)))
        timings = [cell["metadata"].pop("execution", {}) for cell in done["cells"]]
        facts, state = self._facts(done, read), self._state(read)
        now = _contents()
        if any(now.get(name) != held for name, held in state.items()):
            return False
        result = {
            "facts": facts,
            "state": state,
            "record": _record(timings, self.profile),
            "cells": [
                {"outputs": cell["outputs"], "execution_count": cell["execution_count"]}
                for cell in _code_of(done)
            ],
        }
        file = self._place(notebook) / (
            f"{_digest_of_code(done)}-{_short(json.dumps([facts, state], sort_keys=True))}.json"
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished = file.with_suffix(".unfinished")
        try:
            unfinished.write_text(json.dumps(result), encoding="utf-8")
            unfinished.replace(file)
        finally:
            unfinished.unlink(missing_ok=True)
        return True

    def tidy(self, notebooks: Iterable[Path]) -> None:
        """Keeps the newest results of these notebooks, and those that hold now."""
        for notebook in notebooks:
            files = sorted(self._place(notebook).glob("*.json"), key=_age)
            for file in files[STATES:]:
                file.unlink()

    def _place(self, notebook: Path) -> Path:
        return self.folder / self.profile / notebook.stem

    def _result(self, notebook: Path) -> dict[str, Any] | None:
        code = _digest_of_code(json.loads(notebook.read_text(encoding="utf-8")))
        for file in sorted(self._place(notebook).glob(f"{code}-*.json"), key=_age):
            try:
                result = json.loads(file.read_text(encoding="utf-8"))
                holds = self._holds(result["facts"], result["state"])
            except (
                OSError,
                ValueError,
                KeyError,
                TypeError,
            ):  # cut short by a full disk, or another's
                continue
            if holds:
                return result
        return None

    def _holds(self, facts: Mapping[str, str], state: Mapping[str, str]) -> bool:
        known = {**self.facts, **self.peers}
        return (
            self.facts.keys() <= facts.keys()
            and all(known.get(name) == value for name, value in facts.items())
            and all(self.packages.get(name) == value for name, value in state.items())
        )

    def _facts(self, notebook: Mapping[str, Any], read: Iterable[str]) -> dict[str, str]:
        code = "\n".join("".join(cell["source"]) for cell in _code_of(notebook))
        asked = {line.removeprefix("import ") for line in read} | {*ASKS.findall(code)}
        return {**self.facts, **{name: self.peers[name] for name in PEERS if name in asked}}

    def _state(self, read: Iterable[str]) -> dict[str, str]:
        """What was read of the packages, as it was when these results were asked for: all of them,
        if nothing is known of it. A model counts with all that lies in its folder: what reads
        weights does not tell Python."""
        state = {}
        for name in map(_named, read):
            if name in self.packages:
                state[name] = self.packages[name]
            folder = name.rpartition("/")[0]
            if name.endswith(".json") and f"{folder}/model.safetensors" in self.packages:
                state |= {
                    other: held
                    for other, held in self.packages.items()
                    if other.rpartition("/")[0] == folder
                }
        return state or dict(self.packages)


def _named(path: str | Path) -> str:
    """A file of the repository as its packages' contents name it; a folder ends with a slash."""
    return str(path).removeprefix(f"{ROOT}{os.sep}").replace(os.sep, "/")


def _contents() -> dict[str, str]:
    """Every file of the packages that a notebook may depend on, and the names in every folder
    (`NAME/`), each as a few letters."""
    found = {}
    for root in PACKAGES:
        for folder, folders, files in os.walk(root):
            folders[:] = sorted({*folders} - NEVER_READ)
            shown = _named(folder)
            kept = [
                name
                for name in sorted(files)
                if not SHOWN_ANEW.match(f"{shown}/{name}") and not name.endswith(".pyc")
            ]
            found[f"{shown}/"] = _short("\0".join([*folders, *kept]))
            for name in kept:
                content = Path(folder, name).read_bytes()
                found[f"{shown}/{name}"] = hashlib.blake2b(content, digest_size=12).hexdigest()
    return found


def _short(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def _age(file: Path) -> float:
    """For the newest first; a file that another process has removed comes last."""
    try:
        return -file.stat().st_mtime
    except OSError:
        return 0.0


def _code_of(notebook: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def _digest_of_code(notebook: Mapping[str, Any]) -> str:
    """A notebook's code cells and their tags as a few letters."""
    cells = [
        ["".join(cell["source"]), cell["metadata"].get("tags", [])] for cell in _code_of(notebook)
    ]
    return hashlib.blake2b(json.dumps(cells).encode(), digest_size=8).hexdigest()


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
                elif not results.keep(path, Path(room, path.stem, path.name), _noted(room, path)):
                    failures[path] = f"{_shown(path)}: a file that it reads changed while it ran"
                report(
                    Finished(path, told["seconds"], failures.get(path), total - len(waiting), total)
                )
                if not waiting:
                    break  # pytest takes its time to end
        failures |= {path: f"{_shown(path)}: was not run to its end" for path in waiting}
        if not failures:
            results.tidy(notebooks)
    if failures:
        raise NotebookFailed(failures)
    return results


def _told(
    notebooks: Sequence[Path],
    room: Path,
    profile: str,
    running: Callable[[subprocess.Popen[bytes]], None],
) -> Iterator[dict[str, Any]]:
    """Runs copies of `notebooks` in `room`, and gives what `book.build.nbmake_cells` tells of each when it has
    ended."""
    settings, reads = room / ".settings", room / ".reads"
    started = settings / "profile_default" / "startup"
    for folder in (reads, started):
        folder.mkdir(parents=True)
    shutil.copyfile(Path(__file__).with_name("reads.py"), started / "reads.py")
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
        "book.build.nbmake_cells",
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
        READS: str(reads),
        NOTED: os.environ.get(NOTED, REFUSE),
        "IPYTHONDIR": str(settings),  # nobody's own
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


def _noted(room: str, notebook: Path) -> list[str]:
    """What the kernel of a notebook read."""
    file = Path(room, ".reads", notebook.stem)
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process with its workers; their kernels then end by themselves."""
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _text_of(notebook: Mapping[str, Any]) -> str:
    """A chapter's code as a few letters, so that a record can be told from that of other code."""
    cells = ["".join(cell["source"]) for cell in _code_of(notebook)]
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
