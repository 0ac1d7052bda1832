"""Builds the book and serves it meanwhile: `make book`.

Where no book stands yet, the first pages are built by themselves, which takes seconds. Every other page
says that it is being built, and appears by itself. The first page opens in a browser where there is one.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import webbrowser
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

from book.build.html import COMMAND, after, before
from book.build.paths import BUILD, ROOT
from book.build.serve import Pages, served

FIRST = BUILD / "first"
FIRST_PAGES = ("book/index", "notebooks/00_quickstart", "book/playground")
WAIT = b"""<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<meta name="viewport" content="width=device-width"><title>This page is being built</title>
<body style="font:1.1rem/1.6 sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem">
<p>This page is being built, and appears here by itself.</p></body></html>"""
PORTS = range(8000, 8100)
BUILDING = threading.Event()
"""While it is set, a page that is missing may still come."""


class Growing(Pages):
    """The book while it is built: its own pages, then the first pages as they were built by
    themselves, then a word of patience."""

    def translate_path(self, path: str) -> str:
        """The file of an address."""
        for folder in (Path(self.directory), FIRST / "html"):
            found = folder / Path(super().translate_path(path)).relative_to(self.directory)
            if (found / "index.html").exists() or found.is_file():
                return f"{found}/" if found.is_dir() else str(found)
        return super().translate_path(path)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """A page that is not there yet is waited for."""
        page = self.path.partition("?")[0].endswith((".html", "/"))
        if code != HTTPStatus.NOT_FOUND or not page or not BUILDING.is_set():
            super().send_error(code, message, explain)
        else:
            self.answer(HTTPStatus.SERVICE_UNAVAILABLE, WAIT)


def first_pages() -> None:
    """Builds the pages that a reader sees first. If that fails they come with the others, which then
    say what is wrong."""
    command = [sys.executable, "-m", "book.build.pages", str(FIRST), *FIRST_PAGES]
    subprocess.run(command, cwd=ROOT, capture_output=True, check=False)


def vanish() -> None:
    """Ends this process as a closed terminal does, once nobody is left who could read what it prints:
    not every terminal says so."""
    watch = select.poll()
    watch.register(sys.stdout, 0)
    if any(event & (select.POLLHUP | select.POLLERR) for _, event in watch.poll()):
        os.kill(os.getpid(), signal.SIGHUP)


def shown(address: str) -> None:
    """Opens the first page for a reader who sits at a terminal with a display; the address is printed
    to everybody."""
    display = sys.platform == "darwin" or {"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys()
    if display and sys.stdout.isatty():
        webbrowser.open(f"{address}/")


def main() -> int:
    for ending in (signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(ending) is not signal.SIG_IGN:  # as under nohup
            signal.signal(ending, signal.default_int_handler)
    threading.Thread(target=vanish, daemon=True).start()
    if problem := before():
        print(f"book: {problem}", file=sys.stderr)
        return 1
    html = BUILD / "html"
    try:
        html.mkdir(parents=True, exist_ok=True)
        with served(html, Growing, PORTS) as address:
            return grow(html, address)
    except OSError as error:
        print(f"book: {error}", file=sys.stderr)
        return 1


def grow(html: Path, address: str) -> int:
    """Builds the book into the folder that is served, and goes on serving; Sphinx's status."""
    BUILDING.set()
    build = subprocess.Popen(COMMAND, cwd=ROOT, start_new_session=True)
    try:
        print(f"book: {address}/ shows what is built already  (Ctrl-C ends it)", flush=True)
        if not (html / "index.html").exists():
            first_pages()
        shown(address)
        status = build.wait()
    except KeyboardInterrupt:
        with suppress(OSError):
            os.killpg(build.pid, signal.SIGKILL)  # with everything that it has started
        print("\nbook: interrupted; the next call begins the build anew", file=sys.stderr)
        return 130
    BUILDING.clear()
    shutil.rmtree(FIRST, ignore_errors=True)
    if status:
        problem = after(status) or "not everything is as it should be; what stands above says what"
        print(f"book: {problem}", file=sys.stderr)
    verb = "shows what was built" if status else "is complete"
    with suppress(KeyboardInterrupt):
        print(f"book: {address}/ {verb}  (Ctrl-C ends it)", flush=True)
        threading.Event().wait()
    return status


if __name__ == "__main__":
    sys.exit(main())
