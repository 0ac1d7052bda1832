"""A process pool for cells: one thread each, a worker that dies is replaced, and none outlives its
parent.

Ctrl-C in a terminal goes to every process that belongs to it, and a batch system sends SIGTERM to
all of a job's. A worker does not hear them, from its first moment on: the parent decides.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import sysconfig
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, TypeVar

import trlib
from trlib.errors import MethodError
from trlib.loop.saving.stopping import STOPS

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
PATIENCE = 0.2
"""Seconds between two looks at whether to stop."""
LIBRARY_PREFIXES = (
    "<frozen",
    *(
        str(folder) + os.sep
        for folder in (
            Path(trlib.__file__).parent,
            Path(__file__).parent,
            *map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib")),
        )
    ),
)
"""How the names of files begin that belong to these packages, to Python or to installed
packages."""
Job = TypeVar("Job")


@dataclass(frozen=True)
class Failure:
    """Why a job has no result."""

    kind: str
    """The error's class, or `died` or `too long`."""
    text: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}"


class _Worker(multiprocessing.context.SpawnProcess):
    """A pool in which a worker died ends the others by SIGTERM, which ours do not hear, and since
    Python 3.12 it waits for them, holding the lock that the next job would need."""

    def terminate(self) -> None:
        self.kill()


class _Spawn(multiprocessing.context.SpawnContext):
    Process = _Worker


class _TooLong(BaseException):
    """Raised in the middle of a job whose time is over; no method's `except` catches it."""


def attempt(work: Callable[[Job], Any], job: Job) -> Any:
    """The job's result, or a `Failure` that says where, whatever it raises and even if it would end
    its process."""
    try:
        return work(job)
    except _TooLong as error:
        return Failure("too long", str(error))
    except BaseException as error:
        where = "" if isinstance(error, MethodError) else f" ({_where(error)})"  # it says so itself
        return Failure(type(error).__name__, f"{str(error) or repr(error)}{where}")


def _where(error: BaseException) -> str:
    """The last line of a file of one's own that led to an error; if none did, the last line of all,
    with its folder."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not frame.filename.startswith(LIBRARY_PREFIXES)]
    frame = (own or frames)[-1]
    parts = Path(frame.filename).parts[-1 if own else -2 :]
    return f"{'/'.join(parts)}, line {frame.lineno}"


def run_here(
    work: Callable[[Job], Any], jobs: Sequence[Job], stop: threading.Event
) -> Generator[tuple[Job, Any, float]]:
    """The same as `run_jobs` in this process, one job after the other.

    What a job prints goes to standard error, as a worker's does. Nothing stops a job that takes
    long. One that raises KeyboardInterrupt has not been begun, and `stop` is set.
    """
    for job in jobs:
        if stop.is_set():
            return
        began = time.monotonic()
        with redirect_stdout(sys.stderr):
            result = attempt(work, job)
        if isinstance(result, Failure) and result.kind == KeyboardInterrupt.__name__:
            stop.set()
            return
        yield job, result, time.monotonic() - began


def run_jobs(
    work: Callable[[Job], Any],
    jobs: Sequence[Job],
    stop: threading.Event,
    *,
    workers: int,
    seconds: float,
    prepare: Callable[[], Any] | None = None,
) -> Generator[tuple[Job, Any, float]]:
    """Each job with its result or `Failure` and the seconds that it took, in the order in which
    they end.

    Where a worker dies, what was in hand is begun again, one job at a time: the one that ends its
    worker then has died.

    Args:
        work: an importable function.
        jobs: what it is called with, one each.
        stop: once set, no further job is begun; those in hand are finished.
        workers: processes.
        seconds: a job that takes longer is stopped and fails.
        prepare: an importable function that a worker calls before its first job; what it raises is
            ignored, for the jobs will raise it too.
    """
    waiting, suspects = deque(jobs), deque[Job]()
    before = {*multiprocessing.active_children()}
    try:
        while (waiting or suspects) and not stop.is_set():
            queue, alone = suspects or waiting, bool(suspects)
            lost = yield from _in_one_pool(
                work, queue, stop, 1 if alone else workers, seconds, prepare
            )
            if alone and lost and not stop.is_set():
                yield lost[0], Failure("died", "its worker ended twice; out of memory?"), 0.0
            elif not alone:
                suspects.extend(lost)
    finally:
        for child in {*multiprocessing.active_children()} - before:
            child.kill()


def _in_one_pool(
    work: Callable[[Job], Any],
    waiting: deque[Job],
    stop: threading.Event,
    workers: int,
    seconds: float,
    prepare: Callable[[], Any] | None,
) -> Generator[tuple[Job, Any, float], None, list[Job]]:
    """Takes jobs out of `waiting` until none is left, or a worker dies; what was then in hand."""
    pool = ProcessPoolExecutor(workers, _Spawn(), initializer=_begin, initargs=(prepare,))
    hand: dict[Any, Job] = {}
    lost: list[Job] = []
    try:
        while hand or (waiting and not stop.is_set()):
            while waiting and len(hand) < workers and not stop.is_set():
                with _one_thread(), _ignoring_signals():
                    hand[pool.submit(_timed, work, waiting[0], seconds)] = waiting[0]
                waiting.popleft()
            for done in wait(hand, PATIENCE, FIRST_COMPLETED).done:
                job = hand.pop(done)
                if isinstance(done.exception(), BrokenProcessPool):
                    lost.append(job)
                else:
                    yield job, *done.result()
            if lost:
                return [*lost, *hand.values()]
    except BrokenProcessPool:  # it broke before the next job was handed in
        return [*hand.values()]
    finally:
        pool.shutdown(wait=not hand, cancel_futures=True)
    return []


def _timed(work: Callable[[Job], Any], job: Job, seconds: float) -> tuple[Any, float]:
    """In a worker: the job's result and the seconds that it took."""

    def late(*_: Any) -> None:
        raise _TooLong(f"stopped after {seconds:g} s, the budget's limit for a cell")

    began = time.monotonic()
    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        result = attempt(work, job)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return result, time.monotonic() - began


@contextmanager
def _one_thread() -> Iterator[None]:
    """What is started inside a `with` block computes in one thread: torch reads that when it is
    imported."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _ignoring_signals() -> Iterator[None]:
    """What is started inside a `with` block hears neither Ctrl-C nor SIGTERM before it has said
    what to do then."""
    # which a first worker would start, and which lets Ctrl-C through again
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin(prepare: Callable[[], Any] | None) -> None:
    """A worker's first moment."""
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    os.dup2(2, 1)  # what a method prints must not mix with the command's result
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    if prepare is not None:
        with suppress(Exception):
            prepare()


def _leave_with_parent() -> None:
    """End this process as soon as its parent has, in the middle of a job too."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
