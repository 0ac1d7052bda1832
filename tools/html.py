"""Builds the book: `python -m tools.html [--profile cpu] [--serve]`.

Notebooks are executed once, on copies (`tools.execute`); Sphinx then builds from the copies with execution off
(`tools.pages`), and a warning is an error. The pages lie in `_build/html`.

With `--serve` a reader need not wait for all of that. What is served, from first to last:

1. the front page, the quickstart and the playground, built by themselves as soon as the quickstart was executed;
2. every page, the notebooks that were not executed yet under a line that says so;
3. the same again with those that were, and at last the whole book.

Where an earlier build stands complete, it is served until the new one does.
"""

from __future__ import annotations

import argparse
import hashlib
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
from contextlib import suppress
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tools.execute import PROFILES, Finished, NotebookFailed, Stopped, cores, execute, fingerprint, stale
from tools.lock import alone
from tools.paths import BUILD, ROOT, chapters
from tools.serve import Book, listen

SOURCES = ("_config.yml", "_toc.yml", "book", "benchmarks/minimal_grpo.py")
READ = (*SOURCES, "notebooks", "trlib", "trlab", "benchmarks/README.md", "tools/pages.py")
"""Whatever pages are made from."""
MAKERS = ("jupyter-book", "sphinx", "myst-nb", "sphinx-book-theme", "pydata-sphinx-theme")
MADE = (Path("book", "interface", "modules"), Path("book", "methods"))
"""Folders of pages that `bookext.modules` and `bookext.methods` write beside the others."""
FIRST = ("book/index", "notebooks/00_quickstart", "book/playground")
"""The pages that a reader sees first."""
PENDING = "execution_pending"
"""Where `bookext.execution` finds why a copy was not executed."""
AGAIN = 8
"""This many newly executed notebooks are worth a pass over the pages before all are,"""
LEFT = 300
"""if the others take at least this many seconds more: a pass takes its time from them."""
SECONDS = 15
"""Between two lines about how far Sphinx is."""

Say = Callable[[str], None]


class BuildFailed(Exception):
    """Sphinx found a warning or an error."""


def build(profile: str = "cpu", out: Path = BUILD, say: Say = lambda _: None) -> Path:
    """The built pages' folder.

    Raises:
        NotebookFailed: a notebook did not run; the pages stand without its results.
        BuildFailed: the book has a warning or an error.
    """
    with alone(out, partial(say, f"another build is at work in {out}; waiting for it")):
        builder = Builder(profile, out, say)
        if not builder.is_current():
            builder.build(lambda _: None, in_steps=False)
    return out / "html"


def build_some(pages: Sequence[str], profile: str = "cpu", out: Path = BUILD, say: Say = lambda _: None) -> Path:
    """The folder of some pages, built by themselves; of every other page only the title is read, nothing is written.

    Raises:
        NotebookFailed: a notebook among them did not run.
        BuildFailed: Sphinx found an error.
    """
    with alone(out, partial(say, f"another build is at work in {out}; waiting for it")):
        builder = Builder(profile, out, say)
        execute([path for path in chapters() if f"notebooks/{path.stem}" in pages], builder.executed, profile=profile)
        return builder.some(pages)


