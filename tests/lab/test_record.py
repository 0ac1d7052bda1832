"""The record: what a kill, a full disk, a second process, another version and a damaged file do to it."""

from __future__ import annotations

import gzip
import json
import lzma
import math
import os
import resource
import signal
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from trlib.cli import main
from trlib.errors import TrlibError
from trlib.lab import circumstances
from trlib.lab import record as records
from trlib.lab.cells import MEASURES, cells, defaults
from trlib.lab.record import Journal, Record, RecordError, declaration, load, recorded, save_tables
from trlib.lab.sweep import load_sweep
from trlib.lab.tables import same_digits
from trlib.model import folders

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
    assert again.histories == {cell.id: {"reward": [0.1, 0.3333], "kept": [1.0, pytest.approx(math.nan, nan_ok=True)]}
                               for cell in found[:2]}
    runs = again.runs(found)
    assert runs["label"].tolist() == ["ppo", "wide", "ppo"] and runs["updates"].tolist() == ["1", "1", "2"]
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    save_tables(tmp_path, again, found, defaults(found))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    whole = before["history.csv.xz"]
    for damaged in (whole[:40], b"torn", whole[:20] + b"torn" + whole[24:], lzma.compress(b"metric,batch,a\nkl,0,x\n"),
                    lzma.compress(b"metric,batch,a\nkl,0,1\nkl,1,1\ntv,0,1\n"), lzma.compress(b"batch,a\n0,1\n"), None):
        (tmp_path / "history.csv.xz").unlink()
        if damaged is not None:
            (tmp_path / "history.csv.xz").write_bytes(damaged)
        with pytest.raises(RecordError, match=r"expected a whole record in .*history.csv.*mend it or move it away"):
            load(tmp_path)


def test_what_made_the_cells_stands_once_and_survives_a_kill_between_two_tables(tmp_path, tiny, monkeypatch):
    found = cells(load_sweep(str(tiny)))
    record = Record()
    for cell, day in zip(found, ("20", "20", "21", "22"), strict=True):
        made = entry(cell.id, command="trlib sweep tiny", commit="0012345678", date=f"2026-11-{day}")
        record.add({**declaration(cell), **made["row"]}, made["history"])
    parts = []
    for some in (found[:3], found[2:]):  # the second without the first: as if remade
        parts.append(Record({c.id: record.rows[c.id] for c in some}, {c.id: record.histories[c.id] for c in some}))
    save_tables(tmp_path, parts[0], found, {})
    header = json.loads((tmp_path / "record.json").read_text())
    assert [one["date"] for one in header["made"].values()] == ["2026-11-20", "2026-11-21"] and header["format"] == 2
    assert "0012345678" not in (tmp_path / "runs.csv").read_text()
    for cell in found[:3]:
        assert load(tmp_path).rows[cell.id] == record.rows[cell.id]
    for killed in ("history.csv.xz", "runs.csv"):
        def write(path, content, killed=killed):
            if path.name == killed:
                raise KeyboardInterrupt
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(folders, "write", write)
            save_tables(tmp_path, parts[1], found, {})
        assert {key: row["date"] for key, row in load(tmp_path).rows.items()} == {
            cell.id: record.rows[cell.id]["date"] for cell in found[:3]}
    save_tables(tmp_path, parts[1], found, {})
    made = json.loads((tmp_path / "record.json").read_text())["made"]
    assert [one["date"] for one in made.values()] == ["2026-11-21", "2026-11-22"], "and nothing that made no cell"


