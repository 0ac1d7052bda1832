"""A wheel built from the tree, in an environment that holds nothing but the wheel and what it says
it needs."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path, PurePosixPath

import pytest
from packaging.requirements import Requirement

from book.build.paths import ROOT

pytestmark = pytest.mark.nightly("builds a wheel, and trains with it in an environment of its own")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Built from a copy of the tracked files, so that nothing that merely lies about can get in."""
    copy, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, names.split("\0")):
        if (ROOT / name).is_file() and not name.startswith(("notebooks/", "tests/")):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(out)]
    subprocess.run([sys.executable, "-m", "pip", "wheel", "-q", *options, str(copy)], check=True)
    return next(out.glob("*.whl"))


def needed(requirements):
    """The names of all distributions that requirements lead to, as they are installed here."""
    names = set()
    waiting = [(text, ()) for text in requirements]
    while waiting:
        text, chosen = waiting.pop()
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is not None and not any(
            marker.evaluate({"extra": extra}) for extra in ("", *chosen)
        ):
            continue
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name not in names and name != "trust-region-book":
            names.add(name)
            waiting += [
                (more, tuple(requirement.extras)) for more in distribution(name).requires or ()
            ]
    return names


@pytest.fixture(scope="module")
def plain(wheel, tmp_path_factory):
    """`pip install trust-region-book`: the Python of a new environment, with the wheel and links to what
    its metadata names, nothing else."""
    folder = tmp_path_factory.mktemp("plain")
    venv.create(folder, with_pip=False)
    site = Path(
        sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)})
    )
    with zipfile.ZipFile(wheel) as zipped:
        zipped.extractall(site)
        metadata = next(name for name in zipped.namelist() if name.endswith(".dist-info/METADATA"))
        requires = re.findall(
            r"^Requires-Dist: (.+)$", zipped.read(metadata).decode(), re.MULTILINE
        )
    for name in needed(requires):
        files = distribution(name).files or ()
        for top in {PurePosixPath(file).parts[0] for file in files} - {".."}:
            target = Path(str(distribution(name).locate_file(top)))
            if not (site / top).exists() and target.exists():
                (site / top).symlink_to(target)
    return folder / "bin" / "python"


def run(python, *arguments, folder):
    """What a command prints, run where the repository is out of sight."""
    keep = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PYTHON", "TRLIB_", "VIRTUAL_ENV"))
    }
    env = {**keep, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [str(python), *arguments], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def typed(python, line, folder):
    """What `trlib` prints when this is typed."""
    return run(python, "-m", "trlib", *line.split(), folder=folder)


def test_it_trains_from_the_command_line_and_in_ten_lines(plain, tmp_path):
    small = "--task dial --method grpo --steps 2 --set eps_high=.28"
    typed(plain, f"train {small} --out run", tmp_path)
    assert (tmp_path / "run" / "run.json").is_file()
    assert "greedy" in typed(plain, "evaluate --policy run", tmp_path)
    readme = re.search(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL
    )
    assert readme is not None
    run(plain, "-c", readme[1].replace("steps=24, epochs=8", "steps=2"), folder=tmp_path)
    run(plain, str(ROOT / "examples" / "minimal_grpo.py"), "--steps", "1", folder=tmp_path)


def test_the_wheel_holds_every_file_of_its_packages(wheel):
    with zipfile.ZipFile(wheel) as zipped:
        held = set(zipped.namelist())
    assert not [name for name in held if "node_modules" in name or "/js/" in name or "/c/" in name]
    packages = ["git", "ls-files", "book/trbook", "trlab", "trcheck", "trlib"]
    tracked = subprocess.run(packages, cwd=ROOT, capture_output=True, text=True, check=True)
    sources = ("/js/", "/c/", ".gitignore", "checked.wasm", "trcheck/tests/", "trcheck/benchmark/")
    names = {n for n in tracked.stdout.split() if not any(part in n for part in sources)}
    missing = {name.removeprefix("book/") for name in names} - held
    assert missing == set(), "package data that no pattern of pyproject.toml names"
