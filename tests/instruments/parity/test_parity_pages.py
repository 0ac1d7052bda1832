"""Every name that a page quotes in a line about TRL or verl is in the installed library, and every
default of the page of settings is its default."""

import os
import re
from dataclasses import fields
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from book.build.paths import ROOT

PAGES = (
    ROOT / "book/monday.md",
    *sorted((ROOT / "book/questions").glob("*.md")),
    *sorted((ROOT / "book/check").glob("*.md")),
)
LINE = re.compile(r"^(?:- \*\*((?:TRL|verl)\b[^*]*)\*\*|\| (TRL|verl) \|)(.*)$", re.MULTILINE)
"""Of whom it speaks, as a bullet or as a row, and what it says."""
NAME = re.compile(r"[A-Za-z_][A-Za-z_0-9]{3,}(?:/[a-zA-Z_]+)*")
ROW = re.compile(r"^\| (TRL|verl) \| \[`([^`]+)`\]\([^)]*\) \| `?([^|`]*)`? \|", re.MULTILINE)
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


@cache
def defaults(library):
    """The defaults of a library's configurations, by the key that the page has."""
    if library == "verl":
        folder = Path(find_spec("verl").submodule_search_locations[0])
        found = {}
        for file in (
            "trainer/config/_generated_ppo_megatron_trainer.yaml",
            "experimental/fully_async_policy/config/fully_async_ppo_trainer.yaml",
            "trainer/config/_generated_ppo_trainer.yaml",
        ):
            found |= flat(yaml.safe_load((folder / file).read_text(encoding="utf-8")))
        return found
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    usual = import_module("trl").GRPOConfig
    behind = import_module("trl.experimental.async_grpo").AsyncGRPOConfig
    return {one.name: one.default for config in (behind, usual) for one in fields(config)}


def flat(tree, prefix=""):
    """A tree of settings by dotted names."""
    if not isinstance(tree, dict):
        return {prefix.removesuffix("."): tree}
    return {k: v for name, part in tree.items() for k, v in flat(part, f"{prefix}{name}.").items()}


@pytest.mark.parametrize("library", ["TRL", "verl"])
def test_every_default_of_the_page_of_settings_is_the_librarys(library):
    pytest.importorskip(library.lower())
    page = (ROOT / "book/check/settings.md").read_text(encoding="utf-8")
    rows = {key: default for one, key, default in ROW.findall(page) if one == library}
    has = {key: defaults(library).get(key, "no such setting") for key in rows}
    assert len(rows) > 9
    assert {key: str(value).lower().replace("none", "null") for key, value in has.items()} == {
        key: default.lower().replace("none", "null") for key, default in rows.items()
    }
