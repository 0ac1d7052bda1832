"""The record: what a kill, a full disk, a second process, another version and a damaged file do to
it."""

from __future__ import annotations

import json
import lzma
import math
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.trlab.conftest import entry
from trlab import circumstances
from trlab import record as records
from trlab.cells import cells, defaults
from trlab.files import same_digits
from trlab.journal import Journal, put
from trlab.record import Record, RecordError, complete, declaration, load, recorded, save_tables
from trlab.sweep import load_sweep
from trlab.verdicts import judge
from trlib.model import folders


def journal(folder: Path, sweep: str = "tiny") -> Path:
    """One that has been made and that nobody holds."""
    made = Journal(folder, sweep, {})
    made.close()
    return made.path


def test_the_tables_keep_every_digit_and_are_a_record_themselves(tmp_path, tiny):
    sweep = load_sweep(str(tiny))
    found = cells(sweep)
    record = Record()
    for i, cell in enumerate(found[:3]):
        status = "failed" if i == 2 else "done"
        row, history = entry(
            cell.id,
            status,
            sampled=0.1 + 0.2 * i,
            error="died, twice" if i == 2 else "",
            commit="0012345678",
        )
        record.add({**declaration(cell), **row}, history)
    save_tables(tmp_path, record, found, defaults(found))
    again = load(tmp_path, defaults(found))
    assert [again.rows[c.id]["sampled"] for c in found[:3]] == [0.1, 0.1 + 0.2, 0.1 + 0.2 * 2]
    assert [again.done(cell) for cell in found] == [True, True, False, False]
    assert (
        again.rows[found[2].id]["error"] == "died, twice" and again.rows[found[0].id]["error"] == ""
    )
    assert again.rows[found[0].id]["commit"] == "0012345678"
    assert again.histories == {
        cell.id: {"reward": [0.1, 0.3333], "kept": [1.0, pytest.approx(math.nan, nan_ok=True)]}
        for cell in found[:2]
    }
    runs = again.runs(found)
    assert runs["label"].tolist() == ["ppo", "wide", "ppo"] and runs["updates"].tolist() == [
        "1",
        "1",
        "2",
    ]
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    save_tables(tmp_path, again, found, defaults(found))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before
    whole = before["history.csv.xz"]
    for damaged in (
        whole[:40],
        b"torn",
        whole[:20] + b"torn" + whole[24:],
        lzma.compress(b"metric,batch,a\nkl,0,x\n"),
        lzma.compress(b"metric,batch,a\nkl,0,1\nkl,1,1\ntv,0,1\n"),
        lzma.compress(b"batch,a\n0,1\n"),
        None,
    ):
        (tmp_path / "history.csv.xz").unlink()
        if damaged is not None:
            (tmp_path / "history.csv.xz").write_bytes(damaged)
        with pytest.raises(
            RecordError, match=r"expected a whole record in .*history.csv.*mend it or move it away"
        ):
            load(tmp_path)


def test_what_made_the_cells_stands_once_and_survives_a_kill_between_two_tables(
    tmp_path, tiny, monkeypatch
):
    found = cells(load_sweep(str(tiny)))
    record = Record()
    for cell, day in zip(found, ("20", "20", "21", "22"), strict=True):
        row, history = entry(
            cell.id, command="trlib sweep tiny", commit="0012345678", date=f"2026-11-{day}"
        )
        record.add({**declaration(cell), **row}, history)
    parts = []
    for some in (found[:3], found[2:]):  # the second without the first: as if remade
        parts.append(
            Record(
                {c.id: record.rows[c.id] for c in some},
                {c.id: record.histories[c.id] for c in some},
            )
        )
    save_tables(tmp_path, parts[0], found, {})
    header = json.loads((tmp_path / "record.json").read_text())
    assert [one["date"] for one in header["made"].values()] == [
        "2026-11-20",
        "2026-11-21",
    ] and header["format"] == 3
    assert "0012345678" not in lzma.decompress((tmp_path / "runs.csv.xz").read_bytes()).decode()
    for cell in found[:3]:
        assert load(tmp_path).rows[cell.id] == record.rows[cell.id]
    for killed in ("history.csv.xz", "runs.csv.xz"):

        def write(path, content, killed=killed):
            if path.name == killed:
                raise KeyboardInterrupt
            path.write_bytes(content.encode() if isinstance(content, str) else content)

        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(folders, "write", write)
            save_tables(tmp_path, parts[1], found, {})
        assert {key: row["date"] for key, row in load(tmp_path).rows.items()} == {
            cell.id: record.rows[cell.id]["date"] for cell in found[:3]
        }
    save_tables(tmp_path, parts[1], found, {})
    made = json.loads((tmp_path / "record.json").read_text())["made"]
    assert [one["date"] for one in made.values()] == ["2026-11-21", "2026-11-22"], (
        "and nothing that made no cell"
    )


