"""Executes notebooks once, through nbmake, on copies: `python -m tools.execute [--profile cpu]`.

A copy runs in an empty folder (a notebook reads nothing by relative path) and then lies in the build, with a record
of when, where and with which versions it ran. A notebook whose text has not changed, under a package that has not
changed, is not run again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tools.lock import alone
from tools.paths import BUILD, ROOT, chapters

KEY = "execution_record"
SHOWN = ("torch", "transformers", "trust-region-book")
PROFILES = ("smoke", "cpu", "gpu")
IGNORED = ("__pycache__", "node_modules", ".egg-info")


class NotebookFailed(Exception):
    """A notebook did not run to its end; the message names notebook, cell and error."""


def fingerprint(notebook: Path, profile: str) -> str:
    """What decides a notebook's outputs: its text, the package, the profile, the versions of what it runs on."""
    digest = hashlib.blake2b(digest_size=16)
    for part in (profile, platform.python_version(), *(f"{name}={_version(name)}" for name in SHOWN)):
        digest.update(part.encode() + b"\0")
    for path in [notebook, Path(__file__), *_package()]:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _text_of(notebook: Mapping[str, Any]) -> str:
    """A chapter's text and code as a few letters, so that a record can be told from that of an earlier text."""
    cells = [[cell["cell_type"], "".join(cell["source"])] for cell in notebook["cells"]]
    return hashlib.blake2b(json.dumps(cells).encode(), digest_size=8).hexdigest()


def execute(notebooks: Sequence[Path], folder: Path, *, profile: str) -> list[Path]:
    """The executed copies of `notebooks` in `folder`; only what changed is run.

    Raises:
        NotebookFailed: a cell raised, ran out of time, or its kernel died.
    """
    with alone(folder):
        return _execute(notebooks, folder, profile)


def _execute(notebooks: Sequence[Path], folder: Path, profile: str) -> list[Path]:
    keys = {path: fingerprint(path, profile) for path in notebooks}
    stale = [path for path in notebooks if _recorded_key(folder / path.name) != keys[path]]
    if stale:
        with tempfile.TemporaryDirectory(prefix="book-") as room:
            place = Path(room, "notebooks")
            place.mkdir()
            copies = [place / path.name for path in stale]
            for path, copy in zip(stale, copies, strict=True):
                copy.write_bytes(path.read_bytes())
            output = _run(copies, place, profile, _settings(Path(room, "ipython")))
            for path, copy in zip(stale, copies, strict=True):
                notebook = json.loads(copy.read_text(encoding="utf-8"))
                _demand_success(path, notebook, output)
                notebook["metadata"][KEY] = {"key": keys[path], **_record(notebook, profile)}
                target = folder / path.name
                partial = target.with_suffix(".partial")
                partial.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
                partial.replace(target)
    return [folder / path.name for path in notebooks]


def _settings(folder: Path) -> Path:
    """A kernel's settings, the same for everyone who builds: figures are drawn as SVG, sharp and light."""
    file = folder / "profile_default" / "ipython_kernel_config.py"
    file.parent.mkdir(parents=True)
    file.write_text('c.InlineBackend.figure_formats = {"svg"}\n', encoding="utf-8")
    return folder


def _run(copies: list[Path], place: Path, profile: str, settings: Path) -> str:
    workers = [] if len(copies) == 1 else ["-n", str(min(2, len(copies)))]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "--nbmake",
        "--overwrite",
        "--nbmake-timeout=900",
        "-q",
        *workers,
        "-p",
        "no:cacheprovider",
        f"--rootdir={place}",
        *map(str, copies),
    ]
    environment = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "TRLIB_PROFILE": profile,
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "IPYTHONDIR": str(settings),
    }
    environment.pop("PYTEST_ADDOPTS", None)
    # A test run that started this one must not pass its own workers' variables on.
    environment = {name: value for name, value in environment.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=False)
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)


def _demand_success(path: Path, notebook: dict[str, Any], output: str) -> None:
    for number, cell in enumerate(notebook["cells"], start=1):
        for out in cell.get("outputs", []):
            if out["output_type"] == "error":
                trace = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(out["traceback"]))
                raise NotebookFailed(f"{_shown(path)}, cell {number}: {out['ename']}: {out['evalue']}\n\n{trace}")
    if not any(cell["metadata"].get("execution") for cell in notebook["cells"]):
        raise NotebookFailed(f"{_shown(path)}: its kernel died before the notebook could be saved\n\n{output[-4000:]}")
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
    unfinished = [cell for cell in code if "shell.execute_reply" not in cell["metadata"].get("execution", {})]
    if unfinished:
        number = notebook["cells"].index(unfinished[0]) + 1
        raise NotebookFailed(f"{_shown(path)}, cell {number}: it did not finish in time\n\n{output[-4000:]}")


def _record(notebook: dict[str, Any], profile: str) -> dict[str, Any]:
    times = [cell["metadata"]["execution"] for cell in notebook["cells"] if cell["metadata"].get("execution")]
    moments = [
        datetime.fromisoformat(time[name].replace("Z", "+00:00"))
        for time in times
        for name in ("iopub.execute_input", "shell.execute_reply")
        if name in time
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
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else []
    name = re.sub(r"\((R|TM)\)|CPU|Processor|@.*|\d+-Core", "", names[0]) if names else platform.processor()
    label = " ".join(name.split()) or platform.machine()
    return f"{cores} core{'' if cores == 1 else 's'} of {label}"


def _version(name: str) -> str:
    try:
        return version(name).split("+")[0]
    except PackageNotFoundError:
        return "none"


def _package() -> list[Path]:
    files = (path for name in ("trlib", "trlab", "book/trbook") for path in (ROOT / name).rglob("*") if path.is_file())
    return sorted(path for path in files if not any(part in str(path) for part in IGNORED))


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
    given = parser.parse_args()
    try:
        execute(chapters(), given.out, profile=given.profile)
    except NotebookFailed as error:
        print(f"execution failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
