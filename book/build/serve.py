"""Serves a folder of built pages on loopback: to the reader of `make book`, and to what prints, draws and
tests pages."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Pages(SimpleHTTPRequestHandler):
    """Built pages, and the book's own page for a wrong address, as a host shows it."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | {  # the same on every machine
        ".js": "text/javascript",
        ".mjs": "text/javascript",
    }

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        page = Path(self.directory, "404.html")
        if code == 404 and page.exists():
            self.error_message_format = page.read_text(encoding="utf-8").replace("%", "%%")
        super().send_error(code, message, explain)

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")  # pages are built again while they are read
        super().end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a reader's terminal is no log."""


class Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing where a browser hung up, which it may; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def served(folder: Path, ports: Iterable[int] = (0,)) -> Iterator[str]:
    """The address of a folder on loopback inside a `with` block, at the first of the ports that is
    free; 0 is any.

    Raises:
        OSError: none of the ports is free.
    """
    server = None
    for port in ports:
        with suppress(OSError):
            handler = partial(Pages, directory=str(folder))
            server = Server(("127.0.0.1", port), handler)
            break
    if server is None:
        raise OSError(f"expected a free port among {list(ports)}, got none")
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