def test_tables_of_another_format_are_refused_and_left_as_they_are(tmp_path, tiny):
    record, found = Record(), cells(load_sweep(str(tiny)))
    row, history = entry(found[0].id)
    record.add({**declaration(found[0]), **row}, history)
    save_tables(tmp_path, record, found, defaults(found))
    header = tmp_path / "record.json"
    header.write_text(json.dumps({**json.loads(header.read_text()), "format": 1}))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    with pytest.raises(
        RecordError, match=r"another version of the package: expected format 3, got 1; it is left"
    ):
        load(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


@pytest.mark.parametrize(
    ("recorded", "exact", "same"),
    [
        (0.3333, 1 / 3, True),
        (0.3334, 1 / 3, False),
        (0.3332, 1 / 3, False),
        (0.01235, 0.0123456, True),
        (1.235, 1.2344963, True),
        (1.235, 1.2344, False),
        (10.0, 9.9996, True),
        (-0.3333, -1 / 3, True),
        (0.0, 0.0, True),
        (0.0, 1e-9, False),
        (1e-9, 0.0, False),
        (math.nan, math.nan, True),
        (math.nan, 0.5, False),
        (0.5, math.nan, False),
        (math.inf, math.inf, True),
        (1.0, math.inf, False),
    ],
)
def test_a_history_agrees_to_the_digits_that_it_keeps(recorded, exact, same):
    # 1.2344963 is 1.2345 to five digits more and 1.235 to four of those: as a record of six digits
    # was converted.
    assert same_digits(recorded, exact) is same


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda text: text.replace("sampled,", "", 1), "row 1 is not as wide as the heading"),
        (
            lambda text: "\n".join([*text.splitlines()[:2], "garbage", ""]),
            "row 2 is not as wide as the heading",
        ),
        (lambda text: text.replace("sampled", "smapled", 1), "no column 'sampled'"),
        (lambda text: text.replace("digest", "digets", 1), "no column 'digest'"),
        (lambda text: text.replace("cell", "cel", 1), "no column 'cell'"),
        (
            lambda text: text.replace("0.30000000000000004", "o.3"),
            "row 1, column 'sampled': expected a number, got 'o.3'",
        ),
        (
            lambda text: text.replace("0.30000000000000004", "7"),
            "row 1, column 'sampled': expected a share .*, got '7'",
        ),
        (
            lambda text: text.replace("settings", "made", 1),
            "row 1, column 'made': expected one of none, got '{}'",
        ),
    ],
)
def test_a_damaged_table_is_named_with_what_is_wrong(tmp_path, tiny, damage, words):
    found = cells(load_sweep(str(tiny)))
    record = Record()
    for cell in found[:2]:
        row, history = entry(cell.id)
        record.add({**declaration(cell), **row}, history)
    save_tables(tmp_path, record, found, defaults(found))
    table = tmp_path / "runs.csv.xz"
    table.write_bytes(lzma.compress(damage(lzma.decompress(table.read_bytes()).decode()).encode()))
    with pytest.raises(
        RecordError, match=rf"a whole record in '.*runs\.csv\.xz', got a damaged one .*{words}"
    ):
        load(tmp_path)


