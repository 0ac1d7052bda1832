"""Builds the book: `python -m book.build.html [--profile cpu] [--serve]`.

Notebooks are executed once, on copies (`book.build.execute`); Sphinx then builds from the copies with
execution off (`book.build.pages`), and a warning is an error. The pages lie in `_build/html`.

With `--serve` a reader need not wait for all of that: the front page, the quickstart and the
playground are built by themselves as soon as the quickstart has run, and served. Where an earlier
build stands complete, it is served until the new one does.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path

from book.build.execute import (
    PROFILES,
    Finished,
    NotebookFailed,
    Results,
    cores,
    digest,
    end,
    execute,
)
from book.build.lock import alone
from book.build.paths import BUILD, ROOT, chapters
from book.build.serve import Book, listen
from trlib.errors import unknown

SOURCES = ("_config.yml", "_toc.yml", "book", "examples/minimal_grpo.py")
READ = (*SOURCES, "notebooks", "book/build/pages.py")
"""Whatever pages are made from, beside the packages."""
MAKERS = ("jupyter-book", "sphinx", "myst-nb", "sphinx-book-theme", "pydata-sphinx-theme")
MADE = (Path("book", "methods"), Path("book", "records"))
"""The folders of pages that `book.build.ext.methods` and `book.build.ext.archive` write."""
FIRST = ("book/index", "notebooks/00_quickstart", "book/playground")
"""The pages that a reader sees first."""
PENDING = "execution_pending"
"""Where `book.build.ext.execution` finds why a page shows no results."""
SECONDS = 15
"""Between two lines about how far Sphinx is."""

Say = Callable[[str], None]
Show = Callable[[Path], None]


class BuildFailed(Exception):
    """Sphinx found a warning or an error."""


def build(
    profile: str = "cpu",
    out: Path = BUILD,
    say: Say = lambda _: None,
    show: Show | None = None,
    pages: Sequence[str] = (),
) -> Path:
    """The built pages' folder.

    Args:
        profile: of the notebooks: `smoke`, `cpu` or `gpu`.
        out: where everything is built.
        say: called with a line about what happens.
        show: called with a folder of pages whenever there is a better one to look at; the first
            pages come first.
        pages: build these by themselves; of every other page only the title is read.

    Raises:
        NotebookFailed: a notebook did not run; the pages stand without its results.
        BuildFailed: the book has a warning or an error; the pages stand.
    """
    with alone(out, partial(say, f"another build is at work in {out}; waiting for it")):
        builder = Builder(profile, out, say)
        if pages:
            execute(
                [path for path in chapters() if f"notebooks/{path.stem}" in pages],
                out / "executed",
                profile=profile,
            )
            return builder.some(pages)
        if not builder.is_current():
            builder.build(show)
        if show:
            show(builder.html)
    return builder.html


class Builder:
    """One build in the folder `out`, which its maker holds (`book.build.lock`)."""

    def __init__(self, profile: str, out: Path, say: Say) -> None:
        self.profile, self.out, self.say = profile, out, say
        self.source, self.html, self.doctrees = out / "source", out / "html", out / ".doctrees"
        self.mark = out / "complete.json"
        """Written when a build is complete: what it was made from."""
        self.results = Results(out / "executed", profile)
        self.failures: dict[Path, str] = {}
        self.running: subprocess.Popen[bytes] | None = None
        self.stopped = False

    def is_current(self) -> bool:
        """Whether the pages that stand are complete and made from what there is now."""
        return (
            self.is_complete()
            and json.loads(self.mark.read_text(encoding="utf-8")) == self._inputs()
        )

    def is_complete(self) -> bool:
        """Whether a build came to its end here, whatever it was made from."""
        return self.mark.exists() and (self.html / "index.html").exists()

    def build(self, show: Show | None) -> None:
        """Builds everything; raises what `build` above does."""
        inputs, was_complete = self._inputs(), self.is_complete()
        if show and was_complete:
            show(self.html)
        with ThreadPoolExecutor(1) as pool:
            try:
                execution = pool.submit(self._execute)
                while not execution.done():
                    wait([execution], timeout=0.2)  # not for ever: Ctrl-C is heard in between
                    if show and not was_complete and self._is_ready(chapters()[0]):
                        with suppress(BuildFailed):  # the whole book says what is wrong
                            show(self.some(FIRST))
                        show = None
                execution.result()
            finally:
                self.stopped = True
                if self.running:
                    end(self.running)
        self.mark.unlink(missing_ok=True)
        try:
            self._sphinx(
                self.html,
                self.doctrees,
                "--all" * (not was_complete),
                "--strict" * (not self.failures),
            )
        except BuildFailed:
            # Sphinx repeats a warning only for a page that it reads again: forget what it has read.
            shutil.rmtree(self.doctrees, ignore_errors=True)
            raise
        if self.failures:
            raise NotebookFailed(self.failures)
        self.mark.write_text(json.dumps(inputs, indent=1), encoding="utf-8")

    def some(self, pages: Sequence[str]) -> Path:
        """The folder of these pages, built by themselves from what is executed."""
        folder, inputs = self.out / "first", {**self._inputs(), "pages": " ".join(pages)}
        mark = folder / "complete.json"
        if not mark.exists() or json.loads(mark.read_text(encoding="utf-8")) != inputs:
            mark.unlink(missing_ok=True)
            self._sphinx(folder / "html", folder / ".doctrees", "--first", *pages)
            mark.write_text(json.dumps(inputs, indent=1), encoding="utf-8")
        return folder / "html"

    def _is_ready(self, chapter: Path) -> bool:
        return chapter in self.failures or self.results.has(chapter)

    def _execute(self) -> None:
        """Executes what changed, in a thread of its own."""
        start = time.perf_counter()

        def report(done: Finished) -> None:
            if done.error:
                self.failures[done.notebook] = done.error
            rest = (time.perf_counter() - start) / done.number * (done.total - done.number)
            left = f"about {_time(rest)} left" if rest else "all executed"
            outcome = (
                f"FAILED: {done.error.splitlines()[0]}" if done.error else f"{done.seconds:.0f} s"
            )
            self.say(f"{done.number:2d}/{done.total}  {done.notebook.stem}: {outcome}; {left}")

        def running(process: subprocess.Popen[bytes]) -> None:
            self.running = process
            if self.stopped:
                end(process)
            self.say(f"executing notebooks on {cores()} core{'s' * (cores() > 1)}")

        try:
            execute(
                chapters(),
                self.out / "executed",
                profile=self.profile,
                report=report,
                running=running,
            )
        except NotebookFailed as failed:
            self.failures = failed.failures

    def _sphinx(self, html: Path, doctrees: Path, *options: str) -> None:
        """One pass of Sphinx in a process of its own.

        Raises:
            BuildFailed: Sphinx found an error, or with `--strict` a warning.
        """
        self._mirror()
        what = "the first pages" if "--first" in options else "all pages"
        given = [option for option in options if option]
        command = [
            sys.executable,
            "-m",
            "book.build.pages",
            str(self.source),
            str(html),
            str(doctrees),
            *given,
        ]
        start = spoken = time.perf_counter()
        lines = []
        with subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            try:
                for line in process.stdout or ():
                    line = re.sub(r"\x1b\[[0-9;]*m", "", line)
                    how_far = re.match(r"(reading|writing)\D*\[ *(\d+)%\]", line)
                    if not how_far:
                        lines.append(line)
                    elif what == "all pages" and time.perf_counter() - spoken > SECONDS:
                        spoken = time.perf_counter()
                        self.say(f"{what}: {how_far[1]}, {how_far[2]} %")
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            said = (
                "".join(lines).replace(f"{self.source}/", "").replace(f"{ROOT}/", "").splitlines()
            )
            complaints = [line for line in said if "WARNING" in line or "ERROR" in line]
            raise BuildFailed("\n".join(complaints or said[-40:]))
        self.say(f"{what}: built in {_time(time.perf_counter() - start)}")

    def _mirror(self) -> None:
        """Brings prose and notebooks to where Sphinx reads them; what did not change keeps its time
        stamp."""
        wanted = {}
        for chapter in chapters():
            notebook = self.results.of(chapter) or self._unexecuted(chapter)
            content = json.dumps(notebook, indent=1, ensure_ascii=False).encode()
            wanted[self.source / "notebooks" / chapter.name] = content
        for name in SOURCES:
            for path in [ROOT / name, *(ROOT / name).rglob("*")]:
                if path.is_file() and not {"__pycache__", "trbook"} & {*path.parts}:
                    wanted[self.source / path.relative_to(ROOT)] = path.read_bytes()
        for path, content in wanted.items():
            if not path.exists() or path.read_bytes() != content:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
        for path in self.source.rglob("*"):
            if (
                path.is_file()
                and path not in wanted
                and path.parent.relative_to(self.source) not in MADE
            ):
                path.unlink()

    def _unexecuted(self, chapter: Path) -> dict[str, object]:
        """The notebook without results, with the reason why its page shows none."""
        notebook = json.loads(chapter.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                cell |= {"outputs": [], "execution_count": None}
        where = (
            self.failures.get(chapter, "it has not run")
            .splitlines()[0]
            .removeprefix(f"notebooks/{chapter.name}, ")
        )
        notebook["metadata"][PENDING] = f"This page shows no results: {where}"
        return notebook

    def _inputs(self) -> dict[str, str]:
        """What the pages are made from."""
        files = digest(ROOT / name for name in READ)
        return {
            "files": files,
            "packages": self.results.key,
            **{name: version(name) for name in MAKERS},
        }


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"


def open_book(profile: str, port: int, say: Say) -> int:
    """Builds the book and serves it meanwhile and afterwards, until it is interrupted; the exit
    status."""
    status = 0
    server: Book | None = None

    def show(folder: Path) -> None:
        nonlocal server
        if server is None:
            server = listen(folder, port, waiting="The book is being built.")
            threading.Thread(target=server.serve_forever, daemon=True).start()
            say(f"http://127.0.0.1:{server.server_port}/  (Ctrl-C ends it)")
        server.folder = folder

    def told(line: str) -> None:
        say(line)
        if server is not None:
            server.waiting = line

    try:
        try:
            build(profile, BUILD, told, show)
        except (NotebookFailed, BuildFailed) as error:
            status = 1
            say(f"failed: {error}")
            if not (BUILD / "html" / "index.html").exists():
                return status
            show(BUILD / "html")
        if server is not None:
            server.waiting = None
            say(f"everything is built: http://127.0.0.1:{server.server_port}/")
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        print()
    finally:
        if server is not None:
            server.shutdown()
            server.server_close()
    return status


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Build the book.")
    parser.add_argument(
        "--profile", default=os.environ.get("TRLIB_PROFILE") or "cpu", help=" or ".join(PROFILES)
    )
    parser.add_argument("--serve", action="store_true", help="serve it, from the first pages on")
    parser.add_argument("--port", type=int, default=8000, help="the next free one if it is taken")
    options = parser.parse_args(arguments)
    if options.profile not in PROFILES:
        print(
            f"book: {unknown('TRLIB_PROFILE or --profile', options.profile, PROFILES)}",
            file=sys.stderr,
        )
        return 2
    start = time.perf_counter()
    # A shell starts background jobs with Ctrl-C ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)

    def say(text: str) -> None:
        seconds = int(time.perf_counter() - start)
        print(f"book {seconds // 60}:{seconds % 60:02d}  {text}", flush=True)

    say("looking for what changed since the last build")
    try:
        if options.serve:
            return open_book(options.profile, options.port, say)
        pages = build(options.profile, BUILD, say)
    except (
        NotebookFailed,
        BuildFailed,
        OSError,
    ) as error:  # OSError: a checkout that only can be read, a full disk
        print(f"book: failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nbook: interrupted; the next call goes on from here", file=sys.stderr)
        return 130
    say(str(pages / "index.html"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
