"""The page of the laboratory: its files, its commands and what it says that they print."""

import re

import pytest

from book.build.paths import ROOT
from trlib.cli import main

PAGE = (ROOT / "book/interface/lab.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
CONSOLE = re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [
    line.removeprefix("$ trlib ")
    for block in CONSOLE
    for line in block.splitlines()
    if line.startswith("$")
]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with the page's two files."""
    for mark, name in (("SWEEP = ", "reuse.py"), ("class Narrow", "mine.py")):
        (source,) = [block for block in PYTHON if mark in block]
        assert f"This is `{name}`" in PAGE
        (tmp_path / name).write_text(source, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(command):
    """What the page prints below a command, up to the next."""
    (block,) = [block for block in CONSOLE if f"$ trlib {command}\n" in block]
    return block.split(f"$ trlib {command}\n")[1].split("$ ")[0].splitlines()


def test_the_cells_that_are_listed_are_the_cells(desk, capsys):
    assert main(["sweep", "reuse.py", "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == printed("sweep reuse.py --dry-run")
    assert main(["sweep", "dial_methods", "--method", "mine.py:Narrow", "--dry-run"]) == 0
    assert (
        capsys.readouterr().out.splitlines()[-3:]
        == printed("sweep dial_methods --method mine.py:Narrow --dry-run")[-3:]
    )


def test_every_command_is_one(desk, capsys):
    assert COMMANDS
    for command in COMMANDS:
        again = [] if command.endswith("--dry-run") else ["--dry-run"]
        assert main([*command.split(), *again]) == 0, command
        assert "to run into" in capsys.readouterr().out


def test_the_shipped_record_is_read_and_drawn_as_the_page_says(desk):
    (source,) = [block for block in PYTHON if "intervals(" in block]
    exec(compile(source, "lab.md", "exec"), {})
    assert "<svg" in (desk / "methods.svg").read_text(encoding="utf-8")


def test_a_folders_record_is_read_as_the_page_says(desk, capsys):
    (source,) = [block for block in PYTHON if "import price" in block]
    assert (
        main(["sweep", "reuse.py", "--smoke", "--out", "sweeps/reuse", "--workers", "0", "--quiet"])
        == 0
    )
    capsys.readouterr()
    exec(compile(source, "lab.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    pattern = re.compile(r"(pg_is|ppo) +nats per point at eight uses \S+( \[.*\])?")
    assert len(lines) == 2 and all(
        pattern.fullmatch(line) and pattern.search(PAGE) for line in lines
    )
