"""Every command that a page prints runs as it is printed, or the reason why not stands here."""

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
TESTED = {
    "book/interface/lab.md": "tests/book/pages/test_lab_page.py",
    "book/interface/method.md": "tests/core/loop/test_user_errors.py",
    "book/own.md": "tests/book/pages/test_own_method.py",
}
"""Pages whose commands need files that the page prints, and the test that writes and runs them."""
NOT_RUN = {
    "trlib --version": "tests/core/cli/test_main.py asks for it",
    "trlib sweep NAME --dry-run": "a pattern: NAME is a contributor's; test_a_sweep_is_one lists cells",
    "trlib sweep NAME --out FOLDER": "a pattern, as above",
    "trlib sweep NAME": "a pattern, as above",
    "trlib sweep NAME --verify": "a pattern: NAME is the reader's; tests/lab/test_verify.py "
    "verifies cells",
    "trlib evaluate --policy runs/a": "the reader's run; tests/core/cli/test_main.py trains one and "
    "evaluates it",
    "trlib train --method mine.py:Mine": "mine.py is the reader's; tests/core/loop/test_user_errors.py runs "
    "the page's own",
    "trlib train --task frugal.py:Counted --policy spend --knob partial=0.5 --method grpo --steps "
    "60": ("frugal.py is the reader's; tests/core/tasks/test_task.py loads a task from its file"),
    "accelerate launch --num_processes 2 --cpu": "what was run once, for book/trbook/scale/"
    "distributed.json; tests/instruments/bridges/test_trl.py runs two processes by torchrun",
    "accelerate launch --config_file fsdp.yaml dppo.py --config eight_gpus.yaml": "needs eight GPUs; "
    "tests/instruments/test_examples.py compares its settings with the libraries'",
    "accelerate launch --use_fsdp": "likewise",
    "accelerate launch ... dppo.py --config eight_gpus.yaml --vllm_mode server --vllm_server_host "
    "10.0.0.9": "needs several machines; tests/instruments/test_machines.py checks the settings",
    "trlib train --data prompts.jsonl --reward mine.py:reward --policy path/to/model": "the files are the "
    "reader's; tests/core/loop/test_data.py trains on data and a reward",
}
"""Commands that no test types, and why."""


def printed():
    """(page, command) of every code span and every line of a fenced block that is one."""
    pages = [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "MAINTAINING.md",
        *(ROOT / "book").glob("*.md"),
    ]
    pages += [
        *(ROOT / "book/interface").glob("*.md"),
        ROOT / "book/methods/index.md",
        *NOTEBOOKS.glob("*.ipynb"),
    ]
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
            if START.match(command) and str(path.relative_to(ROOT)) not in TESTED:
                yield str(path.relative_to(ROOT)), command.partition("  #")[0].strip()


COMMANDS = sorted({command for _, command in printed()} - set(NOT_RUN))


def of(*beginning):
    return [
        command
        for command in COMMANDS
        if tuple(shlex.split(command)[: len(beginning)]) == beginning
    ]


def test_every_command_is_run_below_or_its_reason_is_given():
    """A command of a kind that no test knows fails here."""
    tested = [*of("trlib"), *of("make"), *of("python", "-m"), *of("pip", "install")]
    assert set(COMMANDS) == set(tested) and of("trlib", "sweep") and of("trlib", "train")
    assert set(NOT_RUN) <= {command for _, command in printed()}, "a reason for what no page prints"
    for page, test in TESTED.items():
        assert page.rpartition("/")[2] in (ROOT / test).read_text(encoding="utf-8")
    kinds = {shlex.split(command)[1] for command in of("trlib")}
    assert kinds <= {"sweep", "train", "diagnose", "methods", "conformance", "compare"}


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


def test_the_methods_are_listed(capsys):
    assert main(["methods"]) == 0 and "tram" in capsys.readouterr().out