class Builder:
    """One build in the folder `out`. Its maker holds the folder's lock (`tools.lock`)."""

    def __init__(self, profile: str, out: Path, say: Say) -> None:
        self.profile, self.out, self.say = profile, out, say
        self.executed = out / "executed" / "notebooks"
        self.source = out / "source"
        self.html = out / "html"
        self.doctrees = out / ".doctrees"
        self.mark = out / "complete.json"
        """Written when a build is complete: what it was made from."""
        self.state = "The build begins."
        self.ran = 0
        """Notebooks executed in this build."""
        self.rest = 0.0
        """Seconds that the others will take, as far as one can tell."""
        self.failures: dict[Path, str] = {}
        self.stop = threading.Event()
        self.progress = threading.Condition()

    def is_current(self) -> bool:
        """Whether the pages that stand are complete and made from what there is now."""
        return self.is_complete() and json.loads(self.mark.read_text(encoding="utf-8")) == self._inputs()

    def is_complete(self) -> bool:
        """Whether a build came to its end here, whatever it was made from."""
        return self.mark.exists() and (self.html / "index.html").exists()

    def build(self, show: Callable[[Path], None], *, in_steps: bool) -> None:
        """Builds everything.

        Args:
            show: called with a folder of pages whenever there is a better one to look at.
            in_steps: build what is ready before all is.

        Raises:
            NotebookFailed: a notebook did not run; the pages stand without its results.
            BuildFailed: the book has a warning or an error; the pages stand.
        """
        self._tidy()
        inputs = self._inputs()
        was_complete = self.is_complete()
        pending = list(stale(chapters(), self.executed, profile=self.profile))
        thread = threading.Thread(target=self._execute, args=(pending,), name="execution")
        stepwise = in_steps and not was_complete
        complained: list[str] | None = None
        try:
            if was_complete and in_steps:
                show(self._snapshot())
            thread.start()
            if stepwise:
                self._until(lambda: self._is_ready(chapters()[0]) or not thread.is_alive())
                with suppress(BuildFailed):  # the last pass says what is wrong
                    show(self.some(FIRST))
            while stepwise and thread.is_alive():
                before = self.ran
                complained = self._pass(complained)
                if (self.html / "index.html").exists():
                    show(self._snapshot())
                self._until(lambda n=before: self._pays(n) or not thread.is_alive())  # type: ignore[misc]
            while thread.is_alive():
                thread.join(1)  # not for ever: Ctrl-C is heard in between
        except BaseException:
            self.stop.set()
            raise
        finally:
            thread.join()
        self._last_pass(complained, everything=not was_complete and complained is None)
        show(self.html)
        shutil.rmtree(self.out / "shown", ignore_errors=True)
        if self.failures:
            raise NotebookFailed(self.failures)
        self.mark.write_text(json.dumps(inputs, indent=1), encoding="utf-8")

    def some(self, pages: Sequence[str]) -> Path:
        """The folder of these pages, built by themselves from what is executed."""
        folder, inputs = self.out / "first", {**self._inputs(pages), "pages": " ".join(pages)}
        mark = folder / "complete.json"
        if not mark.exists() or json.loads(mark.read_text(encoding="utf-8")) != inputs:
            mark.unlink(missing_ok=True)
            self._sphinx(folder / "html", folder / ".doctrees", first=pages)
            mark.write_text(json.dumps(inputs, indent=1), encoding="utf-8")
        return folder / "html"

    def _execute(self, pending: Sequence[Path]) -> None:
        """Executes what changed, in a thread of its own."""
        if pending:
            some = f"{len(pending)} notebook{'s' * (len(pending) > 1)}"
            self.say(f"executing {some} on {cores()} core{'s' * (cores() > 1)}")
        start = time.perf_counter()

        def report(done: Finished) -> None:
            with self.progress:
                self.ran = done.number
                if done.error:
                    self.failures[done.notebook] = done.error
                self.state = f"{done.number} of {done.total} chapters are executed."
                self.progress.notify_all()
            self.rest = rest = (time.perf_counter() - start) / done.number * (done.total - done.number)
            left = f"about {_time(rest)} left" if rest else "all executed"
            outcome = f"FAILED: {done.error.splitlines()[0]}" if done.error else f"{done.seconds:.0f} s"
            self.say(f"{done.number:2d}/{done.total}  {done.notebook.stem}: {outcome}; {left}")

        with suppress(Stopped, NotebookFailed):  # failures are kept as they come
            execute(chapters(), self.executed, profile=self.profile, report=report, stop=self.stop)
        with self.progress:
            self.progress.notify_all()

    def _pays(self, before: int) -> bool:
        """Whether another pass over the pages is worth it, `before` notebooks having been executed at the last one."""
        return self.ran >= before + AGAIN and self.rest > LEFT

    def _until(self, condition: Callable[[], bool]) -> None:
        with self.progress:
            while not condition():
                self.progress.wait(1)

    def _pass(self, complained: list[str] | None) -> list[str]:
        """Every page as far as it can be built now; returns the pages that Sphinx complained about."""
        self.state = f"{self.ran} chapters are executed; the pages are being built."
        self._touch(complained)
        try:
            return _pages_in(self._sphinx(self.html, self.doctrees), self.source)
        except BuildFailed:
            return ["?"]

    def _last_pass(self, complained: list[str] | None, *, everything: bool) -> None:
        """Every page. What Sphinx complained about while notebooks were missing, it reads again."""
        self.state = "The last pages are being built."
        self.mark.unlink(missing_ok=True)
        self._touch(complained)
        try:
            self._sphinx(self.html, self.doctrees, strict=not self.failures, everything=everything)
        except BuildFailed:
            # Sphinx repeats a warning only for a page that it reads again: forget what it has read.
            shutil.rmtree(self.doctrees, ignore_errors=True)
            raise

    def _touch(self, complained: list[str] | None) -> None:
        for name in complained or ():
            path = self.source / name
            if path.exists():
                os.utime(path)
            else:  # a docstring, or nothing that can be named
                shutil.rmtree(self.doctrees, ignore_errors=True)

    def _sphinx(
        self,
        html: Path,
        doctrees: Path,
        *,
        first: Sequence[str] = (),
        strict: bool = False,
        everything: bool = False,
    ) -> str:
        """One pass; its output.

        Raises:
            BuildFailed: Sphinx found an error, or a warning where `strict`.
        """
        self._mirror()
        what = "the first pages" if first else "all pages"
        command = [sys.executable, "-m", "tools.pages", str(self.source), str(html), str(doctrees)]
        command += ["--strict"] * strict + ["--all"] * everything + (["--first", *first] if first else [])
        start = spoken = time.perf_counter()
        lines = []
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as process:
            try:
                for line in process.stdout or ():
                    line = re.sub(r"\x1b\[[0-9;]*m", "", line)
                    how_far = re.match(r"(reading|writing)\D*\[ *(\d+)%\]", line)
                    if not how_far:
                        lines.append(line)
                    elif not first and time.perf_counter() - spoken > SECONDS:
                        spoken = time.perf_counter()
                        self.say(f"{what}: {how_far[1]}, {how_far[2]} %")
            except BaseException:
                process.kill()
                raise
        output = "".join(lines)
        if process.returncode:
            raise BuildFailed(self._complaints(output))
        self.say(f"{what}: built in {_time(time.perf_counter() - start)}")
        return output

    def _complaints(self, output: str) -> str:
        lines = output.replace(f"{self.source}/", "").replace(f"{ROOT}/", "").splitlines()
        return "\n".join([line for line in lines if "WARNING" in line or "ERROR" in line] or lines[-40:])

    def _snapshot(self) -> Path:
        """A copy of the pages, to be looked at while Sphinx writes over them."""
        turn = self.out / "shown" / str(time.monotonic_ns())
        shutil.copytree(self.html, turn)
        return turn

    def _is_ready(self, chapter: Path) -> bool:
        return chapter in self.failures or bool(self._copy(chapter))

    def _copy(self, chapter: Path) -> str | None:
        """The executed copy of a chapter, if it is one of the text and the packages as they are now."""
        copy = self.executed / chapter.name
        if copy.exists() and not stale([chapter], self.executed, profile=self.profile):
            return copy.read_text(encoding="utf-8")
        return None

    def _mirror(self) -> None:
        """Brings prose and notebooks to where Sphinx reads them; what did not change keeps its time stamp."""
        wanted = set()
        for chapter in chapters():
            copy = self.source / "notebooks" / chapter.name
            wanted.add(copy)
            _replace(copy, (self._copy(chapter) or self._unexecuted(chapter)).encode())
        for name in SOURCES:
            for path in [ROOT / name, *(ROOT / name).rglob("*")]:
                if not path.is_file() or "__pycache__" in path.parts or "trbook" in path.parts:
                    continue
                copy = self.source / path.relative_to(ROOT)
                wanted.add(copy)
                _replace(copy, path.read_bytes())
        for path in self.source.rglob("*"):
            if path.is_file() and path not in wanted and path.parent not in [self.source / folder for folder in MADE]:
                path.unlink()

    def _unexecuted(self, chapter: Path) -> str:
        """The notebook as it is stored, with the reason why its page shows no results."""
        notebook: dict[str, Any] = json.loads(chapter.read_text(encoding="utf-8"))
        error = self.failures.get(chapter)
        if error:
            where = error.splitlines()[0].partition(", ")[2] or error.splitlines()[0]
            reason = f"This page shows no results: it failed in {where}"
        else:
            reason = "This page is being executed. Its results appear here by themselves, in some minutes."
        notebook["metadata"][PENDING] = {"reason": reason, "refresh": not error}
        return json.dumps(notebook, indent=1, ensure_ascii=False)

    def _inputs(self, pages: Sequence[str] | None = None) -> dict[str, str]:
        """What the pages, or all of them, are made from."""
        shown = [path for path in chapters() if pages is None or f"notebooks/{path.stem}" in pages]
        digest = hashlib.blake2b(digest_size=16)
        for name in READ:
            for path in sorted([ROOT / name, *(ROOT / name).rglob("*")]):
                if path.is_file() and "__pycache__" not in path.parts:
                    digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes())
        return {
            "profile": self.profile,
            "files": digest.hexdigest(),
            "notebooks": hashlib.blake2b(
                "".join(fingerprint(chapter, self.profile) for chapter in shown).encode(), digest_size=16
            ).hexdigest(),
            **{name: version(name) for name in MAKERS},
        }

    def _tidy(self) -> None:
        """Removes what an interrupted build left, or one of an older layout."""
        shutil.rmtree(self.out / "shown", ignore_errors=True)
        shutil.rmtree(self.out / "first", ignore_errors=True)
        for path in (self.out / "executed").glob("*"):
            if path != self.executed:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _replace(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _pages_in(output: str, source: Path) -> list[str]:
    """The files that Sphinx complained about, relative to `source`; `?` for what is no file there."""
    names = []
    for line in output.splitlines():
        if "WARNING:" in line or "ERROR:" in line:
            place = line.partition(": ")[0].partition(":")[0]
            names.append(str(Path(place).relative_to(source)) if place.startswith(f"{source}/") else "?")
    return sorted(set(names))


def _time(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"


def open_book(profile: str, out: Path, port: int, say: Say) -> int:
    """Builds the book and serves it meanwhile and afterwards, until it is interrupted; the exit status."""
    status = 0
    server: Book | None = None
    builder = Builder(profile, out, say)
    over = threading.Event()

    def show(folder: Path) -> None:
        nonlocal server
        if server is None:
            server = listen(folder, port, waiting=lambda: None if over.is_set() else builder.state)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            say(f"http://127.0.0.1:{server.server_port}/  (Ctrl-C ends it)")
        previous, server.folder = server.folder, folder
        if previous != folder and previous.parent == out / "shown":
            shutil.rmtree(previous, ignore_errors=True)

    try:
        with alone(out, partial(say, f"another build is at work in {out}; waiting for it")):
            if builder.is_current():
                show(builder.html)
            else:
                try:
                    builder.build(show, in_steps=True)
                except (NotebookFailed, BuildFailed) as error:
                    status = 1
                    say(f"failed: {error}")
                    if (builder.html / "index.html").exists():
                        show(builder.html)
        over.set()
        if server is None:
            return 1
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
    parser.add_argument("--profile", choices=PROFILES, default="cpu")
    parser.add_argument("--serve", action="store_true", help="serve it, from the first pages on")
    parser.add_argument("--port", type=int, default=8000, help="the next free one if it is taken")
    options = parser.parse_args(arguments)
    start = time.perf_counter()
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell starts background jobs with Ctrl-C ignored
        signal.signal(number, signal.default_int_handler)

    def say(text: str) -> None:
        print(f"book {_clock(time.perf_counter() - start)}  {text}", flush=True)

    say("looking for what changed since the last build")
    try:
        if options.serve:
            return open_book(options.profile, BUILD, options.port, say)
        pages = build(options.profile, BUILD, say)
    except (NotebookFailed, BuildFailed) as error:
        print(f"book: failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nbook: interrupted; the next call goes on from here", file=sys.stderr)
        return 130
    say(str(pages / "index.html"))
    return 0


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


if __name__ == "__main__":
    sys.exit(main())
