"""The record: what a kill, a full disk, a second process, another version and a damaged file do to
it."""

import json
import lzma
import math
import subprocess
from dataclasses import dataclass, replace

import pytest

from book.build.cards import CARDS, blocks
from book.build.cards.outcome import outcomes
from book.build.records import known, rows
from tests.lab.records import entry, files, recorded_as, save, ship
from trlab import Variant, cell_id, provenance, take_in
from trlab import record as records
from trlab.cells import cells, of_its_day
from trlab.files import as_table, same_digits
from trlab.questions import asked
from trlab.record import RecordError, held, load, put, recorded
from trlab.rows import Record
from trlab.runner import plan
from trlab.sweep import load_sweep
from trlib.algorithms.gspo import GSPO
from trlib.errors import CheckpointError
from trlib.methods import OBJECTIVES


def put_in(folder, *found, sweep="tiny", defaults=None):
    """Cells that have ended in a sweep that was killed before its tables."""
    with held(folder, sweep, defaults or {}):
        for row, history in found:
            put(folder, row, history)


def test_cells_are_kept_whole_until_the_tables_hold_all_of_the_sweep(tmp_path, four):
    out = tmp_path / "out"
    record = recorded_as(four)
    entries = [(record.rows[cell.id], record.histories[cell.id]) for cell in four]
    put_in(out, entries[0], ({**entries[1][0], "status": "failed"}, None))
    scratch = out / "cells" / f".{four[2].id}.json.7.unfinished"
    scratch.write_text("{")  # of a process that was killed while it wrote
    found = load(out)
    assert [found.done(cell) for cell in four] == [True, False, False, False]
    assert found.rows[four[0].id]["sampled"] == 0.1 + 0.2
    assert found.histories[four[0].id]["reward"] == [0.1, 1 / 3]
    save(out, found, four)
    assert scratch.parent.is_dir(), "three are missing"
    put_in(out, *entries[1:])
    assert all(load(out).done(cell) for cell in four)
    put(out, {**entries[0][0], "status": "failed"}, None)
    assert load(out).done(four[0]), "what is done is never undone"
    save(out, load(out), four)
    assert {path.name for path in out.iterdir()} == {
        ".lock",
        "record.json",
        "runs.csv.xz",
        "history.csv.xz",
    }
    assert [load(out).done(cell) for cell in four] == [True] * 4


def test_a_second_process_is_kept_out_and_a_folder_that_cannot_be_written_is_named(tmp_path):
    with (
        held(tmp_path, "s", {}),
        pytest.raises(
            CheckpointError,
            match=r"out: expected one process at a time to run this into .* \(wait for it, "
            r"or give another --out\), got a second one, which this process has",
        ),
    ):
        put_in(tmp_path)
    put_in(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match=r"out: cannot write to .*: Not a directory"):
        put_in(tmp_path / "file" / "out")


def test_a_damaged_cell_is_named_and_a_default_that_has_changed_refused(tmp_path):
    put_in(tmp_path, entry("a"), defaults={"train": {"lr": 1e-3}})
    path = tmp_path / "cells" / "a.json"
    for content in ("{", "[]", '{"row": 1}', '{"row": {"cell": "a"}}'):
        path.write_text(content)
        with pytest.raises(RecordError, match=r"a whole record in .*a.json', got a damaged one"):
            load(tmp_path)
    path.unlink()
    assert load(tmp_path, {"train": {"lr": 1e-3, "new": 1}}).rows == {}
    with pytest.raises(RecordError, match=r"default of train lr was 0.001; now it is 0.0001"):
        load(tmp_path, {"train": {"lr": 1e-4}})


def test_the_tables_keep_every_digit_and_are_a_record_themselves(tmp_path, four):
    found, record = four, recorded_as(four[:1], sampled=0.1, error="", commit="0012345678")
    record.update(recorded_as(found[1:2], sampled=0.1 + 0.2, error=""))
    record.update(recorded_as(found[2:3], status="failed", error="died, twice"))
    save(tmp_path, record, found)
    again = load(tmp_path)
    assert [again.rows[c.id]["sampled"] for c in found[:2]] == [0.1, 0.1 + 0.2]
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
    before = files(tmp_path)
    save(tmp_path, again, found)
    assert files(tmp_path) == before
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
    tmp_path, four, monkeypatch
):
    found, record = four, Record()
    for cell, day in zip(found, ("20", "20", "21", "22"), strict=True):
        made = {"command": "trlib sweep tiny", "commit": "0012345678", "date": f"2026-11-{day}"}
        record.update(recorded_as([cell], **made))
    parts = [  # the second without the first: as if remade
        Record(*({c.id: part[c.id] for c in some} for part in (record.rows, record.histories)))
        for some in (found[:3], found[2:])
    ]
    save(tmp_path, parts[0], found)
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
            patched.setattr(records, "write", write)
            save(tmp_path, parts[1], found)
        assert {key: row["date"] for key, row in load(tmp_path).rows.items()} == {
            cell.id: record.rows[cell.id]["date"] for cell in found[:3]
        }
    save(tmp_path, parts[1], found)
    made = json.loads((tmp_path / "record.json").read_text())["made"]
    assert [one["date"] for one in made.values()] == ["2026-11-21", "2026-11-22"], (
        "and nothing that made no cell"
    )


