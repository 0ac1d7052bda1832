"""The page of the laboratory: its files, its commands and what it says that they print."""

import re

import matplotlib.pyplot as plt
import pytest

from book.build.paths import ROOT
from trlab.drawing import curves
from trlab.record import RecordError, recorded
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


def test_every_command_is_one_and_lists_the_cells_that_the_page_shows(desk, capsys):
    assert COMMANDS
    for command in COMMANDS:
        dry = command.endswith("--dry-run")
        assert main([*command.split(), *([] if dry else ["--dry-run"])]) == 0, command
        output = capsys.readouterr().out
        assert "to run into" in output
        if dry:
            (block,) = [block for block in CONSOLE if f"$ trlib {command}\n" in block]
            assert output.endswith(block.split(f"{command}\n")[1].removeprefix("...\n")), command


def test_a_record_of_ones_own_is_read_and_drawn_as_the_page_says(desk, capsys):
    (source,) = [block for block in PYTHON if "import interval" in block]
    (drawing,) = [block for block in PYTHON if "intervals(" in block]
    assert (
        main(["sweep", "reuse.py", "--smoke", "--out", "sweeps/reuse", "--workers", "0", "--quiet"])
        == 0
    )
    exec(compile(drawing, "lab.md", "exec"), {})
    picture = (desk / "methods.svg").read_text(encoding="utf-8")
    assert "<svg" in picture and all(name in picture for name in ("pg_is", "trpo", "batch"))
    with pytest.raises(RecordError, match="expected a folder that holds a record, or one of"):
        recorded("sweeps/none")
    ends, _ = recorded("sweeps/reuse")
    _, ax = plt.subplots()
    curves(ax, desk / "sweeps" / "reuse", ["ppo"], along="uses")
    assert ax.lines and set(ends["label"]) == {"pg_is", "ppo"}
    plt.close("all")
    capsys.readouterr()
    exec(compile(source, "lab.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    pattern = re.compile(r"(pg_is|ppo) +accuracy at eight uses \S+( \[.*\])?")
    assert len(lines) == 2 and all(
        pattern.fullmatch(line) and pattern.search(PAGE) for line in lines
    )
