"""The record: what a kill, a full disk, a second process, another version and a damaged file do to it."""

from __future__ import annotations

import json
import math
import os
import resource
import signal
import subprocess
from pathlib import Path

import pytest

from trlib.errors import TrlibError
from trlib.lab import circumstances
from trlib.lab import record as records
from trlib.lab.cells import cells, defaults
from trlib.lab.record import Journal, Record, RecordError, declaration, load, recorded, save_tables
from trlib.lab.sweep import load_sweep

CHANGED = {"train": {"lr": 1e-3}}


def entry(key: str, status: str = "done", **values) -> dict:
    history = {"reward": [0.1, 1 / 3], "kept": [1.0, math.nan]}
    return {"row": {"cell": key, "status": status, "sampled": 0.1 + 0.2, "digest": f"of {key}", **values},
            "history": history if status == "done" else None}


def filled(folder: Path, *keys: str) -> Path:
    journal = Journal(folder, "s", CHANGED)
    for key in keys:
        journal.append(entry(key))
    journal.close()
    return journal.path


def test_a_line_that_was_being_written_is_no_cell_and_makes_room_for_the_next(tmp_path):
    path = filled(tmp_path, "a", "b")
    whole = path.read_bytes()
    for cut in (1, 40, len(json.dumps(entry("b")))):
        path.write_bytes(whole[:-cut])
        assert list(load(tmp_path).rows) == ["a"]
        filled(tmp_path, "c")
        found = load(tmp_path)
        assert list(found.rows) == ["a", "c"] and found.rows["c"]["sampled"] == 0.1 + 0.2
        assert found.histories["c"]["reward"] == [0.1, 1 / 3]


def test_a_cell_that_is_done_is_never_undone(tmp_path):
    journal = Journal(tmp_path, "s", {})
    for key, status, value in (("a", "failed", 0), ("a", "done", 1), ("a", "failed", 2), ("b", "failed", 3)):
        journal.append(entry(key, status, value=value))
    journal.close()
    found = load(tmp_path)
    assert (found.rows["a"]["status"], found.rows["a"]["value"], found.rows["b"]["status"]) == ("done", 1, "failed")


def test_a_full_disk_is_named_and_leaves_the_finished_cells(tmp_path):
    journal = Journal(tmp_path, "s", {})
    journal.append(entry("a"))
    size = journal.path.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, before[1]))  # a part of the next line fits
    try:
        with pytest.raises(RecordError, match=r"cannot write to .*cells.jsonl': File too large; the cells .* are kept"):
            journal.append(entry("b"))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert journal.path.stat().st_size == size
    journal.append(entry("b"))
    journal.close()
    assert list(load(tmp_path).rows) == ["a", "b"]


def test_a_folder_that_cannot_be_written_is_named_before_any_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match=r"out: cannot write to .*: Not a directory"):
        Journal(tmp_path / "file" / "out", "s", {})
    if os.geteuid() != 0:  # root may write anywhere
        (tmp_path / "locked").mkdir(mode=0o500)
        with pytest.raises(RecordError, match=r"out: cannot write to .*: Permission denied"):
            Journal(tmp_path / "locked", "s", {})
    assert issubclass(RecordError, TrlibError)


def test_a_second_process_is_kept_out_and_a_shard_is_not(tmp_path):
    first = Journal(tmp_path, "s", {})
    with pytest.raises(RecordError, match=r"another process is running this sweep into .*expected one at a time"):
        Journal(tmp_path, "s", {})
    second = Journal(tmp_path, "s", {}, (2, 3))
    assert second.path.name == "cells-2-of-3.jsonl"
    first.append(entry("a"))
    second.append(entry("b"))
    assert set(load(tmp_path).rows) == {"a", "b"}
    first.close()
    second.close()


def test_a_damaged_or_foreign_record_is_named_and_left_as_it_is(tmp_path):
    path = filled(tmp_path, "a", "b")
    whole = path.read_text()
    lines = whole.splitlines(keepends=True)
    for text, words in ((lines[0] + lines[1][:30] + "\n" + lines[2], r"cells.jsonl', line 2, got a damaged one"),
                        (lines[0] + "[]\n", "line 2, got a damaged one .a list"),
                        (lines[0] + "{}\n", "line 2, got a damaged one .no cell"),
                        (lines[0] + '{"row": 3, "history": null}\n', "line 2, got a damaged one .no cell"),
                        (lines[0] + '{"row": {"cell": "a"}, "history": null}\n', "line 2, got a damaged one .no cell"),
                        (lines[0].replace(json.dumps(CHANGED), "3"), "line 1, got a damaged one .defaults of int"),
                        (lines[0].replace('"format": 1', '"format": 2') + lines[1], "expected format 1, got 2"),
                        (lines[1], "another version of the package: expected format 1, got None")):
        path.write_text(text)
        with pytest.raises(RecordError, match=words):
            load(tmp_path)
        assert path.read_text() == text
    path.write_text(whole)
    with pytest.raises(RecordError, match=r"default of train lr was 0.001; now it is 0.0001"):
        load(tmp_path, {"train": {"lr": 1e-4}})
    assert len(load(tmp_path, {"train": {"lr": 1e-3, "new": 1}}).rows) == 2  # a new argument is no reason to refuse


