"""Serves a folder of built pages on loopback: to the reader of `make book`, and to what prints, draws and
tests pages."""

from __future__ import annotations

import errno
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Pages(SimpleHTTPRequestHandler):
    """Built pages. They change while a reader looks at them: a browser asks every time whether what
    it has still holds."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {  # the same on every machine
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".woff2": "font/woff2",
    }

    def send_head(self) -> Any:
        """An address that no file system has (a zero byte, thousands of letters) is a wrong one."""
        try:
            return super().send_head()
        except ConnectionError:
            raise
        except (ValueError, OSError):
            self.send_error(HTTPStatus.NOT_FOUND)
            return None

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

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a reader's terminal is no log."""


class Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing where a browser hung up, which it may; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def served(
    folder: Path, handler: type[Pages] = Pages, ports: Iterable[int] = (0,)
) -> Iterator[str]:
    """The address of a folder on loopback inside a `with` block, at the first of the ports that is
    free; 0 is any.

    Raises:
        OSError: none of the ports is free.
    """
    with _listening(partial(handler, directory=str(folder)), list(ports)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def _listening(handler: Any, ports: list[int]) -> Server:
    for port in ports:
        try:
            return Server(("127.0.0.1", port), handler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    raise OSError(errno.EADDRINUSE, f"no free port from {ports[0]} to {ports[-1]}")
