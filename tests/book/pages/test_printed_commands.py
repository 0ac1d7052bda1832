"""Every command that a page prints and that needs no file of a reader runs as it is printed."""

import re
import shlex
from importlib.util import find_spec

import pytest

from book.build.paths import NOTEBOOKS, ROOT
from tests.book.conftest import prose
from tests.by_day import by_day
from trlib.cli import main
from trlib.loop import train as loop
from trlib.model import policy as policies

START = re.compile(r"(trlib|make|python -m|pip install|torchrun|accelerate|cd) \S")
FENCE = re.compile(r"^```([^\s`]*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
OWN_FILES = ("book/interface/lab.md", "book/interface/method.md", "book/own.md")
"""Pages whose commands need files that the page prints; their tests write them and run them."""
NOT_RUN = {
    "trlib --version",
    # Patterns: NAME and FOLDER are the reader's.
    "trlib sweep NAME --dry-run",
    "trlib sweep NAME --out FOLDER",
    "trlib sweep NAME",
    "trlib sweep NAME --verify",
    # Of the reader's own runs and files.
    "trlib evaluate --policy runs/a",
    "trlib train --method mine.py:Mine",
    "trlib train --task frugal.py:Counted --policy spend --knob partial=0.5 --method grpo --steps 60",
    "trlib train --data prompts.jsonl --reward mine.py:reward --policy path/to/model",
}
"""Commands that no test types."""


def printed():
    """Every code span and every line of a fenced block that is a command."""
    book = ROOT / "book"
    pages = [ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "MAINTAINING")]
    pages += [*book.glob("*.md"), *book.glob("interface/*.md"), book / "methods/index.md"]
    pages += NOTEBOOKS.glob("*.ipynb")
    for path in sorted(pages):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            text = prose(path)
        blocks = FENCE.findall(text)
        code = "\n".join(
            body for kind, body in blocks if kind in ("", "console", "bash", "sh", "text")
        )
        lines = [line.removeprefix("$ ").strip() for line in code.splitlines()]
        spans = re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
        for command in dict.fromkeys([*lines, *spans]):
            if START.match(command) and str(path.relative_to(ROOT)) not in OWN_FILES:
                yield command.partition("  #")[0].strip()


COMMANDS = sorted({*printed()} - NOT_RUN)


def of(*beginning):
    return [
        command
        for command in COMMANDS
        if tuple(shlex.split(command)[: len(beginning)]) == beginning
    ]


@pytest.mark.parametrize(
    "command", by_day(of("trlib", "sweep"), "trlib sweep refit", reason="each declares its cells")
)
def test_a_sweep_is_one(command, capsys, tmp_path, monkeypatch):
    """Its cells are made and listed; running them takes hours."""
    monkeypatch.chdir(tmp_path)
    assert main([*shlex.split(command)[1:], "--dry-run"]) == 0
    assert "to run into" in capsys.readouterr().out


@pytest.mark.parametrize("command", of("trlib", "train"))
def test_a_training_begins(command, monkeypatch, capsys):
    """Everything up to the first batch: the words are understood, and the method is made with its
    settings."""
    reached = []

    def stop(_policy, _task, method, **_settings):
        reached.append(method)
        raise ValueError("begins here")

    monkeypatch.setattr(policies, "load_policy", lambda *_, **__: None)
    monkeypatch.setattr(loop, "train", stop)
    words = shlex.split(command)
    assert main(words[1:]) == 1
    message = capsys.readouterr().err
    if "wpo" in words:  # the page prints it with what it says
        assert not reached and "wpo" in message
    else:
        assert "begins here" in message and reached
        for name, value in re.findall(r"--set (\w+)=(\S+)", command):
            assert str(getattr(reached[0], name)) == value


@pytest.mark.parametrize("command", of("make"))
def test_a_target_is_one(command):
    assert re.search(
        rf"^{shlex.split(command)[1]}:",
        (ROOT / "Makefile").read_text(encoding="utf-8"),
        re.MULTILINE,
    )


@pytest.mark.parametrize("command", of("python", "-m"))
def test_a_module_is_one(command):
    """What they do takes minutes; each has a test of its own in tests/book/build or
    tests/lab."""
    assert find_spec(shlex.split(command)[2])
