"""`trlib diagnose` as a command: what it refuses before it reads, and in a process of its own."""

import re
import shlex
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from book.build.paths import ROOT
from tests.typed import typed
from trcheck import diagnose


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("rollouts.parquet", "is there already and is not a page of trlib diagnose"),
        ("page.html --against gone", "--against: expected a dump, got 'gone', which is not there"),
    ],
)
def test_a_page_that_cannot_be_written_is_named_before_the_dump_is_read(
    capsys, tmp_path, monkeypatch, out, words
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(diagnose, "read", lambda *_, **__: pytest.fail("work was done"))
    Path("rollouts.parquet").write_text("years of work")
    assert typed(f"diagnose rollouts.parquet --html {out}") == 2
    assert (
        words in capsys.readouterr().err and Path("rollouts.parquet").read_text() == "years of work"
    )


PAGE = (ROOT / "book/check/diagnose.md").read_text(encoding="utf-8")
TYPED = sorted(set(re.findall(r"^(?:\$ )?(trlib diagnose \S.*?)(?:  #.*)?$", PAGE, re.MULTILINE)))


@pytest.mark.parametrize("command", [line for line in TYPED if "--tokenizer" not in line])
def test_a_command_of_the_page_runs(command, tmp_path, monkeypatch, capsys):
    """But for the one that needs a tokenizer of the hub; `test_recipes.py` reads such a file."""
    example = ROOT / "book/_static/diagnose/rollouts.parquet"
    shutil.copy(example, tmp_path)
    monkeypatch.chdir(tmp_path)
    for name in shlex.split(command)[2:]:
        if name in ("today.parquet", "yesterday.parquet"):
            shutil.copy(example, name)
        elif name.endswith(".pt"):
            torch.save(pq.read_table(example).to_pylist(), name)
        elif name in ("token_exports/step_7", "train_data"):  # a folder of ranks
            Path(name).mkdir(parents=True)
            shutil.copy(example, name)
    # Raw log-probs at another temperature are a cause, and so a status of 1.
    assert typed(command.removeprefix("trlib ")) == ("--logprobs raw" in command)
    assert capsys.readouterr().out