def test_the_tables_keep_every_digit_and_are_a_record_themselves(tmp_path, tiny):
    sweep = load_sweep(str(tiny))
    found = cells(sweep)
    record = Record()
    for i, cell in enumerate(found[:3]):
        status = "failed" if i == 2 else "done"
        made = entry(cell.id, status, sampled=0.1 + 0.2 * i, error="died, twice" if i == 2 else "", commit="0012345678")
        record.add({**declaration(cell), **made["row"]}, made["history"])
    save_tables(tmp_path, record, found, defaults(found))
    again = load(tmp_path, defaults(found))
    assert [again.rows[c.id]["sampled"] for c in found[:3]] == [0.1, 0.1 + 0.2, 0.1 + 0.2 * 2]
    assert [again.done(cell) for cell in found] == [True, True, False, False]
    assert again.rows[found[2].id]["error"] == "died, twice" and again.rows[found[0].id]["error"] == ""
    assert again.rows[found[0].id]["commit"] == "0012345678"
    assert again.histories[found[0].id]["reward"] == [0.1, 0.333333]
    runs = again.runs(found)
    assert runs["label"].tolist() == ["ppo", "wide", "ppo"] and runs["updates"].tolist() == ["1", "1", "2"]
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    save_tables(tmp_path, again, found, defaults(found))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    (tmp_path / "history.csv.gz").write_bytes(before["history.csv.gz"][:40])
    with pytest.raises(RecordError, match=r"expected a whole record in .*history.csv.gz'"):
        load(tmp_path)


@pytest.mark.parametrize(("damage", "words"), [
    (lambda text: text.replace("sampled,", "", 1), "row 1 is not as wide as the heading"),
    (lambda text: "\n".join([*text.splitlines()[:2], "garbage", ""]), "row 2 is not as wide as the heading"),
    (lambda text: text.replace("sampled", "smapled", 1), "no column 'sampled'"),
    (lambda text: text.replace("digest", "digets", 1), "no column 'digest'"),
    (lambda text: text.replace("cell", "cel", 1), "no column 'cell'"),
    (lambda text: text.replace("0.30000000000000004", "o.3"), "row 1, column 'sampled': expected a number, got 'o.3'"),
    (lambda text: text.replace("0.30000000000000004", "7"), "row 1, column 'sampled': expected a share .*, got '7'"),
])
def test_a_damaged_table_is_named_with_what_is_wrong(tmp_path, tiny, damage, words):
    found = cells(load_sweep(str(tiny)))
    record = Record()
    for cell in found[:2]:
        made = entry(cell.id)
        record.add({**declaration(cell), **made["row"]}, made["history"])
    save_tables(tmp_path, record, found, defaults(found))
    table = tmp_path / "runs.csv"
    table.write_text(damage(table.read_text()))
    with pytest.raises(RecordError, match=rf"expected a whole record in '.*runs\.csv', got a damaged one .*{words}"):
        load(tmp_path)


def test_a_header_that_is_missing_or_no_text_is_named(tmp_path, tiny):
    found = cells(load_sweep(str(tiny)))
    record = Record()
    made = entry(found[0].id)
    record.add({**declaration(found[0]), **made["row"]}, made["history"])
    save_tables(tmp_path, record, found, defaults(found))
    header = tmp_path / "record.json"
    for content, words in ((b'{"a": "\xff"}', "codec can't decode"),
                           (b'{"format": 1, "defaults": [1]}', "defaults of list"),
                           (b'{"format": 1, "defaults": {"train": 1}}', "defaults of dict")):
        header.write_bytes(content)
        with pytest.raises(RecordError, match=rf"record\.json'.* got a damaged one .*{words}"):
            load(tmp_path)
    header.unlink()
    with pytest.raises(RecordError, match=r"record\.json', got a damaged one .no such file, beside a table of runs"):
        load(tmp_path)
    filled(tmp_path, "a")  # a run that was killed between its tables: the journal has everything
    assert list(load(tmp_path).rows) == ["a"]


