"""Workers that raise, die, hang and are stopped. A job is a Python expression: `eval` is the work."""

from __future__ import annotations

import os
import threading
import time

from trlib.lab.pool import THREADS, Failure, run_here, run_jobs

DIE = "__import__('os').kill(__import__('os').getpid(), 9)"


def test_errors_and_deaths_are_reported_and_the_rest_goes_on():
    jobs = ["6 * 7", "1 / 0", DIE, "print('out of the way') or 43"]
    found = dict(run_jobs(eval, jobs, threading.Event(), workers=2, seconds=60))
    assert found["6 * 7"] == 42 and found[jobs[3]] == 43
    assert found["1 / 0"] == Failure("ZeroDivisionError", "division by zero")
    assert found[DIE].kind == "died" and "by signal 9 (SIGKILL), 2 times; out of memory?" in found[DIE].text


def test_a_job_that_would_end_its_process_fails_alone():
    leave, vanish = "__import__('sys').exit('enough')", "__import__('os')._exit(7)"
    found = dict(run_jobs(eval, [leave, vanish, "5"], threading.Event(), workers=1, seconds=60))
    assert found[leave] == Failure("SystemExit", "enough") and found["5"] == 5
    assert found[vanish] == Failure("died", "its worker ended with 7, 2 times")
    assert list(run_here(eval, [leave, "5"], threading.Event())) == [(leave, Failure("SystemExit", "enough")), ("5", 5)]


def test_a_job_that_hangs_is_stopped():
    job = "__import__('time').sleep(60)"
    found = dict(run_jobs(eval, [job], threading.Event(), workers=1, seconds=0.5))
    assert found[job].kind == "too long" and "0.5 s" in found[job].text


def test_a_job_whose_worker_died_once_succeeds_in_another_one_that_runs_one_thread(tmp_path):
    mark = tmp_path / "begun"
    second = f"__import__('os').path.exists({str(mark)!r}) or (open({str(mark)!r}, 'w').close(), {DIE})"
    threads = f"[__import__('os').environ[name] for name in {THREADS}]"
    before = {name: os.environ.get(name) for name in THREADS}
    found = dict(run_jobs(eval, [second, threads], threading.Event(), workers=1, seconds=60))
    assert found == {second: True, threads: ["1"] * len(THREADS)}
    assert {name: os.environ.get(name) for name in THREADS} == before


def test_when_told_to_stop_what_is_in_hand_is_finished_and_nothing_else_is_begun():
    stop = threading.Event()
    found = []
    for job, result in run_jobs(eval, ["1", "2", "3", "4"], stop, workers=1, seconds=60):
        found.append((job, result))
        stop.set()
    assert found == [("1", 1)]
    stop.clear()
    for job, _ in run_here(eval, ["1", "2"], stop):
        found.append(job)
        stop.set()
    assert found[1:] == ["1"]


def test_workers_are_gone_when_their_results_are_no_longer_wanted():
    jobs = run_jobs(eval, ["__import__('os').getpid()", "__import__('time').sleep(60)"], threading.Event(), workers=1,
                    seconds=60)
    _, worker = next(jobs)
    jobs.close()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError(f"worker {worker} is still there")
