"""The journal: what a kill, a full disk, a second process, another version and a damaged file do to
it."""

import json
import math
import os
import resource
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from tests.lab.records import entry
from trlab.journal import Journal, RecordError, put
from trlab.record import load
from trlib.errors import CheckpointError, TrlibError

CHANGED = {"train": {"lr": 1e-3}}


def filled(folder, *keys):
    journal = Journal(folder, "s", CHANGED)
    for key in keys:
        put(journal.path, *entry(key))
    journal.close()
    return journal.path


KILLED = """
import os, sqlite3, sys
file = sqlite3.connect(sys.argv[1], isolation_level=None)
file.execute("PRAGMA cache_size = 1")  # so that what is being written reaches the file before it is whole
file.execute("BEGIN IMMEDIATE")
file.execute("UPDATE cells SET entry = 'torn'")
file.execute("INSERT INTO cells VALUES ('b', 'done', 'torn', ?)", ["x" * 10**6])
os.kill(os.getpid(), 9)
"""


def test_a_cell_that_was_being_written_is_none_and_the_next_is_written_as_ever(tmp_path):
    path = filled(tmp_path, "a")
    size = path.stat().st_size
    assert (
        subprocess.run([sys.executable, "-c", KILLED, str(path)], check=False).returncode
        == -signal.SIGKILL
    )
    assert path.stat().st_size > size + 10**5 and path.with_name("cells.sqlite-journal").is_file()
    assert load(tmp_path).rows == {"a": entry("a")[0]}
    filled(tmp_path, "c")
    found = load(tmp_path)
    assert list(found.rows) == ["a", "c"] and found.rows["c"]["sampled"] == 0.1 + 0.2
    assert found.histories["c"]["reward"] == [0.1, 1 / 3] and math.isnan(
        found.histories["c"]["kept"][1]
    )


@pytest.mark.parametrize(
    "made", ["", "CREATE TABLE cells (cell TEXT PRIMARY KEY, status TEXT, entry, history)"]
)
def test_a_journal_whose_making_was_cut_short_holds_nothing_and_is_made(tmp_path, made):
    with closing(sqlite3.connect(tmp_path / "cells.sqlite")) as file:
        file.execute(made)
    assert load(tmp_path).rows == {}
    filled(tmp_path, "a")
    assert list(load(tmp_path).rows) == ["a"]


def test_a_cell_that_is_done_is_never_undone(tmp_path):
    path = filled(tmp_path)
    for key, status, value in (
        ("a", "failed", 0),
        ("a", "done", 1),
        ("a", "failed", 2),
        ("b", "failed", 3),
    ):
        put(path, *entry(key, status, value=value))
    found = load(tmp_path)
    assert (found.rows["a"]["status"], found.rows["a"]["value"], found.rows["b"]["status"]) == (
        "done",
        1,
        "failed",
    )


def test_a_full_disk_is_named_and_leaves_the_finished_cells(tmp_path):
    path = filled(tmp_path, "a")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, before[1]))
    try:
        with pytest.raises(
            RecordError,
            match=r"cannot write to .*cells.sqlite': .+; the cells .* are kept: make room",
        ):
            put(path, *entry("b", error="x" * 10000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert list(load(tmp_path).rows) == ["a"]
    put(path, *entry("b"))
    assert list(load(tmp_path).rows) == ["a", "b"]


def test_a_folder_that_cannot_be_written_is_named_before_any_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match=r"out: cannot write to .*: Not a directory"):
        Journal(tmp_path / "file" / "out", "s", {})
    if os.geteuid() != 0:  # root may write anywhere
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(CheckpointError, match=r"out: cannot write .*: Permission denied"):
            Journal(tmp_path / "locked", "s", {})
    assert issubclass(RecordError, TrlibError)


def test_a_second_process_is_kept_out_and_a_shard_is_not(tmp_path):
    first = Journal(tmp_path, "s", {})
    with pytest.raises(
        CheckpointError,
        match=r"out: expected one process at a time to run this into .* \(wait for it, "
        r"or give another --out or --shard\), got a second one, which this ",
    ):
        Journal(tmp_path, "s", {})
    second = Journal(tmp_path, "s", {}, (2, 3))
    assert second.path == first.path
    for i in range(4):
        put((first, second)[i % 2].path, *entry(str(i)))
    assert list(load(tmp_path).rows) == ["0", "1", "2", "3"]
    first.close()
    second.close()
    Journal(tmp_path, "s", {}).close()


def test_a_damaged_or_foreign_journal_is_named_and_left_as_it_is(tmp_path):
    path = filled(tmp_path, "a", "b")
    whole = path.read_bytes()
    about = json.dumps({"format": 2, "sweep": "s", "defaults": CHANGED})
    for change, words in (
        ("UPDATE cells SET entry = '{' WHERE cell = 'b'", "got a damaged one .Expecting"),
        ("UPDATE cells SET history = 'x'", "got a damaged one .Expecting"),
        ("UPDATE cells SET entry = '[]'", "got a damaged one .a cell of list"),
        ("UPDATE cells SET entry = '{}'", "got a damaged one .a cell of dict"),
        ("DROP TABLE cells", r"cannot read '.*cells.sqlite': no such table: cells"),
        (
            f"UPDATE about SET text = '{about.replace(json.dumps(CHANGED), '3')}'",
            "got a damaged one .defaults of int",
        ),
        (
            f"UPDATE about SET text = '{about.replace('2', '3')}'",
            "another version of the package: expected format 2, got 3",
        ),
        ("UPDATE about SET text = '{}'", "expected format 2, got None"),
    ):
        with closing(sqlite3.connect(path, isolation_level=None)) as file:
            file.execute(change)
        damaged = path.read_bytes()
        with pytest.raises(RecordError, match=words):
            load(tmp_path)
        assert path.read_bytes() == damaged != whole
        path.write_bytes(whole)
    for content in (b"torn" * 100, whole[:5000], whole[:100] + bytes(4000) + whole[4100:]):
        path.write_bytes(content)
        with pytest.raises(
            RecordError,
            match=r"expected a whole record in .*cells.sqlite', got a damaged one .*away",
        ):
            load(tmp_path)
    path.write_bytes(whole)
    with pytest.raises(RecordError, match=r"default of train lr was 0.001; now it is 0.0001"):
        load(tmp_path, {"train": {"lr": 1e-4}})
    assert (
        len(load(tmp_path, {"train": {"lr": 1e-3, "new": 1}}).rows) == 2
    )  # a new argument is no reason to refuse
