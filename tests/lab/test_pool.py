"""Workers that raise, die, hang and are stopped. A job is a Python expression: `eval` is the
work."""

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import pytest

from trlab.pool import THREADS, Failure, attempt, run_here, run_jobs

DIE = "__import__('os').kill(__import__('os').getpid(), 9)"


def results(jobs, *, workers, seconds=60, **more):
    """What each expression came to."""
    ended = run_jobs(eval, jobs, threading.Event(), workers=workers, seconds=seconds, **more)
    return {job: result for job, result, _ in ended}


def here(jobs):
    """The same in this process."""
    return {job: result for job, result, _ in run_here(eval, jobs, threading.Event())}


def test_errors_and_deaths_are_reported_and_the_rest_goes_on():
    jobs = ["6 * 7", "1 / 0", DIE, "print('out of the way') or 43"]
    found = results(jobs, workers=2)
    assert found["6 * 7"] == 42 and found[jobs[3]] == 43
    assert found["1 / 0"] == Failure("ZeroDivisionError", "division by zero (<string>, line 1)")
    assert found[DIE] == Failure("died", "its worker ended twice; out of memory?")


@pytest.mark.nightly("starts workers, and waits for them to die or to be stopped")
def test_a_job_that_would_end_its_process_fails_alone():
    leave, vanish = "__import__('sys').exit('enough')", "__import__('os')._exit(7)"
    found = results([leave, vanish, "5"], workers=1)
    left = Failure("SystemExit", "enough (<string>, line 1)")
    assert found[leave] == left and found["5"] == 5
    assert found[vanish].kind == "died"
    assert here([leave, "5"]) == {leave: left, "5": 5}


def test_an_error_says_where_in_ones_own_file_and_else_where_at_all(tmp_path):
    mine = tmp_path / "mine.py"
    mine.write_text("import json\n\n\ndef fails(text):\n    return json.loads(text)\n")
    spent = {"__name__": "mine"}
    exec(compile(mine.read_text(), str(mine), "exec"), spent)
    found = attempt(spent["fails"], "{")
    assert found.kind == "JSONDecodeError" and found.text.endswith(" (mine.py, line 5)"), (
        "not in json's own decoder"
    )
    assert str(tmp_path) not in str(found), "no place on this machine"
    nowhere = attempt(int, "x")  # nothing of one's own led there
    assert nowhere.text.startswith(
        "invalid literal for int() with base 10: 'x' (trlab/pool.py, line "
    )


@pytest.mark.nightly("starts workers, and waits for them to die or to be stopped")
def test_a_job_that_hangs_is_stopped_and_none_is_charged_for_the_start_of_its_worker():
    # Each start takes longer than a job may: the interpreter's, and 2 s beside.
    hang, slow = "exec('while True: pass')", partial(time.sleep, 2)
    found = {
        job: (result, seconds)
        for job, result, seconds in run_jobs(
            eval, ["5", hang, "6"], threading.Event(), workers=1, seconds=1.9, prepare=slow
        )
    }
    assert found["5"][0] == 5 and found["5"][1] < 1.9 and found["6"][0] == 6 and found["6"][1] < 1.9
    late = Failure("too long", "stopped after 1.9 s, the budget's limit for a cell")
    assert found[hang][0] == late and found[hang][1] >= 1.9


@pytest.mark.nightly("starts workers, and waits for them to die or to be stopped")
def test_a_job_whose_worker_died_once_succeeds_in_another_one_that_runs_one_thread(tmp_path):
    mark = tmp_path / "begun"
    second = (
        f"__import__('os').path.exists({str(mark)!r}) or (open({str(mark)!r}, 'w').close(), {DIE})"
    )
    threads = f"[__import__('os').environ[name] for name in {THREADS}]"
    before = {name: os.environ.get(name) for name in THREADS}
    found = results([second, threads], workers=1)
    assert found == {second: True, threads: ["1"] * len(THREADS)}
    assert {name: os.environ.get(name) for name in THREADS} == before


def test_when_told_to_stop_what_is_in_hand_is_finished_and_nothing_else_is_begun():
    stop, found = threading.Event(), []
    for job, result, _ in run_jobs(eval, ["1", "2", "3", "4"], stop, workers=1, seconds=60):
        found.append((job, result))
        stop.set()
    assert found == [("1", 1)]


GROUP = """
import signal, sys, threading
from trlab.pool import run_jobs

if __name__ == "__main__":
    stop, heard = threading.Event(), threading.Event()
    number = int(sys.argv[1])
    signal.signal(number, lambda *_: heard.set() or print("heard", flush=True))
    print("begun", flush=True)
    jobs = run_jobs(eval, ["6 * 7", f"__import__('signal').getsignal({number}).name"], stop, workers=1, seconds=60)
    print(*[result for _, result, _ in jobs], flush=True)
    heard.wait(300)  # the jobs may be done before the signal comes
"""


@pytest.mark.nightly("starts workers, and waits for them to die or to be stopped")
@pytest.mark.parametrize(
    ("later", "sent"),
    [(0.0, signal.SIGINT), (0.0, signal.SIGTERM), (0.8, signal.SIGINT), (0.8, signal.SIGTERM)],
)
def test_what_stops_every_process_reaches_no_worker_that_is_starting(tmp_path, later, sent):
    # A terminal interrupts every process of the command's group, a batch system ends every process
    # of a job.
    (tmp_path / "group.py").write_text(GROUP)
    command = subprocess.Popen(
        [sys.executable, str(tmp_path / "group.py"), str(int(sent))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    assert command.stdout.readline() == "begun\n"
    time.sleep(later)
    os.killpg(command.pid, sent)
    out, err = command.communicate(timeout=300)
    assert (sorted(out.splitlines()), err, command.returncode) == (["42 SIG_IGN", "heard"], "", 0)


def test_ctrl_c_in_a_job_of_this_process_leaves_those_before_it():
    stop, begun = threading.Event(), []

    def work(job):
        begun.append(job)
        if job == "2":
            raise KeyboardInterrupt  # as `cells.run` does where `train` has heard it
        return job

    found = [(job, result) for job, result, _ in run_here(work, ["1", "2", "3"], stop)]
    assert found == [("1", "1")] and begun == ["1", "2"] and stop.is_set()


@pytest.mark.nightly("starts workers, and waits for them to die or to be stopped")
def test_workers_are_gone_when_their_results_are_no_longer_wanted():
    jobs = run_jobs(
        eval,
        ["__import__('os').getpid()", "__import__('time').sleep(60)"],
        threading.Event(),
        workers=1,
        seconds=60,
    )
    _, worker, _ = next(jobs)
    jobs.close()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.kill(worker, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError(f"worker {worker} is still there")
