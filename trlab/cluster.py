"""Cells on several machines: each is a task of one CPU and one thread on a Ray cluster that is
already running.

Ray runs a lost node's cells again. Every node needs the package, and a method of one's own at the
same path.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from contextlib import redirect_stdout, suppress
from typing import Any

from trlab.pool import PATIENCE, Failure, Job, attempt, too_long
from trlib.errors import TrlibError
from trlib.loop.stopping import STOPS

ANSWER = 10.0
"""Seconds that a cluster has to answer."""
RETRIES = 3
"""How often a job is begun again after its worker or node was lost."""


class ClusterError(TrlibError):
    """A cluster that cannot be reached."""


class _Late(BaseException):
    """A job took too long."""


def connect(address: str) -> int:
    """Join a cluster (`auto`: the one that runs here) and say how many CPUs it has.

    Raises:
        ClusterError: Ray is not installed, or no cluster answers.
    """
    try:
        import ray
        from ray._private.services import canonicalize_bootstrap_address_or_die as found
    except ImportError as error:
        raise ClusterError(
            "--ray: expected Ray, which is not installed: pip install 'ray>=2.40'"
        ) from error
    before = signal.getsignal(signal.SIGTERM)
    try:
        if "://" not in address:  # Ray would try for minutes an address at which nothing answers
            host, _, port = found(address).rpartition(":")
            socket.create_connection((host.strip("[]"), int(port)), ANSWER).close()
        ray.init(address, log_to_driver=False, logging_level=logging.ERROR)
    except Exception as error:  # whatever gRPC, the token or the network make of it
        reason = str(error).strip().partition("\n")[0]
        raise ClusterError(
            f"--ray: expected a cluster that runs at {address!r}, got none ({reason})"
        ) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)  # Ray's own would end the sweep at once
    return _cpus()


def _cpus() -> int:
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def run_there(
    work: Callable[[Job], Any], jobs: Sequence[Job], stop: threading.Event, *, seconds: float
) -> Generator[tuple[Job, Any, float]]:
    """The same as `trlab.pool.run_jobs` on the cluster that this process has joined, which is left
    at the end.

    As many jobs are handed out as the cluster has CPUs at that moment; those in hand are finished
    once `stop` is set.
    """
    import ray
    from ray.exceptions import RayError

    task: Any = ray.remote(_serve).options(num_cpus=1, max_retries=RETRIES)
    waiting, running = deque(jobs), dict[Any, Job]()
    with redirect_stdout(sys.stderr):  # where Ray reports nodes that are lost
        try:
            while True:
                while waiting and len(running) < _cpus() and not stop.is_set():
                    job = waiting.popleft()
                    running[task.remote(work, job, seconds, os.getcwd())] = job
                if not running:
                    return
                for ended in ray.wait(list(running), timeout=PATIENCE)[0]:
                    job = running.pop(ended)
                    try:
                        found = ray.get(ended)
                    except RayError as error:
                        found = Failure("died", str(error).strip().partition("\n")[0]), 0.0
                    yield (job, *found)
        finally:
            for left in running:
                with suppress(RayError):
                    ray.cancel(left, force=True)
            ray.shutdown()


def _serve(work: Callable[[Job], Any], job: Job, seconds: float, folder: str) -> tuple[Any, float]:
    """A job on its node, and the seconds that it took."""
    with suppress(OSError):  # where files of one's own have paths that begin here
        os.chdir(folder)
    # A node that is being ended takes its jobs with it, and Ray begins them elsewhere.
    for number in STOPS:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, _late)
    began = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        result = attempt(work, job)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    late = isinstance(result, Failure) and result.kind == _Late.__name__
    return too_long(seconds) if late else result, time.monotonic() - began


def _late(number: int, frame: Any) -> None:
    raise _Late
