"""Cells on a Ray cluster of this machine, of which a node is lost in the middle of a cell."""

from __future__ import annotations

import math
import os
import signal
import sqlite3
import sys
import threading
import time
from contextlib import closing

import psutil
import pytest

from tests.lab.conftest import until
from tests.typed import typed
from trlab import runner
from trlab.pool import Failure
from trlab.runner import conduct, plan
from trlab.sweep import load_sweep

ray = pytest.importorskip("ray")
PATIENT = {"health_check_timeout_ms": 30000, "health_check_failure_threshold": 10}
"""A busy machine is no lost node."""


@pytest.fixture
def cluster(monkeypatch):
    """A head without a CPU and two nodes of one."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_raylet_start_wait_time_s", "120")
    for left in (
        2,
        1,
        0,
    ):  # Ray waits 15 s for its own helpers to start, which is short where others compute
        made = Cluster()
        try:
            made.add_node(
                num_cpus=0,
                include_dashboard=False,
                include_log_monitor=False,
                no_monitor=True,
                _system_config=PATIENT,
            )
            nodes = [made.add_node(num_cpus=1) for _ in range(2)]
            break
        except Exception as error:
            made.shutdown()
            if not left:
                pytest.skip(
                    f"Ray could not start a node here within its own limits, three times: {error}"
                )
    heard = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield made, nodes
    ray.shutdown()
    made.shutdown()
    for number, handler in heard.items():  # Ray leaves its own
        signal.signal(number, handler)


@pytest.fixture
def measured(tmp_path, monkeypatch):
    """What takes the place of running a cell here and there: it leaves a mark, and waits as long as
    it is held."""
    marks = tmp_path / "marks"
    marks.mkdir()

    def measure(cell) -> dict:
        (marks / f"{cell.id}-{os.getpid()}").touch()
        while (marks / "hold").exists():
            time.sleep(0.02)
        return {
            "values": {
                "sampled": int(cell.id[:3], 16) / 4096,
                "digest": f"of {cell.id}",
                "seconds": 1.0,
            },
            "history": {"reward": [0.25, math.pi]},
            "made": {"hardware": os.environ["OMP_NUM_THREADS"]},
        }

    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
    monkeypatch.setattr(runner, "run", measure)
    monkeypatch.setattr(runner, "_run_there", measure)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return marks


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.skipif(
    "TRLIB_RAY" not in os.environ,
    reason="Ray's start gives up on a busy machine; TRLIB_RAY=1 runs it",
)
def test_a_lost_nodes_cell_is_run_again_and_the_record_is_that_of_one_machine(
    tiny, tmp_path, measured, cluster, capfd, monkeypatch
):
    made, (lost, _) = cluster
    alone = conduct(
        plan(load_sweep(str(tiny)), out=tmp_path / "alone"), workers=0, say=lambda line: None
    )
    for mark in measured.iterdir():
        mark.unlink()
    (measured / "hold").touch()
    found: list[str] = []

    def lose() -> None:
        until(lambda: len(list(measured.glob("*-*"))) == 2)
        raylet = lost.all_processes["raylet"][0].process.pid
        own = [
            pid
            for pid in (int(mark.name.split("-")[1]) for mark in measured.glob("*-*"))
            if psutil.Process(pid).ppid() == raylet
        ]
        found.extend(mark.name.split("-")[0] for pid in own for mark in measured.glob(f"*-{pid}"))
        for pid in (raylet, *own):
            os.kill(pid, signal.SIGKILL)
        until(lambda: not any(map(alive, own)))
        (measured / "hold").unlink()

    thread = threading.Thread(target=lose)
    thread.start()
    told: list[str] = []
    before = signal.getsignal(signal.SIGTERM)
    done = conduct(
        plan(load_sweep(str(tiny)), out=tmp_path / "out"), ray=made.address, say=told.append
    )
    thread.join()
    assert (done.ran, done.failed, done.status) == (4, [], 0) and len(found) == 1
    assert "4 cells to run, 0 recorded; 2 at a time" in told[0] and len(told) == 5
    assert len(list(measured.glob(f"{found[0]}-*"))) == 2 and len(list(measured.glob("*-*"))) == 5
    same = ["cell", "label", "updates", "status", "sampled", "digest", "hardware"]
    assert done.runs[same].values.tolist() == alone.runs[same].values.tolist() and set(
        done.runs["hardware"]
    ) == {"1"}
    with closing(sqlite3.connect(tmp_path / "out" / "cells.sqlite")) as file:
        assert file.execute("SELECT count(*), count(DISTINCT cell) FROM cells").fetchall() == [
            (4, 4)
        ]
    assert (tmp_path / "out/history.csv.xz").read_bytes() == (
        tmp_path / "alone/history.csv.xz"
    ).read_bytes()
    assert capfd.readouterr().out == "", "Ray's own words are no result"
    assert not ray.is_initialized() and signal.getsignal(signal.SIGTERM) is before

    # A job that takes too long, one that raises and one that ends its process; the cells in hand at
    # a Ctrl-C.
    from trlab import cluster as there

    monkeypatch.setattr(there, "RETRIES", 0)
    assert there.connect(made.address) >= 1
    jobs = ["6 * 7", "1 / 0", "__import__('time').sleep(60)", "__import__('os')._exit(7)"]
    results = {
        job: result for job, result, _ in there.run_there(eval, jobs, threading.Event(), seconds=2)
    }
    assert results["6 * 7"] == 42 and results["1 / 0"].kind == "ZeroDivisionError"
    assert results[jobs[2]] == Failure(
        "too long", "stopped after 2 s, the budget's limit for a cell"
    )
    assert results[jobs[3]].kind == "died"
    (measured / "hold").touch()
    sweep = plan(load_sweep(str(tiny)), out=tmp_path / "stopped")

    def interrupt() -> None:
        until(lambda: len(list(measured.glob("*-*"))) > 5)
        os.kill(os.getpid(), signal.SIGINT)
        (measured / "hold").unlink()

    thread = threading.Thread(target=interrupt)
    thread.start()
    stopped = conduct(sweep, ray=made.address, say=told.append)
    thread.join()
    assert (
        stopped.status == 130
        and 1 <= stopped.ran <= 2
        and told[-1 - stopped.ran].startswith("stopping when")
    )


def test_without_ray_or_a_cluster_the_sweep_says_so_in_a_line(tiny, tmp_path, capsys, monkeypatch):
    command = f"sweep {tiny} --out {tmp_path / 'out'} --ray"
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "ray", None)
        assert typed(f"{command} auto") == 1
    assert capsys.readouterr().err.splitlines() == [
        "trlib: error: --ray: expected Ray, which is not installed: pip install 'ray>=2.40'"
    ]
    for address in ("127.0.0.1:1", "nowhere"):
        assert typed(f"{command} {address}") == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(
            f"trlib: error: --ray: expected a cluster that runs at {address!r}, got none ("
        )
    assert typed(f"{command} 127.0.0.1:1 --workers 2") == 1
    assert "--ray: expected it without --workers and --verify" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