def test_tables_of_the_first_format_are_read_and_written_as_the_second_by_the_same_command(tmp_path, tiny):
    out = tmp_path / "out"
    found = cells(load_sweep(str(tiny)))
    rows = [{**declaration(cell), "status": "done", **dict.fromkeys(MEASURES, 0.1 + 0.2),
             "digest": f"of {cell.id}", "command": "trlib sweep tiny.py", "commit": "0012345678"} for cell in found]
    out.mkdir()
    pd.DataFrame(rows).to_csv(out / "runs.csv", index=False)
    (out / "history.csv.gz").write_bytes(gzip.compress("".join(
        ["cell,batch,reward,kept,kl\n", *(f"{cell.id},{i},0.0123456,,{1 - i}\n" for cell in found for i in (0, 1))]
    ).encode()))
    (out / "record.json").write_text(json.dumps({"format": 1, "sweep": "tiny", "defaults": defaults(found)}))
    (out / "cells.jsonl").write_text("")
    before = load(out)
    assert before.histories[found[3].id] == {"reward": [0.0123456] * 2, "kl": [1.0, 0.0]}
    assert main(["sweep", str(tiny), "--out", str(out), "--quiet"]) == 0
    assert {path.name for path in out.iterdir()} == {"cells.jsonl", "record.json", "runs.csv", "history.csv.xz"}
    assert json.loads((out / "record.json").read_text())["format"] == 2
    after = load(out)
    assert after.rows == before.rows and list(after.histories) == [cell.id for cell in found]
    assert after.histories[found[3].id] == {"reward": [0.01235] * 2, "kl": [1.0, 0.0]}


@pytest.mark.parametrize(("recorded", "exact", "same"), [
    (0.3333, 1 / 3, True), (0.3334, 1 / 3, False), (0.3332, 1 / 3, False), (0.01235, 0.0123456, True),
    (1.235, 1.2344963, True), (1.235, 1.2344, False), (10.0, 9.9996, True), (-0.3333, -1 / 3, True), (0.0, 0.0, True),
    (0.0, 1e-9, False), (1e-9, 0.0, False), (math.nan, math.nan, True), (math.nan, 0.5, False), (0.5, math.nan, False),
    (math.inf, math.inf, True), (1.0, math.inf, False)])
def test_a_history_agrees_to_the_digits_that_it_keeps(recorded, exact, same):
    # 1.2344963 is 1.2345 to five digits more and 1.235 to four of those: as a record of six digits was converted.
    assert same_digits(recorded, exact) is same


@pytest.mark.parametrize(("damage", "words"), [
    (lambda text: text.replace("sampled,", "", 1), "row 1 is not as wide as the heading"),
    (lambda text: "\n".join([*text.splitlines()[:2], "garbage", ""]), "row 2 is not as wide as the heading"),
    (lambda text: text.replace("sampled", "smapled", 1), "no column 'sampled'"),
    (lambda text: text.replace("digest", "digets", 1), "no column 'digest'"),
    (lambda text: text.replace("cell", "cel", 1), "no column 'cell'"),
    (lambda text: text.replace("0.30000000000000004", "o.3"), "row 1, column 'sampled': expected a number, got 'o.3'"),
    (lambda text: text.replace("0.30000000000000004", "7"), "row 1, column 'sampled': expected a share .*, got '7'"),
    (lambda text: text.replace("settings", "made", 1), "row 1, column 'made': expected one of none, got '{}'"),
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
                           (b'{"format": 2, "made": {"a": 1}}', "made of dict"),
                           (b'{"format": 1, "defaults": [1]}', "defaults of list"),
                           (b'{"format": 1, "defaults": {"train": 1}}', "defaults of dict")):
        header.write_bytes(content)
        with pytest.raises(RecordError, match=rf"record\.json'.* got a damaged one .*{words}"):
            load(tmp_path)
    header.unlink()
    with pytest.raises(RecordError, match=r"record\.json', got a damaged one .no such file, beside a table of runs"):
        load(tmp_path)
    (tmp_path / "runs.csv").unlink()
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
    assert found == [["wide", 0, 0, 0.1], ["wide", 0, 1, 0.3333]]


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
    with pytest.raises(RecordError, match=r"runs.csv'.*or remove '.*runs.csv': then the tables are made again"):
        load(tmp_path)
    (tmp_path / "runs.csv").unlink()
    assert load(tmp_path).done(found[0])