def test_a_header_that_is_missing_or_no_text_is_named(tmp_path, tiny):
    found = cells(load_sweep(str(tiny)))
    record = Record()
    row, history = entry(found[0].id)
    record.add({**declaration(found[0]), **row}, history)
    save_tables(tmp_path, record, found, defaults(found))
    header = tmp_path / "record.json"
    for content, words in (
        (b'{"a": "\xff"}', "codec can't decode"),
        (b'{"format": 3, "made": {"a": 1}}', "made of dict"),
        (b'{"format": 3, "defaults": [1]}', "defaults of list"),
        (b'{"format": 3, "defaults": {"train": 1}}', "defaults of dict"),
    ):
        header.write_bytes(content)
        with pytest.raises(RecordError, match=rf"record\.json'.* got a damaged one .*{words}"):
            load(tmp_path)
    header.unlink()
    with pytest.raises(
        RecordError, match=r"record\.json', got a damaged one .no such file, beside a table of runs"
    ):
        load(tmp_path)
    (tmp_path / "runs.csv.xz").unlink()
    put(
        journal(tmp_path), *entry("a")
    )  # a run that was killed between its tables: the journal has everything
    assert list(load(tmp_path).rows) == ["a"]


def test_what_ships_is_read_by_name(tmp_path, tiny, monkeypatch):
    monkeypatch.setattr(records, "RECORDS", tmp_path / "records")
    with pytest.raises(
        RecordError, match="expected one of none yet, got 'tiny'; `trlib sweep tiny` makes it"
    ):
        recorded("tiny")
    found = cells(load_sweep(str(tiny)))
    record = Record()
    row, history = entry(found[1].id)
    record.add({**declaration(found[1]), **row}, history)
    (tmp_path / "records" / "tiny").mkdir(parents=True)
    save_tables(tmp_path / "records" / "tiny", record, found, defaults(found))
    runs, history = recorded("tiny")
    assert runs["label"].tolist() == ["wide"]
    found = history[["label", "seed", "batch", "reward"]].values.tolist()
    assert found == [["wide", 0, 0, 0.1], ["wide", 0, 1, 0.3333]]


def test_a_missing_seed_is_said_and_one_that_is_not_declared_does_not_speak(
    tmp_path, tiny, monkeypatch
):
    monkeypatch.setattr(records, "RECORDS", tmp_path)
    one = load_sweep(str(tiny))
    found, record = cells(replace(one, seeds=(0, 1))), Record()
    for cell in found:
        row, past = entry(cell.id)
        record.add({**declaration(cell), **row}, past)
    (tmp_path / "tiny").mkdir()
    save_tables(tmp_path / "tiny", record, found, defaults(found))
    monkeypatch.setattr(records, "load_sweep", lambda name: one)
    _, runs, history = records.read("tiny")
    assert {*runs["seed"]} == {*history["seed"]} == {0} and {*recorded("tiny")[0]["seed"]} == {0, 1}
    (told,) = judge(replace(one, seeds=range(3)), recorded("tiny")[0])
    assert (told.verdict, told.missing) == ("incomplete", "4 of 6 runs")


