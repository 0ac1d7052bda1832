"""Where a policy is saved: nothing else is lost, and the old one is there until the new one is."""

import os

import pytest

import trlib
from tests.losses import refused, same
from trlib.model import folders


def content(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()
    }


@pytest.mark.parametrize("other", ["runs/run.json", "README.md", ".git/config"])
def test_a_folder_with_anything_else_is_left_as_it_is(policy, tmp_path, other):
    target = policy.save(tmp_path / "model")
    (target / other).parent.mkdir(exist_ok=True)
    (target / other).write_text("years of work")
    before = content(target)
    name = other.split("/")[0]
    refused(
        rf"CheckpointError: folder: expected an empty folder, or .* got .* with '{name}' in it",
        policy.save,
        target,
    )
    assert content(target) == before and [p.name for p in tmp_path.iterdir()] == ["model"]


def test_an_empty_folder_and_a_saved_policy_are_replaced(policy, tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    assert policy.save(target) == target
    first, umask = content(target), os.umask(0)
    os.umask(umask)
    assert target.stat().st_mode & 0o777 == 0o777 & ~umask
    assert {p.stat().st_mode & 0o777 for p in target.iterdir()} == {0o666 & ~umask}
    policy.load_state({name: t + 1 for name, t in policy.state().items()})
    policy.save(target)
    changed = {name for name, data in content(target).items() if data != first[name]}
    assert changed == {"model.safetensors"} and content(target).keys() == first.keys()
    assert set(first) <= folders.FILES and folders.NOTES in first


def test_the_folder_one_works_in_is_not_emptied(policy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        refused(
            r"CheckpointError: folder: expected a folder other than the one this process works",
            policy.save,
            ".",
        )
        (tmp_path / "thesis.tex").write_text("years of work")
    assert os.listdir(tmp_path) == ["thesis.tex"]
    assert policy.save("model") == tmp_path / "model"


def test_a_policy_is_found_after_a_kill_in_the_middle_of_its_replacement(policy, tmp_path):
    target = policy.save(tmp_path / "model")
    before = content(target)
    target.rename(tmp_path / f".model.x{folders.ASIDE}")
    message = "a process was killed while replacing it; read the old one"
    with pytest.warns(UserWarning, match=message):
        again = trlib.load_policy(target)
    assert same(again, policy) and again.name == str(target)
    # the next one that is saved is the one that is found, and nothing of the old one is left
    assert policy.save(target) == target and content(target) == before
    assert not list(tmp_path.glob(f".*{folders.ASIDE}"))
