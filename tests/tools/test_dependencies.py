"""What a notebook depends on: its modules, what those import, the data of their packages, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import dependencies
from tools.dependencies import HOMES, Packages, code, imports
from tools.execute import fingerprint
from tools.paths import NOTEBOOKS, ROOT


def reached(notebook: str) -> set[str]:
    files = dependencies.needs(NOTEBOOKS / f"{notebook}.ipynb").files
    return {path.relative_to(ROOT).as_posix() for path in files}


@pytest.fixture(scope="module")
def grpo() -> set[str]:
    return reached("05_grpo")


def test_a_chapter_depends_on_what_it_imports_at_any_depth(grpo: set[str]) -> None:
    assert {
        "trlib/algorithms/ppo.py",
        "book/trbook/explorables/ratio_map.py",
        "trlab/conformance/report.py",
    } <= grpo
    assert "trlib/loop/training.py" not in grpo
    assert "trlib/loop/training.py" in reached("04_ppo"), "by `trlib.train`, a name that is loaded when it is asked for"


def test_data_count_with_the_package_that_they_lie_in(grpo: set[str]) -> None:
    assert "trlab/conformance/vectors.json" in grpo
    assert any(name.startswith("trlib/embedded/dial/") for name in grpo)
    assert any(name.startswith("book/trbook/explorables/built/") for name in grpo)
    assert not any("/explorables/js/" in name or "/engine/c/" in name for name in grpo), "sources of built files"
    assert not any(name.startswith("trlab/diagnose/") for name in grpo), "a package that is not imported"


def test_an_explorable_that_is_not_used_does_not_count(grpo: set[str]) -> None:
    assert "book/trbook/explorables/trsft.py" not in grpo


def changed_by(path: Path, notebooks: list[str]) -> dict[str, bool]:
    """Whether each notebook's fingerprint is another while a file holds one line more."""
    before = {name: fingerprint(NOTEBOOKS / f"{name}.ipynb", "cpu") for name in notebooks}
    text = path.read_bytes()
    try:
        path.write_bytes(text + b"\n# one line more\n")
        return {name: fingerprint(NOTEBOOKS / f"{name}.ipynb", "cpu") != key for name, key in before.items()}
    finally:
        path.write_bytes(text)


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the packages' code, to be changed; fingerprints are made from it."""
    for name, home in HOMES.items():
        for path in (home / name).rglob("*.py"):
            target = tmp_path / path.relative_to(home)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
    monkeypatch.setattr(dependencies, "HOMES", dict.fromkeys(HOMES, tmp_path))
    return tmp_path


def test_a_fingerprint_changes_with_what_the_chapter_uses_and_with_nothing_else(copy: Path) -> None:
    assert changed_by(copy / "trbook" / "exercises" / "trapo.py", ["04_ppo", "05_grpo", "10_trapo"]) == {
        "04_ppo": False,
        "05_grpo": False,
        "10_trapo": True,
    }
    assert changed_by(copy / "trlib" / "algorithms" / "ppo.py", ["04_ppo"]) == {"04_ppo": True}
    assert changed_by(copy / "trlab" / "diagnose" / "page.py", ["04_ppo"]) == {"04_ppo": False}


def package(folder: Path, files: dict[str, str]) -> Packages:
    for name, text in files.items():
        path = folder / "trlab" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return Packages({"trlab": folder})


def names(packages: Packages, text: str) -> list[str]:
    return [path.relative_to(packages.homes["trlab"]).as_posix() for path in packages.needs(imports(text)).files]


def test_every_way_to_import_counts(tmp_path: Path) -> None:
    packages = package(
        tmp_path,
        {
            "__init__.py": "",
            "a.py": "def f():\n    from . import b\n",
            "b.py": "import numpy\nfrom importlib import import_module\nimport_module('trlab.c')\n",
            "c.py": "from importlib import import_module\nKINDS = [import_module(f'trlab.kinds.{x}') for x in 'xy']\n",
            "kinds/__init__.py": "",
            "kinds/x.py": "",
            "kinds/data.csv": "",
            "d.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from trlab import unused\n",
            "e.py": "WHERE = 'trlab.c'\n",
            "unused.py": "",
        },
    )
    whole = ["trlab/__init__.py", "trlab/b.py", "trlab/c.py", "trlab/kinds/__init__.py", "trlab/kinds/data.csv"]
    assert names(packages, "from trlab import a") == sorted([*whole, "trlab/a.py", "trlab/kinds/x.py"])
    assert names(packages, "import trlab.d as d\nd.x.y") == ["trlab/__init__.py", "trlab/d.py"]
    assert names(packages, "import trlab\ntrlab.d.f()") == ["trlab/__init__.py", "trlab/d.py"]
    assert "trlab/c.py" in names(packages, "from trlab.e import WHERE"), "a table of modules"
    assert names(packages, "x = 1") == []
    assert packages.needs(imports("import torch.nn\nimport json\nfrom pandas import DataFrame")).outside == (
        "pandas",
        "torch",
    )


def test_a_name_loaded_when_asked_for_brings_its_module_only(tmp_path: Path) -> None:
    packages = package(
        tmp_path,
        {
            "__init__.py": "from typing import TYPE_CHECKING\n_HOME = {'f': 'trlab.a'}\nif TYPE_CHECKING:\n"
            "    from trlab.a import f\ndef __getattr__(name):\n    return getattr(import_module(_HOME[name]), name)\n",
            "a.py": "",
            "b.py": "",
        },
    )
    assert names(packages, "import trlab as t\nt.f()") == ["trlab/__init__.py", "trlab/a.py"]
    assert names(packages, "from trlab import f") == ["trlab/__init__.py", "trlab/a.py"]
    everything = ["trlab/__init__.py", "trlab/a.py", "trlab/b.py"]
    assert names(packages, "from trlab import unknown") == everything, "what cannot be resolved counts as all"


def test_lines_that_only_ipython_understands_are_left_out(tmp_path: Path) -> None:
    cells = ["if x:\n    %pip install -q y\nimport torch", "!ls\nimport numpy", "%%bash\nls -l |", "import json"]
    notebook = {"cells": [{"cell_type": "code", "source": [cell]} for cell in cells]}
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    assert imports(code(path)).modules == {"torch", "numpy", "json"}
