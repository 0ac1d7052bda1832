"""Builds the book (`make html`), and serves it if asked to (`make book`)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import webbrowser
from contextlib import suppress

from book.build.paths import BUILD, ROOT
from book.build.serve import served

COMMAND = (
    *(
        sys.executable,
        "-c",
        "from jupyter_book.cli.main import main; main()",
    ),  # no module of its own
    *("build", ".", "--warningiserror", "--keep-going"),
)
"""A warning is an error; the pages stand all the same."""
PORTS = range(8000, 8100)


def main() -> int:
    status = subprocess.run(COMMAND, cwd=ROOT, check=False).returncode
    if "--serve" in sys.argv and (BUILD / "html" / "index.html").exists():
        with served(BUILD / "html", PORTS) as address, suppress(KeyboardInterrupt):
            print(f"book: {address}/ shows the book  (Ctrl-C ends it)", flush=True)
            if sys.stdout.isatty() and (sys.platform == "darwin" or os.environ.get("DISPLAY")):
                webbrowser.open(f"{address}/")
            threading.Event().wait()
    return status


if __name__ == "__main__":
    sys.exit(main())
