"""Builds the book: `python -m tools.html [--profile cpu]`.

Notebooks are executed once, on copies (`tools.execute`); Jupyter Book then builds from the copies with execution
off, and a warning is an error. The pages lie in `_build/html`.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tools.execute import PROFILES, NotebookFailed, execute
from tools.lock import alone
from tools.paths import BUILD, ROOT, chapters

SOURCES = ("_config.yml", "_toc.yml", "book")
MADE = (Path("book", "interface", "modules"), Path("book", "methods"))
"""Folders of pages that `bookext.modules` and `bookext.methods` write beside the others."""


class BuildFailed(Exception):
    """Sphinx found a warning or an error."""


def build(profile: str = "cpu", out: Path = BUILD) -> Path:
    """The built pages' folder.

    Raises:
        NotebookFailed: a notebook did not run.
        BuildFailed: the book has a warning or an error.
    """
    if out.name != "_build":
        raise ValueError(f"out: expected a folder named _build (Jupyter Book's own name), got {out}")
    with alone(out):
        return _build(profile, out)


def _build(profile: str, out: Path) -> Path:
    source = out / "executed"
    execute(chapters(), source / "notebooks", profile=profile)
    _mirror(source)
    book = Path(sys.executable).with_name("jupyter-book")
    command = [str(book), "build", str(source), "--path-output", str(out.parent), "-W", "-n", "--keep-going", "-q"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        # Sphinx repeats a warning only for a page that it reads again: forget what it has read.
        shutil.rmtree(out / ".doctrees", ignore_errors=True)
        raise BuildFailed(_complaints(done.stdout + done.stderr))
    return out / "html"


def _mirror(source: Path) -> None:
    """Brings the prose beside the executed notebooks; what did not change keeps its time stamp."""
    wanted = {source / "notebooks" / path.name for path in chapters()} | {source / "notebooks" / ".lock"}
    for name in SOURCES:
        for path in [ROOT / name, *(ROOT / name).rglob("*")]:
            if not path.is_file() or "__pycache__" in path.parts or "trbook" in path.parts:
                continue
            copy = source / path.relative_to(ROOT)
            wanted.add(copy)
            if not copy.exists() or copy.read_bytes() != path.read_bytes():
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, copy)
    for path in source.rglob("*"):
        if path.is_file() and path not in wanted and path.parent not in [source / folder for folder in MADE]:
            path.unlink()


def _complaints(output: str) -> str:
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output).replace(f"{BUILD / 'executed'}/", "").replace(f"{ROOT}/", "")
    lines = plain.splitlines()
    found = [line for line in lines if "WARNING" in line or "ERROR" in line]
    return "\n".join(found or lines[-40:])


def main() -> int:
    parser = argparse.ArgumentParser(description="Build the book.")
    parser.add_argument("--profile", choices=PROFILES, default="cpu")
    given = parser.parse_args()
    start = time.perf_counter()
    print("book: executing what changed, then building ...", flush=True)
    try:
        pages = build(given.profile)
    except (NotebookFailed, BuildFailed) as error:
        print(f"book: failed: {error}", file=sys.stderr)
        return 1
    print(f"book: {pages / 'index.html'} ({time.perf_counter() - start:.0f} s)", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
