"""What a policy writes while it learns: kept without changing the run."""

import pytest
import torch

from tests.lab.records import one_cell
from trlab.aside import replaced
from trlab.files import DONE
from trlab.provenance import hardware
from trlab.record import load, save_tables
from trlab.rows import Record, declaration
from trlab.run_cell import run
from trlab.texts import texts_of
from trlib.algorithms import PPO


def cell(texts, lr=3e-3):
    train = {"prompts": 4, "group": 4, "lr": lr, "warmup": 0}
    return one_cell("ppo", steps=4, train=train, texts=texts)


@pytest.fixture(scope="module")
def done():
    return run(cell(texts=3))


def test_a_run_whose_texts_are_kept_is_the_same_run(done):
    plain = run(cell(texts=0))
    assert cell(texts=0).id == cell(texts=3).id
    assert plain["values"]["digest"] == done["values"]["digest"] and "texts" not in plain["values"]


def test_every_third_batch_is_kept_as_it_was_rewarded(done):
    written = texts_of(done["values"])
    assert list(written) == [0, 3] and all(len(batch) == 4 * 4 for batch in written.values())
    for number, batch in written.items():
        rewards = [one.reward for one in batch]
        assert sum(rewards) / len(rewards) == done["history"]["reward"][number]
        for at in range(0, 16, 4):  # a prompt's answers are neighbours
            assert len({one.prompt for one in batch[at : at + 4]}) == 1
    assert {one.reward for batch in written.values() for one in batch} == {0.0, 1.0}


def test_texts_are_kept_in_a_record(done, tmp_path):
    one = cell(texts=3)
    record = Record()
    record.add({**declaration(one), "status": DONE, **done["values"]}, done["history"])
    save_tables(tmp_path, record, [one], {})
    assert texts_of(load(tmp_path).rows[one.id]) == texts_of(done["values"])


def test_a_method_with_another_function_has_the_same_name_and_settings():
    method = replaced(PPO(eps_high=0.3), update=lambda self, step: None)
    assert type(method).__name__ == "PPO" and method.eps_high == 0.3
    assert type(method).update is not PPO.update


def test_the_hardware_of_a_cell_names_the_card_that_large_models_ran_on(monkeypatch):
    here = hardware()
    assert "TF32" not in here
    hardware.cache_clear()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "A card of a test")
    try:
        assert hardware().startswith(here) and "5 million" in hardware()
        assert "A card of a test" in hardware()
    finally:
        hardware.cache_clear()
