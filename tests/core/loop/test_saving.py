"""What a run is saved in: written whole, read whole and unchanged, and one process's at a time."""

import random

import pytest
import torch

import trlib
from tests.core.loop import runs
from tests.losses import refused
from trlib.algorithms import GRPO
from trlib.errors import CheckpointError
from trlib.loop.saving import checkpoints

DESCENT = {"updates": 0, "state": {}, "groups": []}
REST = {
    "settings": {},
    "learner": {"memory": {}, "descent": DESCENT},
    "said": [],
    "batches": 0,
}
RUN = {"steps": 2, "prompts": 2, "group": 2, "probe": 2, "minibatches": 2}


def trained(out, method=None, policy=None, **settings):
    """A run of two small batches."""
    return runs.trained(method or GRPO(), policy, out=out, **{**RUN, **settings})


def test_tensors_and_the_rest_come_back_as_they_were_whatever_happens_to_the_file(tmp_path):
    tensors = {
        "a/b": torch.arange(6.0).view(2, 3).T,
        "c": torch.tensor([1, 2]),
        "d": torch.randn(3, dtype=torch.bfloat16),
        "long": torch.ones(50_000),
    }
    learned = {"memory": {"a": 3}, "descent": DESCENT}
    numbers = {"text": "ε ≤ δ", "x": 0.1 + 0.2, "nan": float("nan")}
    meta = REST | {"settings": numbers, "learner": learned}
    checkpoints.save(tmp_path, tensors, meta)
    back, rest = checkpoints.load(tmp_path)
    assert repr(rest) == repr(meta) and [p.name for p in tmp_path.iterdir()] == [checkpoints.NAME]
    (tmp_path / checkpoints.NAME).write_bytes(bytes((tmp_path / checkpoints.NAME).stat().st_size))
    for name, t in tensors.items():
        assert torch.equal(back[name], t) and back[name].dtype == t.dtype


# -- what is checked before anything is taken up
# -------------------------------------------------------------------


def test_a_flipped_bit_is_seen_wherever_it_is(tmp_path):
    trained(tmp_path, steps=1)
    rng = random.Random(0)

    def refused_with_a_bit_of(name, place, message):
        file = tmp_path / name
        whole, bit = file.read_bytes(), 1 << rng.randrange(3)
        file.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        refused(f"CheckpointError: out: {message}", trained, tmp_path, resume=True)
        file.write_bytes(whole)

    whole = (tmp_path / checkpoints.NAME).read_bytes()
    size = int.from_bytes(whole[:8], "little")
    places = [rng.randrange(8 + size, len(whole)) for _ in range(20)]
    places += [8 + whole[8:].index(word) for word in (b'"checksum', b'"updates', b'"lr')]
    for place in places:
        message = "expected a whole checkpoint at .* got a damaged file of"
        refused_with_a_bit_of(checkpoints.NAME, place, message)
    for place in rng.sample(range((tmp_path / "history.jsonl").stat().st_size), 5):
        message = "expected the .* bytes at .*history.jsonl.*, which have changed"
        refused_with_a_bit_of("history.jsonl", place, message)
    assert len(trained(tmp_path, resume=True).rows) == 2


# -- the folder
# --------------------------------------------------------------------------------------------------


def test_a_run_does_not_write_over_what_it_begins_with(tmp_path, policy, folder):
    named = tmp_path / "mine" / "policy"
    trlib.load_policy(folder).save(named)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    for name, out in ((folder, folder), (folder, folder / "run"), (named, tmp_path / "mine")):
        refused(
            rf"CheckpointError: out: expected a folder other than the policy's, '{name}', "
            rf"got '{out}'$",
            trained,
            out,
            policy=trlib.load_policy(name),
        )
    assert {p: p.read_bytes() for p in before} == before and not (folder / "run").exists()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("history.csv", "holds the history.csv of a run whose checkpoint.safetensors is missing"),
        ("policy/model.safetensors", "holds the policy of a run"),
        (
            "policy/thesis.tex",
            "expected an empty folder, or one with only a saved policy .* 'thesis.tex' in it",
        ),
        ("policy", "expected a folder to write a policy into, got the file"),
    ],
)
def test_nothing_in_a_folder_is_written_over_but_by_the_run_that_wrote_it(
    tmp_path, policy, name, words
):
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("years of work")
    for resume in (False, True):
        with (
            pytest.raises(CheckpointError, match=f"^out: .*{words}"),
            checkpoints.holding(tmp_path, resume, policy),
        ):
            pass
    assert file.read_text() == "years of work"


def test_a_run_inside_a_run_has_a_folder_of_its_own(tmp_path, policy):
    with (
        checkpoints.holding(tmp_path, False, policy),
        pytest.raises(CheckpointError, match=r"which this process has$"),
    ):
        trained(tmp_path)
    trained(tmp_path)
