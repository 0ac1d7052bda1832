"""`trlib sweep` as a reader runs it: killed, resumed, stopped, with a method of one's
own, verified."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.lab.records import TINY, runs_of, ship, until
from tests.typed import typed
from trlab import record as records
from trlab import runner
from trlab.findings import table
from trlab.record import load
from trlab.runner import conduct, plan
from trlab.sweep import load_sweep
from trlab.verdicts import judge
from trlib.errors import CheckpointError

OWN = '''
from dataclasses import dataclass
from trlib.algorithms import PPO

@dataclass(frozen=True, kw_only=True)
class {name}(PPO):
    """One's own."""
    def objective(self, scores, batch):
        {does}
        return super().objective(scores, batch)
'''
HERE = "--workers 0 --quiet"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The tiny sweep, run in one piece in this process."""
    path = tmp_path_factory.mktemp("whole") / "tiny.py"
    path.write_text(TINY)
    return conduct(
        plan(load_sweep(str(path)), out=path.parent / "out"), workers=0, say=lambda line: None
    ).runs


def ended(folder):
    """The files of the cells that have ended."""
    return {path.name: path.read_bytes() for path in folder.glob("cells/*.json")}


def processes():
    """Parent and state (Z: dead, and nobody has looked) of every process."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,stat="], capture_output=True, text=True, check=True
    ).stdout
    return {
        int(pid): (int(parent), state[0])
        for pid, parent, state in map(str.split, listed.splitlines())
    }


@pytest.mark.test_all("starts a process with a worker, kills it and waits for both")
def test_killed_and_run_again_it_goes_on_and_ends_as_if_nothing_had_been(
    tiny, tmp_path, whole, capsys
):
    out = tmp_path / "out"
    command = f"-m trlib sweep {tiny} --out {out} --workers 1".split()
    process = subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until(lambda: ended(out) or process.poll() is not None, step=0.02)
    family = [pid for pid, (parent, _) in processes().items() if parent == process.pid]
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    # No worker outlives it.
    until(lambda: all(processes().get(pid, (0, "Z"))[1] == "Z" for pid in family), step=0.2)
    before = ended(out)
    assert 1 <= len(before) < 4 and family

    assert typed(f"sweep {tiny} --out {out} {HERE} --json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["ran"] == 4 - len(before) and document["interrupted"] is False
    assert not ended(out)
    runs = pd.read_csv(out / "runs.csv.xz", dtype=str)
    # Worker or not, killed or not: the same numbers to the last bit.
    assert (
        runs["digest"].tolist() == whole["digest"].tolist()
        and runs["label"].tolist() == ["ppo", "wide"] * 2
    )


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_finishes_the_cell_in_hand_and_the_next_call_goes_on(tiny, tmp_path, sent, status):
    before = signal.getsignal(sent)
    messages = []

    def say(line):
        messages.append(line)
        if line.startswith("   1/4"):
            os.kill(os.getpid(), sent)

    planned = plan(load_sweep(str(tiny)), out=tmp_path / "out")
    done = conduct(planned, workers=0, say=say)
    assert done.interrupted and done.status == status and done.ran == 1 and len(done.runs) == 1
    assert "Ctrl-C again: at once" in messages[-1] and signal.getsignal(sent) == before
    assert len(plan(load_sweep(str(tiny)), out=tmp_path / "out").missing) == 3


def test_ctrl_c_without_workers_keeps_the_cells_before_and_what_a_method_prints_is_not_the_result(
    tiny, tmp_path, capsys, monkeypatch
):
    # As a terminal does it, in the middle of the second cell.
    does = (
        "import os, signal; print('from within')\n        if self.eps_low == .3: "
        "os.kill(os.getpid(), signal.SIGINT)"
    )
    (tmp_path / "my.py").write_text(OWN.format(name="Stopping", does=does))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "one.py").write_text(
        tiny.read_text()
        .replace(
            '[Variant("ppo"), Variant("dppo", {"delta_tv": 0.3}, label="wide")]',
            '[Variant("my.py:Stopping"), Variant("my.py:Stopping", {"eps_low": .3}, '
            'label="second")]',
        )
        .replace('higher="ppo"', 'higher="Stopping"')
        .replace("steps=1", "steps=2")
    )
    assert typed(f"sweep one.py --json {HERE}") == 130
    output = capsys.readouterr()
    document = json.loads(output.out)
    assert document["interrupted"] and document["ran"] == 1 and document["failed"] == []
    assert output.err.splitlines()[0] == "from within"
    runs = pd.read_csv("sweeps/one/runs.csv.xz")
    assert runs[["label", "status"]].values.tolist() == [["Stopping", "done"]]


def test_progress_says_what_is_done_and_how_long_the_rest_takes_by_cells_of_its_place(
    tiny, tmp_path
):
    from dataclasses import replace

    messages = []
    planned = plan(replace(load_sweep(str(tiny)), seeds=(0, 1)), out=tmp_path / "out")
    progress = runner._Progress(planned, 8, 2, messages.append)
    first, second, third, *_ = planned.cells
    row = {"status": "done", "sampled": 0.25, "seconds": 3.0}  # of training: a cell takes longer
    progress.ended(first, row, 30.0)  # 7 cells of 30 s on two workers
    assert messages.pop() == "   1/8  ppo, updates 1, seed 0: sampled 0.250 in 30.0 s; 2 min left"
    progress.ended(second, row, 90.0)
    # ppo's second seed 30 s, wide's 90 s, the other four 60 s each
    assert progress.remaining() == (30 + 90 + 4 * 60) / 2
    progress.ended(third, {"status": "failed", "error": "died: x"}, 5.0)
    assert messages.pop() == "   3/8  ppo, updates 2, seed 0: failed: died: x"
    assert [runner.duration(s) for s in (89, 5000, 7500)] == ["89 s", "83 min", "2 h 05 min"]


def test_ones_own_method_stands_beside_the_record_and_one_that_fails_is_reported(
    tiny, tmp_path, whole, capsys, monkeypatch
):
    first = plan(load_sweep(str(tiny)), out=tmp_path / "none")
    rows = {row["cell"]: row for row in whole.to_dict("records")}
    first.record.rows.update(rows)
    monkeypatch.setattr("trlab.questions.RECORDS", tmp_path / "records")
    ship(monkeypatch, first.record, first.sweep)
    (tmp_path / "my.py").write_text(OWN.format(name="Fine", does="pass"))
    (tmp_path / "bad.py").write_text(
        OWN.format(name="Bad", does="raise ValueError('eps: expected less')")
    )
    monkeypatch.chdir(tmp_path)
    command = f"sweep tiny.py --method my.py:Fine --method bad.py:Bad {HERE}"
    assert typed(f"{command} --json") == 1
    document = json.loads(capsys.readouterr().out)
    assert document["ran"] == 4
    assert {row["label"]: (row["runs"], row["failed"]) for row in document["table"]} == {
        "ppo": (1, 0),
        "wide": (1, 0),
        "Fine": (1, 0),
        "Bad": (0, 1),
    }
    assert document["table"][3]["sampled"] is None
    why = "MethodError: batch 0: Bad.objective (bad.py:9): eps: expected less"
    assert [f["error"] for f in document["failed"]] == [why] * 2
    runs = pd.read_csv("sweeps/tiny/runs.csv.xz", dtype=str).fillna("")
    assert runs["status"].tolist() == ["done", "done", "done", "failed"] * 2
    assert runs["error"].tolist()[3] == why and runs["method"].tolist()[2] == "my.py:Fine"
    assert load(Path("sweeps/tiny")).runs()["command"].tolist()[2] == (
        "trlib sweep tiny.py --method my.py:Fine --method bad.py:Bad"
    )
    assert runs["digest"].tolist()[:2] == whole["digest"].tolist()[:2]
    # What failed is tried again, what is done is not; --remake does not count what ships.
    assert typed(f"{command} --dry-run") == 0
    assert "8 cells, 2 to run" in capsys.readouterr().out
    assert typed(f"{command} --dry-run --remake") == 0
    assert "8 cells, 6 to run" in capsys.readouterr().out


def test_tables_that_a_full_disk_or_a_kill_prevented_are_written_by_the_next_call(
    tiny, tmp_path, whole, capsys, monkeypatch
):
    def full(path, content):
        if path.name == "runs.csv.xz":
            raise CheckpointError(f"out: cannot write {str(path)!r}: No space left on device")
        write(path, content)

    out, write = tmp_path / "out", records.write
    command = f"sweep {tiny} --out {out} {HERE}"
    with monkeypatch.context() as patched:
        patched.setattr(records, "write", full)
        assert typed(command) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert len(ended(out)) == 4 and not (out / "runs.csv.xz").exists()
    copied = tmp_path / "copied"  # as from another machine
    shutil.copytree(out / "cells", copied / "cells")
    for folder in (out, copied):
        assert typed(f"sweep {tiny} --out {folder} {HERE} --json") == 0
        assert json.loads(capsys.readouterr().out)["ran"] == 0 and not ended(folder)
        runs = pd.read_csv(folder / "runs.csv.xz", dtype=str)
        assert runs["digest"].tolist() == whole["digest"].tolist()
    monkeypatch.setattr(records, "write", full)
    assert typed(command) == 0, "what is whole is not written again"


def test_those_that_are_left_do_not_speak_for_those_that_failed(tiny):
    from dataclasses import replace

    from trlab import Prediction

    sweep = replace(load_sweep(str(tiny)), seeds=range(6))
    ends = {(label, at): 0.5 + np.arange(6) / 100 for label in ("ppo", "wide") for at in ("1", "2")}
    runs = runs_of(ends, "updates", kl=math.nan)
    runs.loc[(runs["label"] == "wide") & (runs["updates"] == "2"), "status"] = "failed"
    first, *_, last = table(sweep, runs).to_dict("records")
    assert (first["runs"], first["failed"]) == (6, 0) == (last["failed"], last["runs"])
    assert first["sampled"] == pytest.approx(0.525)
    assert first["low"] < first["sampled"] < first["high"]
    claims = [
        Prediction("wide learns however stale", higher="wide", lower=0.1),
        Prediction("and above ppo", higher="wide", lower="ppo"),
        Prediction("at one it does", higher="wide", lower=0.1, at={"updates": "1"}),
        Prediction("it moves", higher="ppo", lower=0.1, measure="kl"),
    ]
    found = judge(replace(sweep, predictions=claims), runs)
    assert [(f.verdict, f.note) for f in found] == [
        ("incomplete", "6 of 12 runs, 6 failed"),
        ("incomplete", "18 of 24 runs, 6 failed"),
        ("description", ""),
        ("not measured", "a run without kl"),
    ]
    assert str(found[0]) == "incomplete: wide learns however stale; 6 of 12 runs, 6 failed"
    shard = judge(replace(sweep, predictions=claims[2:3]), runs[runs.seed < 2])
    assert [(f.verdict, f.note) for f in shard] == [("incomplete", "2 of 6 runs")]


def test_the_list_and_what_cannot_be_done(tiny, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert typed("sweep --json") == 0
    listed = json.loads(capsys.readouterr().out)
    assert set(listed["reuse"]) == {"text", "recorded"} and "dial_methods" in listed
    (tmp_path / "file").write_text("")
    for argv, words in (
        ("resue", "did you mean 'reuse'?"),
        (f"{tiny} --verify", "no cell of 'tiny' is recorded"),
        (f"{tiny} --workers -1", "--workers: expected 0 or more, got -1"),
        (f"{tiny} --verify 0", "--verify: expected 1 or more cells, got 0"),
        (f"{tiny} --out file/x {HERE}", "out: cannot write to 'file/x'"),
        (f"{tiny} --method my.py", "method: expected FILE.py:NAME, got 'my.py'"),
    ):
        assert typed(f"sweep {argv}") == 1
        captured = capsys.readouterr()
        assert words in captured.err and captured.out == "", captured.err
    assert {path.name for path in tmp_path.iterdir() if path.is_file()} == {"file", "tiny.py"}


def test_a_sweep_of_which_nothing_ends_well_says_why(tiny, tmp_path, capsys, monkeypatch):
    (tmp_path / "bad.py").write_text(
        OWN.format(name="Bad", does="raise ValueError('eps: expected less')")
    )
    sweep = tiny.read_text().replace(
        '[Variant("ppo"), Variant("dppo", {"delta_tv": 0.3}, label="wide")]',
        '[Variant("bad.py:Bad")]',
    )
    (tmp_path / "none.py").write_text(sweep[: sweep.index("    predictions=")] + ")\n")
    monkeypatch.chdir(tmp_path)
    assert typed(f"sweep none.py {HERE}") == 1
    output = capsys.readouterr()
    assert (output.out + output.err).count(
        "eps: expected less"
    ) >= 2 and "Traceback" not in output.err