def test_what_ships_is_read_by_name(tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(records, "RECORDS", tmp_path / "records")
    with pytest.raises(RecordError, match="expected one of none yet, got 'tiny'; `trlib sweep tiny` makes it"):
        recorded("tiny")
    found = cells(load_sweep(str(tiny)))
    record = Record()
    made = entry(found[1].id)
    record.add({**declaration(found[1]), **made["row"]}, made["history"])
    (tmp_path / "records" / "tiny").mkdir(parents=True)
    save_tables(tmp_path / "records" / "tiny", record, found, defaults(found))
    runs, history = recorded("tiny")
    assert runs["label"].tolist() == ["wide"]
    found = history[["label", "seed", "batch", "reward"]].values.tolist()
    assert found == [["wide", 0, 0, 0.1], ["wide", 0, 1, 0.333333]]


def test_the_commit_is_the_packages_and_says_what_has_changed_since(tmp_path, monkeypatch):
    package = tmp_path / "trlib"
    (package / "lab" / "records").mkdir(parents=True)
    monkeypatch.setattr(circumstances, "__file__", str(package / "lab" / "circumstances.py"))
    (package / "__init__.py").write_text("")

    def git(*words: str) -> str:
        return subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=tmp_path, check=True,
                              capture_output=True, text=True).stdout.strip()

    named = circumstances.commit.__wrapped__  # which is kept for the whole of a process
    git("init", "-q")
    assert named() == ""  # in somebody's repository, and not of it
    git("add", "trlib")
    git("commit", "-qm", "a")
    head = git("rev-parse", "HEAD")[:12]
    assert named() == head
    (tmp_path / "notes").write_text("")
    (package / "lab" / "records" / "runs.csv").write_text("")
    assert named() == head  # neither decides what a cell comes to
    (package / "__init__.py").write_text("x = 1")
    assert named() == f"{head}+changes"
    monkeypatch.setenv("PATH", "")
    assert named() == ""  # no git


def test_benchmarks_name_commit_and_processor_as_the_laboratory_does():
    from benchmarks import record as of_benchmarks

    made = of_benchmarks.circumstances()
    assert made["commit"] == (circumstances.commit() or None)
    assert made["hardware"]["processor"] == circumstances.processor()
    assert of_benchmarks.commit is circumstances.commit


def test_a_folder_is_one_sweeps(tmp_path, tiny):
    found = cells(load_sweep(str(tiny)))
    record, made = Record(), entry(found[0].id)
    record.add({**declaration(found[0]), **made["row"]}, made["history"])
    (tmp_path / "tables").mkdir()
    save_tables(tmp_path / "tables", record, found, defaults(found))
    Journal(tmp_path / "journal", "tiny", defaults(found)).close()
    for name in ("tables", "journal"):
        before = {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        with pytest.raises(RecordError, match=rf"out: expected .* sweep 'other' .*{name}', which holds 'tiny'"):
            Journal(tmp_path / name, "other", {})
        assert {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} == before
        Journal(tmp_path / name, "tiny", {}).close()


def test_cells_that_a_sweep_no_longer_declares_stay_in_its_tables(tmp_path, tiny):
    found = cells(load_sweep(str(tiny)))
    record = Record()
    for cell in found:
        made = entry(cell.id)
        record.add({**declaration(cell), **made["row"]}, made["history"])
    save_tables(tmp_path, record, found[:2], defaults(found))
    again = load(tmp_path, defaults(found))
    assert set(again.rows) == {cell.id for cell in found} and all(again.done(cell) for cell in found)
    assert again.runs(found[:2])["cell"].tolist() == [cell.id for cell in found[:2]]
    rows = (tmp_path / "runs.csv").read_text().splitlines()
    assert [row.split(",")[0] for row in rows[1:3]] == [cell.id for cell in found[:2]]


def test_a_damaged_table_is_made_again_from_its_journal(tmp_path, tiny):
    found = cells(load_sweep(str(tiny)))
    record, journal = Record(), Journal(tmp_path, "tiny", defaults(found))
    made = entry(found[0].id)
    row = {**declaration(found[0]), **made["row"]}
    journal.append({"row": row, "history": made["history"]})
    journal.close()
    record.add(row, made["history"])
    save_tables(tmp_path, record, found, defaults(found))
    (tmp_path / "runs.csv").write_text("torn")
    with pytest.raises(RecordError, match=r"runs.csv'.*or remove '.*record.json': then the tables are made again"):
        load(tmp_path)
    (tmp_path / "record.json").unlink()
    assert load(tmp_path).done(found[0])
