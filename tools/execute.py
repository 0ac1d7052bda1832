"""Executes notebooks once, on copies: `python -m tools.execute [--profile cpu]`.

A copy runs in an empty folder (a notebook reads nothing by relative path), in a kernel of its own, as many at once as
there are cores. Then it lies in the build, with a record of when, where and with which versions it ran. A notebook is
run again only if its text changed, or a file of the packages that it depends on (`tools.dependencies`). Copies are
written one by one: a run that is interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import atexit
import hashlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any

import nbformat
import psutil
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from tools import dependencies, kernels
from tools.lock import alone
from tools.paths import BUILD, ROOT, chapters

KEY = "execution_record"
SHOWN = ("torch", "transformers", "trust-region-book")
DECIDING = (*SHOWN, "numpy", "pandas", "scipy", "matplotlib", "anywidget", "peft")
"""Distributions whose version decides every notebook's outputs, beside those that it imports itself."""
PROFILES = ("smoke", "cpu", "gpu")
CELL_SECONDS = 900
KERNEL_BYTES = 3 * 2**29
"""What a kernel may need: fewer run at once where memory is short."""


class NotebookFailed(Exception):
    """Notebooks did not run to their end; the message names notebook, cell and error."""

    def __init__(self, failures: Mapping[Path, str]) -> None:
        super().__init__("\n\n".join(failures.values()))
        self.failures = dict(failures)


class Stopped(Exception):
    """The caller who had notebooks executed asked to stop."""


@dataclass(frozen=True)
class Finished:
    """What `execute` reports of a notebook: its seconds, what failed in it, and how many are left."""

    notebook: Path
    seconds: float
    error: str | None
    number: int
    total: int


Report = Callable[[Finished], None]


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def fingerprint(notebook: Path, profile: str) -> str:
    """What decides a notebook's outputs: its text, the profile, versions, and the files that it depends on."""
    needs = dependencies.needs(notebook)
    digest = hashlib.blake2b(digest_size=16)
    versions = [f"{name}={_version(name)}" for name in sorted({*DECIDING, *_distributions(needs.outside)})]
    for part in (profile, platform.python_version(), *versions):
        digest.update(part.encode() + b"\0")
    for path in [notebook, Path(__file__), *needs.files]:
        facts = path.stat()
        digest.update(_shown(path).encode() + b"\0" + _content(path, facts.st_mtime_ns, facts.st_size))
    return digest.hexdigest()


@cache
def _content(path: Path, changed: int, size: int) -> bytes:
    """A file's digest; made again when its time stamp or its size is another."""
    return hashlib.blake2b(path.read_bytes(), digest_size=16).digest()


def _distributions(modules: Sequence[str]) -> list[str]:
    """The distributions that bring `modules`; a module that is not installed stands for itself."""
    names = _installed()
    return [name for module in modules for name in names.get(module, [module])]


@cache
def _installed() -> Mapping[str, list[str]]:
    return packages_distributions()


def _text_of(notebook: Mapping[str, Any]) -> str:
    """A chapter's text and code as a few letters, so that a record can be told from that of an earlier text."""
    cells = [[cell["cell_type"], "".join(cell["source"])] for cell in notebook["cells"]]
    return hashlib.blake2b(json.dumps(cells).encode(), digest_size=8).hexdigest()


def stale(notebooks: Sequence[Path], folder: Path, *, profile: str) -> dict[Path, str]:
    """The notebooks whose copies in `folder` are missing or out of date, with their fingerprints."""
    keys = {path: fingerprint(path, profile) for path in notebooks}
    return {path: key for path, key in keys.items() if _recorded_key(folder / path.name) != key}