def test_the_commit_is_the_packages_and_says_what_has_changed_since(tmp_path, monkeypatch):
    package, laboratory = tmp_path / "trlib", tmp_path / "trlab"
    package.mkdir()
    (laboratory / "records").mkdir(parents=True)
    monkeypatch.setattr(circumstances, "__file__", str(laboratory / "circumstances.py"))
    for folder in (package, laboratory):
        (folder / "__init__.py").write_text("")

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    named = circumstances.commit.__wrapped__  # which is kept for the whole of a process
    git("init", "-q")
    assert named() == ""  # in somebody's repository, and not of it
    git("add", "trlib", "trlab")
    git("commit", "-qm", "a")
    head = git("rev-parse", "HEAD")[:12]
    assert named() == head
    (tmp_path / "notes").write_text("")
    (laboratory / "records" / "runs.csv").write_text("")
    assert named() == head  # neither decides what a cell comes to
    for folder in (package, laboratory):
        (folder / "__init__.py").write_text("x = 1")
        assert named() == f"{head}+changes"
        (folder / "__init__.py").write_text("")
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
    record, (row, history) = Record(), entry(found[0].id)
    record.add({**declaration(found[0]), **row}, history)
    (tmp_path / "tables").mkdir()
    save_tables(tmp_path / "tables", record, found, defaults(found))
    journal(tmp_path / "journal")
    for name in ("tables", "journal"):
        before = {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        with pytest.raises(
            RecordError, match=rf"out: expected .* sweep 'other' .*{name}', which holds 'tiny'"
        ):
            load(tmp_path / name, sweep="other", tabled=False)
        assert {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} == before
        load(tmp_path / name, sweep="tiny")


def test_cells_that_a_sweep_no_longer_declares_stay_in_its_tables(tmp_path, tiny):
    found = cells(load_sweep(str(tiny)))
    record = Record()
    for cell in found:
        row, history = entry(cell.id)
        record.add({**declaration(cell), **row}, history)
    save_tables(tmp_path, record, found[:2], defaults(found))
    again = load(tmp_path, defaults(found))
    assert set(again.rows) == {cell.id for cell in found} and all(
        again.done(cell) for cell in found
    )
    assert again.runs(found[:2])["cell"].tolist() == [cell.id for cell in found[:2]]
    rows = lzma.decompress((tmp_path / "runs.csv.xz").read_bytes()).decode().splitlines()
    assert [row.split(",")[0] for row in rows[1:3]] == [cell.id for cell in found[:2]]


def test_a_journal_and_tables_that_disagree_are_told_apart_and_settled_as_asked(tmp_path, tiny):
    found = cells(load_sweep(str(tiny)))
    for prefer, lasting, when in (
        ("tables", "of tables", "2026-11-21"),
        ("journal", "of journal", "2026-11-19"),
    ):
        out, record = tmp_path / prefer, Record()
        out.mkdir()
        for cell in found[:2]:
            row, history = entry(cell.id, digest="of tables", date=when)
            record.add({**declaration(cell), **row}, history)
        save_tables(out, record, found, {})
        path = journal(out)
        for cell, digest in zip(found[:3], ("of tables", "of journal", "of neither"), strict=True):
            row, history = entry(cell.id, digest=digest, date="2026-11-20", sampled=0.5)
            put(path, {**row, **declaration(cell)}, history)
        before = {file.name: file.read_bytes() for file in out.iterdir()}
        newer = {"tables": "runs.csv.xz", "journal": "cells.sqlite"}[prefer]
        with pytest.raises(
            RecordError,
            match=(
                rf"disagree about a finished cell, {found[1].id}: runs.csv.xz has of tables "
                rf"\(made {when}, .* and "
                rf"cells.sqlite has of journal \(made 2026-11-20, .*\); {newer} is newer; choose "
                r"by --prefer "
                "journal or --prefer tables"
            ),
        ):
            load(out)
        assert {file.name: file.read_bytes() for file in out.iterdir()} == before
        assert not complete(out, found)
        chosen = load(out, prefer=prefer)
        assert [chosen.rows[cell.id]["digest"] for cell in found[:3]] == [
            "of tables",
            lasting,
            "of neither",
        ]
        save_tables(out, chosen, found, {})
        assert complete(out, found) and load(out).rows[found[1].id]["digest"] == lasting
    (out / "cells-2.sqlite").write_bytes(path.read_bytes())
    put(out / "cells-2.sqlite", {**row, **declaration(found[2]), "digest": "of a third"}, history)
    with pytest.raises(RecordError, match=rf"{found[2].id}: .*is newer; move one of them away"):
        load(out, prefer="journal")


def test_a_damaged_table_is_made_again_from_its_journal(tmp_path, tiny):
    found = cells(load_sweep(str(tiny)))
    record, (row, history) = Record(), entry(found[0].id)
    row.update(declaration(found[0]))
    put(journal(tmp_path), row, history)
    record.add(row, history)
    save_tables(tmp_path, record, found, defaults(found))
    (tmp_path / "runs.csv.xz").write_text("torn")
    with pytest.raises(
        RecordError,
        match=r"runs.csv.xz'.*or remove '.*runs.csv.xz': then the tables are made again",
    ):
        load(tmp_path)
    (tmp_path / "runs.csv.xz").unlink()
    assert load(tmp_path).done(found[0])
