"""Serves the built book on loopback until interrupted: `python -m tools.serve [--port 8000]`."""

from __future__ import annotations

import argparse
import errno
import os
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tools.paths import BUILD

TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2"}


class Quiet(SimpleHTTPRequestHandler):
    def guess_type(self, path: str | os.PathLike[str]) -> str:
        """The type of a file by its name, the same on every machine."""
        return TYPES.get(Path(path).suffix) or super().guess_type(path)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a reader's terminal is no log."""


def listen(folder: Path, port: int = 8000, tries: int = 100) -> ThreadingHTTPServer:
    """A server of `folder` on loopback at `port`, or at the next one that is free.

    Raises:
        FileNotFoundError: there is no book in `folder`.
        OSError: none of the `tries` ports is free.
    """
    if not (folder / "index.html").exists():
        raise FileNotFoundError(f"{folder}: no book here; `make html` builds it")
    for candidate in range(port, port + tries):
        try:
            return ThreadingHTTPServer(("127.0.0.1", candidate), partial(Quiet, directory=str(folder)))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    raise OSError(errno.EADDRINUSE, f"no free port from {port} to {port + tries - 1}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Serve the built book.")
    parser.add_argument("--port", type=int, default=8000)
    given = parser.parse_args()
    try:
        server = listen(BUILD / "html", given.port)
    except OSError as error:
        print(f"serve: {error}", file=sys.stderr)
        return 1
    print(f"book: http://127.0.0.1:{server.server_port}/  (Ctrl-C ends it)", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print()
    finally:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