def test_tables_of_another_format_are_refused_and_left_as_they_are(tmp_path, four):
    save(tmp_path, recorded_as(four[:1]), four)
    header = tmp_path / "record.json"
    header.write_text(json.dumps({**json.loads(header.read_text()), "format": 1}))
    before = files(tmp_path)
    with pytest.raises(
        RecordError, match=r"another version of the package: expected format 3, got 1; it is left"
    ):
        load(tmp_path)
    assert files(tmp_path) == before


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
        (lambda text: text.replace("sampled,", "", 1), "invalid literal"),
        (lambda text: text.replace("sampled", "smapled", 1), "no column 'sampled'"),
        (
            lambda text: text.replace("0.30000000000000004", "o.3"),
            "could not convert string to float: 'o.3'",
        ),
        (
            lambda text: text.replace("0.30000000000000004", "7"),
            "column 'sampled': expected shares between 0 and 1",
        ),
        (
            lambda text: text.replace("settings", "made", 1),
            "'{}'",
        ),
    ],
)
def test_a_damaged_table_is_named_with_what_is_wrong(tmp_path, four, damage, words):
    save(tmp_path, recorded_as(four[:2]), four)
    table = tmp_path / "runs.csv.xz"
    table.write_bytes(lzma.compress(damage(lzma.decompress(table.read_bytes()).decode()).encode()))
    with pytest.raises(
        RecordError, match=rf"a whole record in '.*runs\.csv\.xz', got a damaged one .*{words}"
    ):
        load(tmp_path)


def test_a_header_that_is_missing_or_no_text_is_named(tmp_path, four):
    save(tmp_path, recorded_as(four[:1]), four)
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
    put_in(tmp_path, entry("a"))  # a run that was killed between its tables
    assert list(load(tmp_path).rows) == ["a"]


def test_a_record_is_taken_into_a_question_by_one_command(
    tmp_path, tiny, four, monkeypatch, capsys
):
    monkeypatch.setattr("trlab.questions.RECORDS", tmp_path / "records")
    with pytest.raises(
        RecordError, match="or one of none yet, got 'tiny'; `trlib sweep tiny` makes it"
    ):
        recorded("tiny")
    one = replace(load_sweep(str(tiny)), known="one run with seed 7: .9")
    save(tmp_path / "made", recorded_as(four), four)
    with monkeypatch.context() as patched:
        patched.setattr("trlab.sweep.load_sweep", lambda name: one)
        assert take_in.main(["tiny", str(tmp_path / "made"), "asked"]) == 0
    assert capsys.readouterr().out.endswith("asked: 4 runs of tiny, 0 missing\n")
    runs, history = recorded("tiny")
    assert runs["start"].tolist() == [0.1] * 4 and not len(history), "none is drawn"
    assert [cell.id for cell in cells(load_sweep("tiny"))] == [cell.id for cell in four]
    assert load_sweep("tiny").source == "tiny"
    assert load_sweep("tiny").known == one.known and known("asked")[0].endswith(
        "- `tiny`: one run with seed 7: .9"
    )
    ship(monkeypatch, recorded_as(four[1:2], sampled=0.5), replace(one, name="other"))
    assert asked("asked") == ["tiny", "other"]
    found, drawn = recorded("other")
    assert found[["label", "sampled"]].values.tolist() == [["wide", 0.5]]
    drawn = drawn[["label", "seed", "batch", "reward"]].values.tolist()
    assert drawn == [["wide", 0, 0, 0.1], ["wide", 0, 1, 0.3333]]
    assert recorded("tiny")[0].equals(runs), "what was there is as it was"


