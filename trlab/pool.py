"""Persistent workers, one thread each: started once, replaced when they die, gone when their parent
is.

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
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Generic, TypeVar

from tqdm import tqdm

import trlib
from trlib.errors import MethodError
from trlib.loop.stopping import STOPS

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
PATIENCE = 0.2
"""Seconds between two looks at whether to stop."""
TRIES = 2
"""How often a job is begun if its worker dies."""
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


def attempt(work: Callable[[Job], Any], job: Job) -> Any:
    """The job's result, or a `Failure` that says where, whatever it raises and even if it would end
    its process."""
    try:
        return work(job)
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
    work: Callable[[Job], Any],
    jobs: Sequence[Job],
    stop: threading.Event,
    *,
    prepare: Callable[[], Any] | None = None,
) -> Generator[tuple[Job, Any, float]]:
    """The same as `run_jobs` in this process, one job after the other.

    What a job prints goes to standard error, as a worker's does. Nothing stops a job that takes
    long. One that raises KeyboardInterrupt has not been begun, and `stop` is set.
    """
    _try(prepare)
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


def too_long(seconds: float) -> Failure:
    return Failure("too long", f"stopped after {seconds:g} s, the budget's limit for a cell")


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

    A worker is given its first job when it is ready, so no job's seconds hold the start of a
    worker.

    Args:
        work: an importable function.
        jobs: what it is called with, one each.
        stop: once set, no further job is begun; those in hand are finished. One whose worker dies
            then has no result, as if it had not been begun.
        workers: processes.
        seconds: a job that takes longer is stopped and fails.
        prepare: an importable function that a worker calls before it is ready; what it raises is
            ignored, for the jobs will raise it too.
    """
    pool = _Pool(work, deque((job, 1) for job in jobs), stop, seconds, prepare)
    try:
        yield from pool.run(min(workers, len(jobs)))
    finally:
        pool.close()


@dataclass
class _Worker(Generic[Job]):
    process: Any
    pipe: Connection
    ready: bool = False
    """Whether the worker is ready."""
    job: Job | None = None
    """What it works on, or will as soon as it is ready."""
    tries: int = 0
    since: float = field(default_factory=time.monotonic)
    """When it was given that; before it is ready, when it was started."""


@dataclass
class _Pool(Generic[Job]):
    work: Callable[[Job], Any]
    waiting: deque[tuple[Job, int]]
    """Waiting jobs, each with the number of its attempt."""
    stop: threading.Event
    seconds: float
    prepare: Callable[[], Any] | None
    workers: list[_Worker[Job]] = field(default_factory=list)

    def run(self, count: int) -> Generator[tuple[Job, Any, float]]:
        self.workers = [self._start() for _ in range(count)]
        while True:
            if self.stop.is_set():
                self._begin_nothing()
            else:
                self._assign()
            busy = [worker for worker in self.workers if worker.job is not None]
            if not busy and (self.stop.is_set() or not self.waiting):
                return
            spoken = wait([worker.pipe for worker in busy], PATIENCE)
            for worker in busy:
                ended = self._look(worker, worker.pipe in spoken)
                if ended is not None:
                    yield (*ended, time.monotonic() - worker.since)

    def _assign(self) -> None:
        """Give a waiting job to each idle worker, and replace workers that have died."""
        for i, worker in enumerate(self.workers):
            if worker.job is None and self.waiting:
                if not worker.process.is_alive():
                    self.workers[i] = worker = self._start()
                worker.job, worker.tries = self.waiting.popleft()
                if worker.ready:
                    self._hand_out(worker)

    def _hand_out(self, worker: _Worker[Job]) -> None:
        worker.since = time.monotonic()
        with suppress(OSError):  # it has just died: `_look` finds that
            worker.pipe.send(worker.job)

    def _begin_nothing(self) -> None:
        for worker in self.workers:
            if not worker.ready:
                worker.job = None

    def _look(self, worker: _Worker[Job], spoken: bool) -> tuple[Job, Any] | None:
        """What has become of a worker's job; None: it goes on, or will be tried again."""
        job = worker.job
        assert job is not None
        if spoken:
            try:
                result = worker.pipe.recv()
            except (EOFError, OSError):
                return self._died(worker, job)
            if worker.ready:
                worker.job = None
                return job, result
            worker.ready = True
            self._hand_out(worker)
        elif worker.ready and time.monotonic() - worker.since > self.seconds:
            _end(worker)
            return job, too_long(self.seconds)
        return None

    def _died(self, worker: _Worker[Job], job: Job) -> tuple[Job, Any] | None:
        worker.process.join(5)
        code, tries = worker.process.exitcode, worker.tries
        _end(worker)
        if self.stop.is_set():
            return None
        if tries < TRIES:
            self.waiting.appendleft((job, tries + 1))
            return None
        how = (
            f"by signal {-code} ({signal.Signals(-code).name})"
            if code is not None and code < 0
            else f"with {code}"
        )
        hint = "; out of memory?" if code == -signal.SIGKILL else ""
        return job, Failure("died", f"its worker ended {how}, {tries} times{hint}")

    def _start(self) -> _Worker[Job]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=_serve, args=(theirs, self.work, self.prepare), daemon=True
        )
        with _one_thread(), _ignoring_signals():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def close(self) -> None:
        """End every worker, whatever it is doing."""
        for worker in self.workers:
            _end(worker)


def _end(worker: _Worker[Any]) -> None:
    worker.pipe.close()  # which an idle one takes as its end
    if worker.ready and worker.job is None:
        worker.process.join(2)
    worker.job = None
    worker.process.kill()
    worker.process.join()


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


def _serve(pipe: Connection, work: Callable[[Any], Any], prepare: Callable[[], Any] | None) -> None:
    """A worker's life: it says that it is ready; then jobs come through the pipe until it
    closes."""
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    os.setsid()
    os.dup2(2, 1)  # what a method prints must not mix with the command's result
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    # Its own is a semaphore, which a worker that is killed would leave behind.
    tqdm.set_lock(threading.RLock())
    _try(prepare)
    with suppress(OSError):  # nobody waits any more; the next line notices
        pipe.send("ready")
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send(attempt(work, job))


def _try(prepare: Callable[[], Any] | None) -> None:
    if prepare is not None:
        with suppress(Exception):
            prepare()


def _leave_with_parent() -> None:
    """End this process as soon as its parent has, in the middle of a job too."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
