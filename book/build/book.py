"""Builds the book and serves it meanwhile: `make book`.

Where no book stands yet, the first pages are built by themselves, which takes seconds. Every other page
says that it is being built, and appears by itself.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

from book.build.paths import BUILD, ROOT
from book.build.serve import Fresh, listen

COMMAND = ("jupyter-book", "build", ".", "--warningiserror", "--keep-going")
FIRST = BUILD / "first"
FIRST_PAGES = ("book/index", "notebooks/00_quickstart", "book/playground")
WAIT = b"""<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<meta name="viewport" content="width=device-width"><title>This page is being built</title>
<body style="font:1.1rem/1.6 sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem">
<p>This page is being built, and appears here by itself.</p></body></html>"""
PHASES = {"reading sources": (0.1, 0.45), "writing output": (0.5, 0.95)}
"""Which part of the time a phase takes: where it begins and where it ends."""
AT = re.compile(r"(reading sources|writing output)\.\.\. *\[ *(\d+)%\]")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
EVERY = 10
"""Seconds between two lines that say how much is left."""


class Growing(Fresh):
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
        if code != HTTPStatus.NOT_FOUND or not page:
            super().send_error(code, message, explain)
        else:
            self.answer(HTTPStatus.SERVICE_UNAVAILABLE, WAIT)


def progress(lines: Iterable[str], began: float) -> Iterator[str]:
    """What of Sphinx's lines a reader wants to know, and how long it still takes. What was printed
    before anybody read it, while the first pages were built, says nothing about the time.

    Args:
        lines: what Sphinx prints.
        began: when it began, as `time.monotonic` says it.
    """
    said = time.monotonic()
    for line in lines:
        found = AT.search(COLOUR.sub("", line))
        now = time.monotonic() if found else said
        if found and now - said >= EVERY:
            said = now
            left = remaining(found[1], int(found[2]), now - began)
            yield f"book: {found[1]}, {found[2]} %, {left}"


def remaining(phase: str, percent: int, seconds: float) -> str:
    """How long it still takes, if it goes on as in the `seconds` so far."""
    start, end = PHASES[phase]
    done = start + (end - start) * percent / 100
    left = seconds * (1 - done) / done
    return f"about {left / 60:.0f} min left" if left >= 90 else f"about {left:.0f} s left"


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


def main() -> int:
    for ending in (signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(ending) is not signal.SIG_IGN:  # as under nohup
            signal.signal(ending, signal.default_int_handler)
    threading.Thread(target=vanish, daemon=True).start()
    html = BUILD / "html"
    html.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    command = [str(Path(sys.executable).with_name(COMMAND[0])), *COMMAND[1:]]
    told = {**os.environ, "PYTHONUNBUFFERED": "1"}
    build = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=told, start_new_session=True
    )
    try:
        if not (html / "index.html").exists():
            print("book: the first pages ...", flush=True)
            first_pages()
        server = listen(html, handler=Growing)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        print(f"book: {address} shows what is built already  (Ctrl-C ends it)", flush=True)
        assert build.stdout is not None
        for line in progress(build.stdout, began):
            print(line, flush=True)
        status = build.wait()
    except (KeyboardInterrupt, OSError) as error:
        with suppress(OSError):
            os.killpg(build.pid, signal.SIGKILL)  # with everything that it has started
            said = f"{error}" or "interrupted; the next call begins the build anew"
            print(f"\nbook: {said}", file=sys.stderr)
        return 1 if isinstance(error, OSError) else 130
    shutil.rmtree(FIRST, ignore_errors=True)
    if status:
        print(
            "book: not everything is as it should be; what stands above says what", file=sys.stderr
        )
    seconds = time.monotonic() - began
    with suppress(KeyboardInterrupt):
        print(f"book: {address} is complete, after {seconds:.0f} s  (Ctrl-C ends it)", flush=True)
        threading.Event().wait()
    return status


if __name__ == "__main__":
    sys.exit(main())