def test_a_question_keeps_every_digit_of_what_the_seed_decides_and_six_of_the_rest():
    third = 1 / 3
    table, _ = as_table({"s": {"a": {"cell": "a", "seed": 1, "sampled": third, "kl": third * 1e-9,
                                     "cpu_seconds": 100 * third, "seconds": math.nan,
                                     "peak": 2 * third, "batches_to": 257.0}}})  # fmt: skip
    assert table.splitlines() == [
        "cell,seed,sampled,kl,cpu_seconds,seconds,peak,batches_to,made",
        f"a,1,{third},{third * 1e-9},33.3333,nan,0.666667,257.0,",
    ]


def test_a_seed_that_is_not_declared_does_not_speak(tmp_path, tiny, monkeypatch):
    monkeypatch.setattr("trlab.questions.RECORDS", tmp_path)
    one = load_sweep(str(tiny))
    ship(monkeypatch, recorded_as(cells(replace(one, seeds=(0, 1)))), one)
    _, runs, history = records.read("tiny")
    assert {*runs["seed"]} == {*history["seed"]} == {0} and {*recorded("tiny")[0]["seed"]} == {0, 1}


def test_the_commit_is_the_packages_and_says_what_has_changed_since(tmp_path, monkeypatch):
    package, laboratory = tmp_path / "trlib", tmp_path / "trlab"
    package.mkdir()
    (laboratory / "records").mkdir(parents=True)
    monkeypatch.setattr(provenance, "__file__", str(laboratory / "provenance.py"))
    for folder in (package, laboratory):
        (folder / "__init__.py").write_text("")

    def git(*words):
        return subprocess.run(
            ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words],
            cwd=tmp_path,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    named = provenance.commit.__wrapped__  # which is kept for the whole of a process
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


def test_a_folder_is_one_sweeps(tmp_path, four):
    save(tmp_path / "tables", recorded_as(four[:1]), four)
    put_in(tmp_path / "cells")
    for name in ("tables", "cells"):
        before = files(tmp_path / name)
        with pytest.raises(
            RecordError, match=rf"out: expected .* sweep 'other' .*{name}', which holds 'tiny'"
        ):
            load(tmp_path / name, sweep="other", tabled=False)
        assert files(tmp_path / name) == before
        load(tmp_path / name, sweep="tiny")


def test_cells_that_a_sweep_no_longer_declares_stay_in_its_tables(tmp_path, four):
    found = four
    save(tmp_path, recorded_as(found), found[:2])
    again = load(tmp_path)
    assert set(again.rows) == {cell.id for cell in found} and all(
        again.done(cell) for cell in found
    )
    assert again.runs(found[:2])["cell"].tolist() == [cell.id for cell in found[:2]]
    rows = lzma.decompress((tmp_path / "runs.csv.xz").read_bytes()).decode().splitlines()
    assert [row.split(",")[0] for row in rows[1:3]] == [cell.id for cell in found[:2]]


def test_a_record_resolves_against_the_defaults_that_it_holds(monkeypatch, tmp_path):
    @dataclass(frozen=True, kw_only=True)
    class Wider(GSPO):
        eps_high: float = 5e-4

    whole = cell_id._kind
    monkeypatch.setattr(cell_id, "_kind", lambda name: Wider if name == "gspo" else whole(name))
    monkeypatch.setitem(OBJECTIVES, "gspo", Wider)
    cell_id.today.cache_clear()
    try:
        gspo = replace(
            load_sweep("basin"),
            variants=[Variant("gspo"), Variant("ppo")],
            seeds=(1000, 1001),
            predictions=(),
        )
        planned = plan(gspo, out=tmp_path)
        assert len(planned.cells) == 20 and not planned.missing
        message = "at the default of its day: eps_high 0.0004, today 0.0005"
        assert (of_its_day(gspo, "gspo"), of_its_day(gspo, "ppo")) == (message, "")
        assert not of_its_day(replace(gspo, defaults={}), "gspo")
        runs = recorded("basin")[0].query("label in ('gspo', 'ppo')")
        first = [row[0] for row in rows(runs, recorded("basin")[1], ["lr"], ["kl"], gspo)]
        assert first.count(f"`gspo`, {message}") == 5 and first.count("`ppo`") == 5
        outcomes.cache_clear()
        lines = [line for line in blocks.runs(CARDS["gspo"]) if "[basin]" in line]
        assert lines and all(message in line and "`eps_high=0.0004`" in line for line in lines)
    finally:
        cell_id.today.cache_clear()
        outcomes.cache_clear()
