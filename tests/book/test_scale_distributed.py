"""The record of ways to start two processes, and one of them run again."""

import json

import pytest

from trbook.scale import distributed, memory
from trbook.scale.distributed import WAYS, apart, run, runs

ALL = memory.parameters(memory.MODELS["embedded"])


def test_the_record_says_what_each_way_really_did():
    ways = runs()["ways"]
    assert list(ways) == [way.name for way in WAYS]
    assert [ways[way.name]["command"] for way in WAYS] == [way.command for way in WAYS]
    assert (
        ways["TRL, torchrun"]["processes"] == 2 and ways["TRL, torchrun"]["own_parameters"] == ALL
    )
    assert ways["TRL, accelerate --cpu"]["processes"] == 1, "asked for two"
    asked_for_fsdp = ways["TRL, accelerate --use_fsdp on a CPU"]
    assert asked_for_fsdp["how"] == "MULTI_CPU" and asked_for_fsdp["own_parameters"] == ALL, (
        "copies, not shards"
    )
    sharded = ways["own loop, torch's fully_shard"]
    assert sharded["how"] == "fully_shard" and sharded["own_parameters"] == ALL // 2
    for way in WAYS:
        if way.one:
            assert (
                ways[way.name]["kept"] == ways[way.one]["kept"] and ways[way.name]["apart"] < 1e-4
            )
    assert ways["TRL, torchrun"]["kept"][0] == 1.0 > ways["TRL, torchrun"]["kept"][-1], (
        "the mask had work to do"
    )
    assert (
        "trlib_dppo_tv" in ways["verl's loss in Ray"]["losses"]
        and ways["verl's loss in Ray"]["apart"] < 1e-6
    )


@pytest.mark.nightly("starts processes, some of them two at a time")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.name)
def test_a_printed_command_runs_as_it_is_printed(way, tmp_path):
    """Chapter 12 prints `way.command`, and `run` types it into an empty folder without adding a
    word."""
    result, recorded = run(way, tmp_path), runs()["ways"][way.name]
    assert sorted(path.name for path in tmp_path.iterdir()) == [distributed.FOLDER]
    assert {key: result[key] for key in ("command", "processes", "how")} == {
        key: recorded[key] for key in ("command", "processes", "how")
    }


@pytest.mark.nightly("starts processes that shard a model")
def test_two_shards_learn_what_one_process_does(tmp_path):
    one, two = (
        next(way for way in WAYS if way.name == name)
        for name in ("own loop, one process", "own loop, torch's fully_shard")
    )
    found = [run(way, tmp_path / str(i)) for i, way in enumerate((one, two))]
    assert [f["processes"] for f in found] == [1, 2] and [f["own_parameters"] for f in found] == [
        ALL,
        ALL // 2,
    ]
    assert found[0]["kept"] == found[1]["kept"] == runs()["ways"][one.name]["kept"]
    assert apart(tmp_path / "0", tmp_path / "1") < 1e-4


@pytest.mark.nightly("two processes that import torch")
def test_a_way_that_fails_says_why(tmp_path):
    with pytest.raises(
        RuntimeError,
        match=r"broken: expected it to run to its end, got\n(?s:.*)KeyError: 'nothing'",
    ):
        run(distributed.Way("broken", "python -m trbook.scale.worker nothing"), tmp_path)
    assert json.loads(distributed.RECORD.read_text())["libraries"]["trl"]