def execute(
    notebooks: Sequence[Path],
    folder: Path,
    *,
    profile: str,
    workers: int | None = None,
    report: Report | None = None,
    stop: threading.Event | None = None,
) -> list[Path]:
    """The executed copies of `notebooks` in `folder`; only what changed is run, in the order given.

    Args:
        notebooks: their files.
        folder: where the copies lie.
        profile: `smoke`, `cpu` or `gpu`.
        workers: how many run at once; by default as many as there are cores, and memory for them.
        report: called after each notebook that ran, one call at a time.
        stop: when it is set, kernels are ended and `Stopped` is raised.

    Raises:
        Stopped: `stop` was set.
        NotebookFailed: a cell raised, ran out of time, or its kernel died. The other notebooks ran all the same.
    """
    with alone(folder):
        pending = stale(notebooks, folder, profile=profile)
        if pending:
            failures = _execute(pending, folder, profile, workers or _workers(len(pending)), report, stop)
            if failures:
                raise NotebookFailed(failures)
    return [folder / path.name for path in notebooks]


def _workers(notebooks: int) -> int:
    # Available, not free: what the system keeps of files it gives up for a kernel.
    room = psutil.virtual_memory().available // KERNEL_BYTES
    return max(1, min(notebooks, cores(), room))


def _execute(
    pending: Mapping[Path, str],
    folder: Path,
    profile: str,
    workers: int,
    report: Report | None,
    stop: threading.Event | None,
) -> dict[Path, str]:
    """Runs the notebooks of `pending` and returns what failed."""
    failures: dict[Path, str] = {}
    with tempfile.TemporaryDirectory(prefix="book-") as room:
        runner = _Runner(Path(room), profile, len(pending))
        pool = ThreadPoolExecutor(workers, thread_name_prefix="notebook")
        futures: dict[Future[dict[str, Any]], tuple[Path, float]] = {}
        try:
            waiting = list(pending)
            done = 0
            while waiting or futures:
                if stop and stop.is_set():
                    raise Stopped
                while waiting and len(futures) < workers:
                    path = waiting.pop(0)
                    futures[pool.submit(runner.run, path)] = (path, time.perf_counter())
                finished, _ = wait(futures, timeout=1, return_when=FIRST_COMPLETED)
                for future in finished:
                    path, start = futures.pop(future)
                    done += 1
                    try:
                        notebook = future.result()
                        notebook["metadata"][KEY] = {"key": pending[path], **_record(notebook, profile)}
                        _write(notebook, folder / path.name)
                    except _Failed as error:
                        failures[path] = str(error)
                    if report:
                        seconds = time.perf_counter() - start
                        report(Finished(path, seconds, failures.get(path), done, len(pending)))
        finally:
            runner.stop()
            pool.shutdown(cancel_futures=True)
    return failures


def _write(notebook: Mapping[str, Any], target: Path) -> None:
    partial = target.with_suffix(".partial")
    partial.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    partial.replace(target)


class _Failed(Exception):
    """One notebook's failure, in words."""


