"""Serves the built book on loopback until interrupted: `python -m book.build.serve [--port 8000]`."""

from __future__ import annotations

import argparse
import errno
import html
import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from book.build.paths import BUILD

TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".woff2": "font/woff2"}
NOT_YET = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>This page is being built</title>
<style>
  body { font: 1.05rem/1.6 system-ui, sans-serif; max-width: 36rem; margin: 18vh auto 0; padding: 0 1.5rem }
  h1 { font-size: 1.5rem; line-height: 1.3 }
</style></head>
<body><main>
<h1>This page is being built</h1>
<p role="status">WAITING</p>
<p>It appears here by itself.</p>
<p>Ready now: <a href="/book/index.html">the front page</a>, <a href="/notebooks/00_quickstart.html">the quickstart</a>
and <a href="/book/playground.html">the playground</a>.</p>
</main></body></html>
"""


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
        content = page.read_bytes()
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


class Opening(Quiet):
    """Answers from the folder that its server names at the moment: the book appears while it is
    being built."""

    server: Book

    def __init__(self, request: Any, address: Any, server: Book) -> None:
        super().__init__(request, address, server, directory=str(server.folder))

    def end_headers(self) -> None:
        # Pages change while a reader looks at them: ask every time whether the stored one still
        # holds.
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def send_head(self) -> Any:
        """The file that is asked for; for a page that is not built yet, the words that say it will
        come."""
        waiting = self.server.waiting
        asked = PurePosixPath(urlsplit(self.path).path)
        if (
            waiting is None
            or asked.suffix not in {"", ".html"}
            or Path(self.translate_path(self.path)).exists()
        ):
            return super().send_head()
        page = NOT_YET.replace("WAITING", html.escape(waiting)).encode()
        self.send_response(HTTPStatus.SERVICE_UNAVAILABLE)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Retry-After", "5")
        self.end_headers()
        return io.BytesIO(page)


class Book(ThreadingHTTPServer):
    """A server whose folder may change while it serves."""

    daemon_threads = True

    def __init__(self, port: int, folder: Path, waiting: str | None) -> None:
        self.folder = folder
        self.waiting = waiting
        super().__init__(("127.0.0.1", port), Opening)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing where a browser hung up, which it may; anything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def listen(folder: Path, port: int = 8000, tries: int = 100, waiting: str | None = None) -> Book:
    """A server of `folder` on loopback at `port`, or at the next one that is free.

    Args:
        folder: the built pages.
        port: the first port to try.
        tries: how many ports to try.
        waiting: what a build that goes on is doing, for the pages that it has not built yet; None
            when it is over.

    Raises:
        FileNotFoundError: there is no book in `folder`.
        OSError: none of the `tries` ports is free.
    """
    if not (folder / "index.html").exists():
        raise FileNotFoundError(f"{folder}: no book here; `make html` builds it")
    for candidate in range(port, port + tries):
        try:
            return Book(candidate, folder, waiting)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    raise OSError(errno.EADDRINUSE, f"no free port from {port} to {port + tries - 1}")


def main() -> int:
    parser = argparse.ArgumentParser(description="Serve the built book.")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    try:
        server = listen(BUILD / "html", arguments.port)
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
