"""Serves a folder of built pages on loopback: to the reader of `make book`, and to what prints, draws and
tests pages."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2"}


class Quiet(SimpleHTTPRequestHandler):
    def guess_type(self, path: str | os.PathLike[str]) -> str:
        """The type of a file by its name, the same on every machine."""
        return TYPES.get(Path(path).suffix) or super().guess_type(path)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """The book's own page for a wrong address, as a host shows it; anything else in plain
        words."""
        page = Path(self.directory, "404.html")
        if code != HTTPStatus.NOT_FOUND or not page.exists():
            super().send_error(code, message, explain)
            return
        self.answer(code, page.read_bytes())

    def answer(self, code: int, content: bytes) -> None:
        """Sends a page of our own."""
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a reader's terminal is no log."""


@contextmanager
def served(folder: Path, handler: type[Quiet] = Quiet) -> Iterator[str]:
    """The address of a folder on loopback, at any free port, inside a `with` block."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Fresh(Quiet):
    """Pages change while a reader looks at them: a browser asks every time whether what it has still
    holds."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()


class Book(ThreadingHTTPServer):
    """A server for a reader's browser."""

    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing where a browser hung up, which it may; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def listen(folder: Path, port: int = 8000, tries: int = 100, handler: type[Fresh] = Fresh) -> Book:
    """A server of `folder` on loopback at `port`, or at the next one that is free.

    Args:
        folder: the built pages.
        port: the first port to try.
        tries: how many ports to try.
        handler: what answers.

    Raises:
        OSError: none of the `tries` ports is free.
    """
    for candidate in range(port, port + tries):
        try:
            return Book(("127.0.0.1", candidate), partial(handler, directory=str(folder)))
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    raise OSError(errno.EADDRINUSE, f"no free port from {port} to {port + tries - 1}")
