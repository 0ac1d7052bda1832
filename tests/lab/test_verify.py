"""`trlib sweep --verify`: what agrees with a record, what differs, what was edited, and what nobody
can tell."""

import json
import math
from dataclasses import replace

import pytest
import torch

from tests.lab.records import TINY
from tests.typed import typed
from trlab import verify
from trlab.pool import Failure
from trlab.record import RecordError, save_tables
from trlab.runner import conduct, plan
from trlab.sweep import load_sweep
from trlab.verify import DECIDED, Agreement, compare


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The tables of the tiny sweep, with the commit of a tree without changes."""
    path = tmp_path_factory.mktemp("whole") / "tiny.py"
    path.write_text(TINY)
    planned = plan(load_sweep(str(path)), out=path.parent / "out")
    conduct(planned, workers=0, say=lambda line: None)
    for row in planned.record.rows.values():
        row["commit"] = "abc"
    save_tables(planned.out, planned.record, planned.cells, planned.defaults)
    return planned.out


@pytest.fixture
def planned(folder, monkeypatch):
    """A plan over them, on the machine and at the commit that they were made with."""
    found = plan(load_sweep(str(folder.parent / "tiny.py")), out=folder)
    now = {name: next(iter(found.record.rows.values()))[name] for name in verify.SAME}
    monkeypatch.setattr(verify, "provenance", lambda command: now)
    return found


def again(planned, **changes):
    """The first cell's recorded numbers as if it had been run again, with changes, and the
    provenance."""
    cell = planned.cells[0]
    row = planned.record.rows[cell.id]
    values = {**{name: row[name] for name in (*DECIDED, "digest")}, **changes}
    history = {name: list(runs) for name, runs in planned.record.histories[cell.id].items()}
    return {"values": values, "history": history}, {name: row[name] for name in verify.SAME}


@pytest.mark.parametrize("column", ["sampled", "greedy", "kl", "ratio_max", "sampled_high"])
@pytest.mark.parametrize("value", [0.9999, math.nan])
def test_a_table_of_which_only_the_digest_is_right_was_edited(planned, column, value):
    cell = planned.cells[0]
    result, now = again(planned)
    assert compare(planned, cell, result, now).agrees
    row = planned.record.rows[cell.id]
    was, row[column] = row[column], value
    for circumstances in (now, {**now, "hardware": "another"}):
        assert compare(planned, cell, result, circumstances) == Agreement(
            cell,
            "differs",
            f"the record was edited: the digest is the run's, and not {column}: recorded "
            f"{value!r}, now {was!r}",
        )


def test_an_edited_history_is_found_to_its_last_kept_digit(planned):
    cell = planned.cells[0]
    result, now = again(planned)
    kept = planned.record.histories[cell.id]["entropy"]
    result["history"]["entropy"] = [kept[0] * (1 + 1e-6)]  # beyond four digits nothing is kept
    assert compare(planned, cell, result, now).agrees
    result["history"]["entropy"] = [kept[0] * (1 + 6e-4)]
    assert "and not entropy in batch 0: recorded " in compare(planned, cell, result, now).text
    result["history"]["entropy"] = kept * 2
    text = compare(planned, cell, result, now).text
    assert text.endswith("and not the history of entropy: recorded 1 batches, now 2")
    # A metric that no cell of a table measures is no column of it; one that the run measures must
    # be.
    result["history"]["entropy"] = [float("nan")]
    del planned.record.histories[cell.id]["entropy"]
    assert compare(planned, cell, result, now).agrees
    result["history"]["entropy"] = [0.5]
    assert compare(planned, cell, result, now).text.endswith(
        "not entropy in batch 0: recorded nan, now 0.5"
    )
    planned.record.histories.clear()
    assert compare(planned, cell, result, now).agrees  # where no history is kept, the ends decide


def test_a_record_of_the_first_round_agrees_although_it_lacks_what_is_measured_since(planned):
    cell = planned.cells[0]
    result, now = again(planned)
    row, history = planned.record.rows[cell.id], planned.record.histories[cell.id]
    result["values"].update(kl_none=0.25, kl_few=0.5)
    result["history"]["ess"] = [0.5]
    row["kl_none"] = float("nan")  # as in a table where another cell has it
    del row["kl_few"]
    history.pop("ess", None)
    assert compare(planned, cell, result, now).text == f"sampled {row['sampled']:.4f}, bit for bit"
    row["kl_few"] = 0.4
    assert "not kl_few: recorded 0.4, now 0.5" in compare(planned, cell, result, now).text
    row["kl_few"], history["ess"] = 0.5, [0.4]
    assert "not ess in batch 0: recorded 0.4, now 0.5" in compare(planned, cell, result, now).text


@pytest.mark.parametrize("column", ["commit", "versions", "hardware", "kl", "sampled_low"])
def test_a_column_that_is_missing_is_named_before_anything_is_run(planned, column, monkeypatch):
    monkeypatch.setattr(verify, "results", None)
    for row in planned.record.rows.values():
        del row[column]
    with pytest.raises(
        RecordError,
        match=rf"verify: expected {column} among the columns of the record of 'tiny', got "
        r"none for \[\w+, updates [12], seed 0\]",
    ):
        verify.verify(planned, 4)


def test_elsewhere_the_sampled_accuracy_falls_within_its_interval_or_not(planned):
    cell = planned.cells[0]
    planned.record.rows[cell.id].update(sampled=0.25, sampled_low=-0.1, sampled_high=0.5)
    off, now = again(planned, sampled=0.5, digest="other")
    found = compare(planned, cell, off, now)
    assert found.verdict == "differs" and found.text == (
        "recorded 0.2500, now 0.5000, on the same commit, versions and hardware: expected the "
        "same bits"
    )
    away = {**now, "hardware": "another", "versions": "others"}
    assert compare(planned, cell, off, away) == Agreement(
        cell,
        "agrees",
        "recorded 0.2500, now 0.5000, within [0.0000, 0.5000] (the cell's 95 % interval over "
        "prompts); other versions and hardware",
        {name: (now[name], away[name]) for name in ("versions", "hardware")},
    )
    planned.record.rows[cell.id]["commit"] = "abc+changes"  # the same changes? nobody knows
    changed = compare(planned, cell, off, {**now, "commit": "abc+changes"})
    assert changed.agrees and changed.text.endswith("other commit")
    planned.record.rows[cell.id]["commit"] = "abc"
    off["values"]["sampled"] = 0.51
    assert compare(planned, cell, off, away).verdict == "differs"
    assert (
        compare(planned, cell, Failure("died", "x"), now).text
        == "recorded 0.2500, now it fails: died: x"
    )


def test_where_every_share_is_within_the_interval_nobody_can_tell(planned, folder):
    sweep = replace(load_sweep(str(folder.parent / "tiny.py")), seeds=(0, 1, 2))
    several = plan(sweep, out=planned.out)
    cell = several.cells[0]
    seeds = [one for one in several.cells if one.place == cell.place]
    result, now = again(planned, sampled=0.9, digest="other")
    away = {**now, "commit": "another"}
    for one, sampled in zip(seeds, (0.1, 0.4, 0.56), strict=True):
        several.record.rows[one.id] = {**several.record.rows[cell.id], "sampled": sampled}
    # mean .3533, s .2335, t_2 at .975 = 4.3027: half = 4.3027 * .2335 * sqrt(4/3) = 1.160
    found = compare(several, cell, result, away)
    assert found.verdict == "cannot tell" and not found.agrees
    assert found.text == (
        "recorded 0.1000, now 0.9000, within [0.0000, 1.0000] (95 % prediction interval of 3 "
        "recorded seeds); other commit"
    )
    for one, sampled in zip(
        seeds, (0.8, 0.82, 0.84), strict=True
    ):  # half = 4.3027 * .02 * sqrt(4/3) = .0994
        several.record.rows[one.id]["sampled"] = sampled
    assert compare(several, cell, result, away).text.startswith(
        "recorded 0.8000, now 0.9000, within [0.7206, 0.9194]"
    )
    result["values"]["sampled"] = 0.95
    assert compare(several, cell, result, away).verdict == "differs"


def test_on_another_processor_the_command_compares_within_the_interval_and_says_so(
    planned, folder, capsys, monkeypatch
):
    """Another processor: it rounds otherwise, which here moves every learning rate a little."""
    ours = next(iter(planned.record.rows.values()))
    here = {name: ours[name] for name in verify.SAME} | {
        "hardware": "Apple M9, 8 cores, DEFAULT, one thread a run"
    }
    monkeypatch.setattr(verify, "provenance", lambda command: here)
    command = f"sweep {folder.parent / 'tiny.py'} --out {planned.out} --verify 2 --workers 0"
    assert typed(command) == 0
    assert capsys.readouterr().out.endswith("2 of 2 cells agree with the record\n"), (
        "the same bits are the same bits"
    )

    step = torch.optim.AdamW.step

    def otherwise(self, *given):
        for group in self.param_groups:
            group["lr"] *= 1 + 1e-4
        return step(self, *given)

    monkeypatch.setattr(torch.optim.AdamW, "step", otherwise)
    status, output = typed(command), capsys.readouterr().out
    assert (
        status == 0 and output.count("agrees  ") == 2 and output.count("); other hardware\n") == 2
    ), output
    assert output.endswith(
        "2 of 2 cells agree with the record; the accuracy of 2 was compared within its interval, "
        "not bit for bit: "
        f"other hardware\nrecorded on {ours['hardware']}\nhere: {here['hardware']}\n"
    )
    assert typed(f"{command} --json") == 0
    assert [one["other"] for one in json.loads(capsys.readouterr().out)["cells"]] == [
        ["hardware"]
    ] * 2
    here["hardware"] = ours["hardware"]  # on the recorded one the same bits are expected
    assert typed(command) == 1 and "DIFFERS" in capsys.readouterr().out
