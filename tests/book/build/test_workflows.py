"""The workflows: every command that they run exists, a release refuses a wrong tag, the canary
reads Colab's list."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools import archive
from tools.paths import ROOT
from tools.release import notes as release
from tools.release.hosted import requirements
from tools.stamp import version

FLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
ACTION = re.compile(r"actions/[\w-]+@v\d+")


def steps(flow: dict[str, Any]) -> list[dict[str, Any]]:
    return [step for job in flow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_what_there_is(path: Path) -> None:
    flow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(flow["permissions"].values()) == {"read"}, "a job that writes says so itself"
    for step in steps(flow):
        assert ("run" in step) != ("uses" in step), step
        if "uses" in step:
            assert ACTION.fullmatch(step["uses"]), step
        for target in re.findall(r"^make (.+)$", step.get("run", ""), re.MULTILINE):
            for name in target.split():
                assert re.search(rf"^{name}:", MAKEFILE, re.MULTILINE), f"{path.name}: make {name}"
        for module in re.findall(r"python -m (tools[.\w]+)", step.get("run", "")):
            assert callable(importlib.import_module(module).main), f"{path.name}: {module}"


CHANGES = (
    f"# Changelog\n\n## Unreleased\n\n- later\n\n## {version()} · 2026-12-01\n\n- new\n\n## "
    "0.0.1\n\n- old\n"
)


def test_a_release_has_its_section_of_the_changelog() -> None:
    assert release.notes(f"v{version()}", version(), CHANGES) == "- new\n"
    assert release.notes("v0.0.1", "0.0.1", CHANGES) == "- old\n"


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        ("nightly", "got 'nightly', which is not a version"),
        (version(), "which is not a version"),
        ("v1", "which is not a version"),
        ("v99.0.0", "the tag is v99.0.0, but trlib.__version__ is"),
    ],
)
def test_a_tag_that_is_no_version_is_refused(tag: str, words: str) -> None:
    with pytest.raises(release.NoRelease, match=words):
        release.notes(tag, version(), CHANGES)
    done = subprocess.run(
        [sys.executable, "-m", "tools.release.notes", tag], cwd=ROOT, capture_output=True, text=True
    )
    assert (
        done.returncode == 1
        and done.stderr.startswith("release: ")
        and words in done.stderr
        and not done.stdout
    )


def test_a_book_that_was_not_built_cannot_be_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        sys, "argv", ["archive", "--folder", str(tmp_path), "--out", str(tmp_path / "book.zip")]
    )
    assert archive.main() == 1
    assert capsys.readouterr().err == f"archive: {tmp_path}: no book here; `make html` builds it\n"
    assert not (tmp_path / "book.zip").exists()


def test_a_version_without_changes_is_refused() -> None:
    for changes in (
        "# Changelog\n\n## Unreleased\n\n- x\n",
        f"## {version()}\n\n## 0.0.1\n",
        f"## {version()}.1\n\n- x\n",
    ):
        with pytest.raises(release.NoRelease, match=f"no section `## {version()}`"):
            release.notes(f"v{version()}", version(), changes)


FREEZE = """\
absl-py==1.4.0
ipykernel==6.17.1
ipywidgets==7.7.1
matplotlib==3.10.0
numpy==2.1.3
pandas==2.2.3
en-core-web-sm @ https://example.org/en_core_web_sm-3.8.0-py3-none-any.whl#sha256=19
torch @ https://example.org/whl/cu128/torch-2.11.0%2Bcu128-cp313-cp313-linux_x86_64.whl#sha256=a81
transformers==5.15.0
"""


def test_the_canary_has_what_a_hosted_notebook_has() -> None:
    assert requirements(FREEZE) == [
        "torch==2.11.0",
        "transformers==5.15.0",
        "numpy==2.1.3",
        "pandas==2.2.3",
        "matplotlib==3.10.0",
        "ipywidgets==7.7.1",
        "ipykernel==6.17.1",
    ]
    assert requirements(FREEZE.replace("torch @", "torch==2.9.1+cu128\nx @"))[0] == "torch==2.9.1"
    with pytest.raises(ValueError, match="found no line for torch"):
        requirements("<html>not found</html>")
