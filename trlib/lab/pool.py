"""Persistent workers, one thread each: started once, replaced when they die, gone when their parent is.

Every worker is a process of its own session, so that Ctrl-C in a terminal reaches the parent only, which decides.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from tqdm import tqdm

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
PATIENCE = 0.2
"""Seconds between two looks at whether to stop."""
TRIES = 2
"""How often a job is begun whose worker dies."""
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
    """The job's result, or a `Failure` where it raises or would end its process."""
    try:
        return work(job)
    except (Exception, SystemExit) as error:
        return Failure(type(error).__name__, str(error) or repr(error))


def run_here(work: Callable[[Job], Any], jobs: Sequence[Job], stop: threading.Event) -> Generator[tuple[Job, Any]]:
    """The jobs one after the other in this process, until `stop`."""
    for job in jobs:
        if stop.is_set():
            return
        yield job, attempt(work, job)


def run_jobs(work: Callable[[Job], Any], jobs: Sequence[Job], stop: threading.Event, *, workers: int,
             seconds: float) -> Generator[tuple[Job, Any]]:
    """Each job with its result or `Failure`, in the order in which they end.

    Args:
        work: an importable function.
        jobs: what it is called with, one each.
        stop: once set, no further job is begun; those in hand are finished.
        workers: processes.
        seconds: a job that takes longer is stopped and fails.
    """
    pool = _Pool(work, deque((job, 1) for job in jobs), stop, seconds)
    try:
        yield from pool.run(min(workers, len(jobs)))
    finally:
        pool.close()


@dataclass
class _Worker(Generic[Job]):
    process: Any
    pipe: Connection
    job: Job | None = None
    tries: int = 0
    since: float = 0.0


class _Pool(Generic[Job]):
    def __init__(self, work: Callable[[Job], Any], waiting: deque[tuple[Job, int]], stop: threading.Event,
                 seconds: float) -> None:
        self.work, self.waiting, self.stop, self.seconds = work, waiting, stop, seconds
        self.workers: list[_Worker[Job]] = []

    def run(self, count: int) -> Generator[tuple[Job, Any]]:
        self.workers = [self._start() for _ in range(count)]
        while True:
            if not self.stop.is_set():
                self._hand_out()
            busy = [worker for worker in self.workers if worker.job is not None]
            if not busy and (self.stop.is_set() or not self.waiting):
                return
            ready = wait([worker.pipe for worker in busy], PATIENCE)
            for worker in busy:
                ended = self._look(worker, worker.pipe in ready)
                if ended is not None:
                    yield ended

    def _hand_out(self) -> None:
        for i, worker in enumerate(self.workers):
            if worker.job is None and self.waiting:
                if not worker.process.is_alive():
                    self.workers[i] = worker = self._start()
                worker.job, worker.tries = self.waiting.popleft()
                worker.since = time.monotonic()
                with suppress(OSError):  # it has just died: `_look` finds that
                    worker.pipe.send(worker.job)

    def _look(self, worker: _Worker[Job], ready: bool) -> tuple[Job, Any] | None:
        """What has become of a worker's job; None: it goes on, or will be tried again."""
        job = worker.job
        assert job is not None
        if ready:
            try:
                result = worker.pipe.recv()
            except (EOFError, OSError):
                return self._died(worker, job)
            worker.job = None
            return job, result
        if time.monotonic() - worker.since > self.seconds:
            self._replace(worker)
            return job, Failure("too long", f"stopped after {self.seconds:g} s, the budget's limit for a cell")
        return None

    def _died(self, worker: _Worker[Job], job: Job) -> tuple[Job, Any] | None:
        worker.process.join(5)
        code, tries = worker.process.exitcode, worker.tries
        self._replace(worker)
        if tries < TRIES and not self.stop.is_set():
            self.waiting.appendleft((job, tries + 1))
            return None
        how = f"by signal {-code} ({signal.Signals(-code).name})" if code is not None and code < 0 else f"with {code}"
        hint = "; out of memory?" if code == -signal.SIGKILL else ""
        return job, Failure("died", f"its worker ended {how}, {tries} times{hint}")

    def _replace(self, worker: _Worker[Job]) -> None:
        _end(worker)
        if self.stop.is_set():
            worker.job = None
        else:
            self.workers[self.workers.index(worker)] = self._start()

    def _start(self) -> _Worker[Job]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self.work), daemon=True)
        before = {name: os.environ.get(name) for name in THREADS}
        os.environ.update(dict.fromkeys(THREADS, "1"))  # read when torch is imported, so before the worker starts
        try:
            process.start()
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value
        theirs.close()
        return _Worker(process, ours)

    def close(self) -> None:
        """End every worker, whatever it is doing."""
        for worker in self.workers:
            _end(worker)


def _end(worker: _Worker[Any]) -> None:
    worker.pipe.close()  # which an idle one takes as its end
    if worker.job is None:
        worker.process.join(2)
    worker.process.kill()
    worker.process.join()


def _serve(pipe: Connection, work: Callable[[Any], Any]) -> None:
    """A worker's life: jobs come through the pipe until it closes."""
    os.setsid()
    os.dup2(2, 1)  # what a method prints must not mix with the command's result
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    tqdm.set_lock(threading.RLock())  # its own is a semaphore, which a worker that is killed would leave behind
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send(attempt(work, job))


def _leave_with_parent() -> None:
    """End this process as soon as its parent has, in the middle of a job too."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