class _Runner:
    """Runs notebooks in kernels, and ends those kernels when it is told to stop."""

    def __init__(self, room: Path, profile: str, notebooks: int) -> None:
        self.room = room
        self.environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "TRLIB_PROFILE": profile,
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",
            "IPYTHONDIR": str(_settings(room / "ipython")),
        }
        self.nursery = kernels.Nursery() if kernels.pays(notebooks, profile) else None
        self.stopped = False
        self.clients: set[NotebookClient] = set()
        self.lock = threading.Lock()
        # The kernel is this environment's, whatever a user has installed for all of them.
        os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"

    def run(self, path: Path) -> dict[str, Any]:
        """The executed notebook, as JSON.

        Raises:
            _Failed: it did not run to its end.
        """
        place = self.room / path.stem
        place.mkdir()
        (place / path.name).write_bytes(path.read_bytes())
        notebook = nbformat.read(place / path.name, as_version=4)
        forked: dict[str, Any] = {"kernel_manager_class": kernels.manager(self.nursery)} if self.nursery else {}
        client = NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": str(place)}},
            **forked,
        )
        with self.lock:
            if self.stopped:
                raise _Failed(f"{_shown(path)}: interrupted")
            self.clients.add(client)
        complaints = place.with_suffix(".stderr")
        try:
            with complaints.open("w") as file:
                client.execute(env=self.environment, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
        except CellExecutionError:
            raise _Failed(_raised(path, notebook)) from None
        except CellTimeoutError:
            raise _Failed(f"{_shown(path)}, cell {_unfinished(notebook)}: not finished in {CELL_SECONDS} s") from None
        except DeadKernelError:
            last = complaints.read_text(encoding="utf-8", errors="replace")[-4000:]
            raise _Failed(f"{_shown(path)}: its kernel died in cell {_unfinished(notebook)}\n\n{last}") from None
        except Exception as error:  # a kernel that does not start, or answers what nbclient does not understand
            raise _Failed(f"{_shown(path)}: {type(error).__name__}: {error}") from error
        finally:
            # nbclient forgets this where its kernel was ended by `stop`, and then complains when Python ends.
            atexit.unregister(client._cleanup_kernel)
            with self.lock:
                self.clients.discard(client)
        return json.loads(nbformat.writes(notebook))

    def stop(self) -> None:
        """Ends the kernels that are running. nbclient then reports in its own thread that they died."""
        with self.lock:
            self.stopped = True
            for client in self.clients:
                process = getattr(getattr(client.km, "provisioner", None), "process", None)
                if process is not None:
                    with suppress(OSError):
                        os.killpg(process.pid, signal.SIGKILL)
        if self.nursery:
            self.nursery.close()


def _raised(path: Path, notebook: Mapping[str, Any]) -> str:
    for number, cell in enumerate(notebook["cells"], start=1):
        for out in cell.get("outputs", []):
            if out["output_type"] == "error":
                trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(out["traceback"]))
                return f"{_shown(path)}, cell {number}: {out['ename']}: {out['evalue']}\n\n{trace}"
    return f"{_shown(path)}: a cell failed and left no error"


def _unfinished(notebook: Mapping[str, Any]) -> int:
    """The number of the first cell of code that did not run to its end."""
    for number, cell in enumerate(notebook["cells"], start=1):
        ran = "shell.execute_reply" in cell["metadata"].get("execution", {})
        if cell["cell_type"] == "code" and "".join(cell["source"]).strip() and not ran:
            return number
    return len(notebook["cells"])


def _settings(folder: Path) -> Path:
    """A kernel's settings, the same for everyone who builds: figures are drawn as SVG, sharp and light."""
    file = folder / "profile_default" / "ipython_kernel_config.py"
    file.parent.mkdir(parents=True)
    file.write_text('c.InlineBackend.figure_formats = {"svg"}\n', encoding="utf-8")
    return folder


def _record(notebook: dict[str, Any], profile: str) -> dict[str, Any]:
    timings = [cell["metadata"]["execution"] for cell in notebook["cells"] if cell["metadata"].get("execution")]
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
        "text": _text_of(notebook),
        "hardware": hardware(),
        "versions": {"Python": platform.python_version(), **{name: _version(name) for name in SHOWN}},
    }


def hardware() -> str:
    """The processor as a reader knows it."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else []
    name = re.sub(r"\((R|TM)\)|CPU|Processor|@.*|\d+-Core", "", names[0]) if names else platform.processor()
    label = " ".join(name.split()) or platform.machine()
    return f"{cores()} core{'' if cores() == 1 else 's'} of {label}"


def _version(name: str) -> str:
    try:
        return version(name).split("+")[0]
    except PackageNotFoundError:
        return "none"


def _recorded_key(copy: Path) -> str | None:
    try:
        return json.loads(copy.read_text(encoding="utf-8"))["metadata"][KEY]["key"]
    except (OSError, ValueError, KeyError):
        return None


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def main() -> int:
    parser = argparse.ArgumentParser(description="Execute the book's notebooks.")
    parser.add_argument("--profile", choices=PROFILES, default="cpu")
    parser.add_argument("--out", type=Path, default=BUILD / "executed" / "notebooks")
    arguments = parser.parse_args()
    try:
        execute(chapters(), arguments.out, profile=arguments.profile)
    except NotebookFailed as error:
        print(f"execution failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
