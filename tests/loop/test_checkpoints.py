import pytest
import torch

from trlib.errors import CheckpointError
from trlib.loop import checkpoints
from trlib.model.folders import write


def test_tensors_and_the_rest_come_back_as_they_were(tmp_path):
    tensors = {"a/b": torch.arange(6.0).view(2, 3).T, "c": torch.tensor([1, 2]),
               "d": torch.randn(3, dtype=torch.bfloat16)}
    meta = {"rows": [{"x": 0.1 + 0.2, "nan": float("nan")}], "text": "ε ≤ δ", "n": 3}
    checkpoints.save(tmp_path, tensors, meta)
    back, rest = checkpoints.load(tmp_path)
    assert all(torch.equal(back[name], t) and back[name].dtype == t.dtype for name, t in tensors.items())
    assert rest["rows"][0]["x"] == 0.1 + 0.2 and rest["rows"][0]["nan"] != rest["rows"][0]["nan"]
    assert rest["text"] == "ε ≤ δ" and rest["n"] == 3
    assert [p.name for p in tmp_path.iterdir()] == [checkpoints.NAME]


def test_what_was_loaded_no_longer_depends_on_the_file(tmp_path):
    checkpoints.save(tmp_path, {"a": torch.ones(50_000)}, {})
    back, _ = checkpoints.load(tmp_path)
    with open(tmp_path / checkpoints.NAME, "r+b") as file:
        file.seek(-40_000, 2)
        file.write(b"\0" * 40_000)
    assert (back["a"] == 1).all()
    assert (checkpoints.load(tmp_path)[0]["a"] == 1).sum() == 40_000


def test_nothing_saved_is_none(tmp_path):
    assert checkpoints.load(tmp_path) is None


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"x" * 500])
def test_what_is_no_checkpoint_is_named(tmp_path, content):
    (tmp_path / checkpoints.NAME).write_bytes(content)
    with pytest.raises(CheckpointError, match=f"damaged file of {len(content)} bytes"):
        checkpoints.load(tmp_path)


def test_safetensors_of_something_else_are_no_checkpoint(tmp_path):
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(1)}, tmp_path / checkpoints.NAME)
    with pytest.raises(CheckpointError, match="expected a whole checkpoint"):
        checkpoints.load(tmp_path)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    write(tmp_path / "f", "old")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoints.os, "fsync", full)
    with pytest.raises(CheckpointError, match="No space left on device; what was saved before is intact"):
        write(tmp_path / "f", "new")
    assert (tmp_path / "f").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


def test_preparing_a_folder_clears_what_a_killed_process_left(tmp_path):
    (tmp_path / f".x.1{checkpoints.UNFINISHED}").write_text("half")
    (tmp_path / f".y.2{checkpoints.UNFINISHED}").mkdir()
    (tmp_path / ".mine").write_text("kept")
    checkpoints.prepare(tmp_path, resume=True)
    assert [p.name for p in tmp_path.iterdir()] == [".mine"]
