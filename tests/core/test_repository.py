"""The repository as a whole: storeys, lint, types, one address, exact pins, and no large file."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tools.paths import ROOT
from tools.stamp import differing, version
from trlib.algorithms import ALGORITHMS

BIN = Path(sys.executable).parent
SIZE = 1_500_000


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / command[0]), *command[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )


def tracked() -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize(
    "command",
    [
        ("lint-imports", "--no-cache"),
        ("ruff", "check", "--no-cache"),
        ("ruff", "format", "--check", "--no-cache"),
        ("mypy",),
    ],
    ids=["storeys", "lint", "format", "types"],
)
def test_the_checks_are_clean(command: tuple[str, ...]) -> None:
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_contract_of_the_bridges_names_every_storey_above_the_ground() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = {
        contract["name"].split(":")[0]: contract
        for contract in settings["tool"]["importlinter"]["contracts"]
    }
    bridges = contracts["bridges stand beside the house"]
    ground = contracts["the ground floor is torch and the standard library"]
    house = {
        f"trlib.{path.stem}"
        for path in (ROOT / "trlib").iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists())
        and not path.stem.startswith("__")
    }
    # The storeys' contract passes over the bridges and over names that only say where a module has
    # moved.
    passed_over = {f"trlib.{name}" for name in contracts["storeys"]["exhaustive_ignores"]}
    free = {"trlib.errors", *passed_over, *ground["source_modules"]}
    assert house - free == set(bridges["forbidden_modules"])


def test_the_address_and_the_version_agree_everywhere() -> None:
    assert [str(path.relative_to(ROOT)) for path in differing()] == [], (
        "run `python -m tools.stamp`"
    )
    assert f"version: {version()}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_no_reader_is_sent_to_an_unrelated_package() -> None:
    told = r"pip install (?:-\S+ )*['\"]?trlib\b"
    found = subprocess.run(["git", "grep", "-IlP", told], cwd=ROOT, capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (1, ""), (
        "git grep ends with 1 where it finds nothing"
    )


def test_every_method_has_tests_of_its_own() -> None:
    homes = {kind.__module__.rpartition(".")[2] for kind in ALGORITHMS.values()}
    missing = [
        name
        for name in sorted(homes)
        if not (ROOT / f"tests/core/algorithms/test_{name}.py").is_file()
    ]
    assert missing == [], (
        "each method's loss needs tests/core/algorithms/test_NAME.py: golden numbers, limits, masks"
    )


def test_no_file_is_large() -> None:
    assert [str(path) for path in tracked() if path.stat().st_size > SIZE] == []


REQUIREMENTS = ("requirements.txt", "requirements-dev.txt")


def test_requirements_are_exact_and_torch_comes_first() -> None:
    """The book's stand in one file; tests and comparisons add theirs, and repeat none."""
    files = [(ROOT / name).read_text(encoding="utf-8").splitlines() for name in REQUIREMENTS]
    book, added = [[line for line in lines if line and not line.startswith("#")] for lines in files]
    assert book[0].startswith("torch==")
    assert added.pop(0) == "-r requirements.txt"
    pins = [*book, *added]
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9_.-]+==[\w.]+", pin)] == []
    names = [pin.partition("==")[0].lower() for pin in pins]
    assert len(set(names)) == len(names)


def test_the_package_pins_neither_torch_nor_numpy_nor_widgets() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert not re.search(r'"(torch|numpy|ipywidgets)[^"]*(==|<|~=)', text)
    assert "ipywidgets>=8" not in text
