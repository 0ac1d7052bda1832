"""Where a policy is saved: nothing else is lost, and the old one is there until the new one is."""

import os
import shutil

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


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
@pytest.mark.parametrize(
    ("umask", "folder", "file"), [(0o077, 0o700, 0o600), (0o022, 0o755, 0o644)]
)
def test_a_saved_policy_has_the_permissions_of_new_files(policy, tmp_path, umask, folder, file):
    before = os.umask(umask)
    try:
        target = policy.save(tmp_path / "model")
    finally:
        os.umask(before)
    assert target.stat().st_mode & 0o777 == folder
    assert {path.stat().st_mode & 0o777 for path in target.iterdir()} == {file}


def test_an_empty_folder_and_a_saved_policy_are_replaced(policy, tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    assert policy.save(target) == target
    first = content(target)
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


def test_a_link_stays_and_what_it_points_to_is_replaced(policy, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert policy.save(tmp_path / "link") == tmp_path / "real"
    assert (tmp_path / "link").is_symlink() and (tmp_path / "link" / "model.safetensors").is_file()
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    refused(r"CheckpointError: folder: .*circle", policy.save, tmp_path / "circle")


def test_the_old_one_comes_back_where_the_new_one_cannot_take_its_place(
    policy, tmp_path, monkeypatch
):
    target = policy.save(tmp_path / "model")
    before, rename, asked = content(target), type(target).rename, []

    def second_fails(self, to):
        asked.append((self.name, to.name))
        if len(asked) == 2:
            raise OSError(28, "No space left on device")
        return rename(self, to)

    monkeypatch.setattr(type(target), "rename", second_fails)
    refused(r"CheckpointError: .*No space left on device", policy.save, target)
    assert [to for _, to in asked[1:]] == ["model", "model"]
    assert content(target) == before and [p.name for p in tmp_path.iterdir()] == ["model"]


def test_at_no_moment_is_there_no_whole_policy(policy, tmp_path, monkeypatch):
    target, whole = policy.save(tmp_path / "model"), []

    def watched(function):
        def call(*args, **kwargs):
            whole.append(any((p / "model.safetensors").is_file() for p in tmp_path.iterdir()))
            return function(*args, **kwargs)

        return call

    monkeypatch.setattr(type(target), "rename", watched(type(target).rename))
    monkeypatch.setattr(shutil, "rmtree", watched(shutil.rmtree))
    policy.save(target)
    assert len(whole) >= 4 and all(whole)


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


@pytest.mark.parametrize("text", ["{", "[]", '{"chat": "yes"}', '{"base": 3}', '{"chats": true}'])
def test_damaged_notes_are_named(policy, tmp_path, text):
    target = policy.save(tmp_path / "model")
    (target / folders.NOTES).write_text(text)
    refused(r"CheckpointError: .*trlib\.json", trlib.load_policy, target)
    (target / folders.NOTES).unlink()
    assert trlib.load_policy(target).chat is False
