"""Every name that a page quotes in a line about TRL or verl is in the installed library."""

import os
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import pytest

from book.build.paths import ROOT

PAGES = (
    ROOT / "book/monday.md",
    *sorted((ROOT / "book/questions").glob("*.md")),
    *sorted((ROOT / "book/check").glob("*.md")),
)
LINE = re.compile(r"^(?:- \*\*((?:TRL|verl)\b[^*]*)\*\*|\| (TRL|verl) \|)(.*)$", re.MULTILINE)
"""Of whom it speaks, as a bullet or as a row, and what it says."""
NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]{3,}(?:/[a-zA-Z_]+)*")
BESIDE = {
    "TRL": ("transformers.training_args", "transformers.trainer", "transformers.trainer_callback"),
    "verl": (),
}
"""Modules of others whose settings the library's own take."""
GONE = {"PPOTrainer", "DPPOTrainer", "dppo", "reference_free"}
"""What a page names because the library has it no more."""
OURS = {"trlib_max", "examples/trl/dppo", "eval_reward"}
"""What the line asks the reader to make, an example of ours, and a column of a log that is named after the
reader's own data."""
WORDS = {"True", "False", "None", "null"}


@cache
def text_of(*modules):
    """The source of some packages or modules."""
    texts = []
    for name in modules:
        spec = find_spec(name)
        paths = [Path(spec.origin)]
        if spec.submodule_search_locations:
            folder = Path(spec.submodule_search_locations[0])
            paths = [p for p in folder.rglob("*") if p.suffix in (".py", ".yaml", ".jinja")]
        texts += [path.read_text(encoding="utf-8", errors="ignore") for path in paths]
    return "\n".join(texts)


@cache
def known(*libraries):
    """Every word of some libraries, and of what their lines may name of ours."""
    modules = [name for one in libraries for name in (one.lower(), *BESIDE[one])]
    return set(re.findall(r"[A-Za-z_][A-Za-z_0-9]*", text_of(*modules, "trlib", "trcheck")))


def is_known(part, words):
    """Whether it is one of the words, or with an underscore at its end the beginning of one."""
    return part in words or (part.endswith("_") and any(word.startswith(part) for word in words))


def test_every_name_in_a_line_about_a_library_is_one_of_its_names():
    for library in BESIDE:
        pytest.importorskip(library.lower())
    asked, missing = 0, []
    for page in PAGES:
        for bullet, row, rest in LINE.findall(page.read_text(encoding="utf-8")):
            words = known(*(library for library in BESIDE if library in bullet + row))
            names = {n for quoted in re.findall(r"`([^`]+)`", rest) for n in NAME.findall(quoted)}
            asked += len(names)
            # A key of a log is put together, such as `clip_ratio/` and `low_mean`.
            missing += [
                (os.path.relpath(page, ROOT), name)
                for name in sorted(names - WORDS - GONE - OURS)
                if not all(is_known(part, words) for part in name.split("/"))
            ]
    assert asked > 600 and missing == []
