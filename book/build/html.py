"""Builds the book: `make html`. What cannot be written is said in a sentence, where Jupyter Book ends in a
traceback.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile

from book.build.paths import BUILD, ROOT

COMMAND = (
    *(
        sys.executable,
        "-c",
        "from jupyter_book.cli.main import main; main()",
    ),  # no module of its own
    *("build", ".", "--warningiserror", "--keep-going"),
)
"""A warning is an error; the pages stand all the same."""
NEEDED = 200
"""MB that a book takes which is built from nothing."""
LEFT = 5
"""MB with which a disk counts as full after a build that failed."""


def unwritable(needed: int = 0) -> str | None:
    """Why the book cannot be written here, with `needed` MB free; None: it can be."""
    try:
        BUILD.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=BUILD):
            pass
    except OSError as error:
        return (
            f"expected a folder for the pages that can be written, got {str(BUILD)!r}: "
            f"{error.strerror}; in a copy of the repository that is yours it can be"
        )
    free = shutil.disk_usage(BUILD).free // 1_000_000
    if free < needed:
        return f"expected {needed} MB of free disk space for {str(BUILD)!r}, got {free} MB"
    return None


def before() -> str | None:
    """Why no build should begin."""
    return unwritable(LEFT if (BUILD / "html" / "index.html").exists() else NEEDED)


def after(status: int) -> str | None:
    """Why a build has failed, if the disk is to blame."""
    return unwritable(LEFT) if status else None


def main() -> int:
    if problem := before():
        print(f"html: {problem}", file=sys.stderr)
        return 1
    status = subprocess.run(COMMAND, cwd=ROOT, check=False).returncode
    if problem := after(status):
        print(f"html: {problem}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
