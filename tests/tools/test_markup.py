"""Docstrings and formulas on their way to the page: nothing that was mathematics becomes markup, or the other way."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime

import pytest

from bookext.docstrings import escape, mend
from bookext.execution import sentence
from bookext.mathematics import aligned
from bookext.pages import mend as mend_page
from bookext.tables import own_settings, summary
from tools.paths import ROOT


@pytest.mark.parametrize(("written", "markup"), [
    ("KL(a || b) of `log_a`", r"KL(a \|\| b) of ``log_a``"),
    ("prompts * group rows", r"prompts \* group rows"),
    ("by π_old, y_<t", r"by π_old, y\_<t"),
    ("a ``literal | one``", "a ``literal | one``"),
    (":eq:`clip` holds", ":eq:`clip` holds"),
])
def test_symbols_stay_symbols_and_backticks_stay_code(written: str, markup: str) -> None:
    assert escape(written) == markup


def test_a_formula_keeps_its_lines_and_its_source_stands_alone() -> None:
    lines = ["One line.", "", "L = -r A", "w = r A,   r = p/q", "", "Prose flows", "on.", "Source: a paper.",
             "Differs from: another."]
    assert mend(lines) == ["One line.", "", "| L = -r A", "| w = r A,   r = p/q", "", "Prose flows", "on.", "",
                           "*Source:* a paper.", "", "*Differs from:* another.", ""]


def test_arguments_become_a_definition_list() -> None:
    lines = ["Args:", "    logp: [B, T] log pi(y_t).", "    eps_low, eps_high: the window,",
             "        below and above 1."]
    assert mend(lines) == [":Arguments:", "   ``logp``", "      [B, T] log pi(y_t).", "   ``eps_low``, ``eps_high``",
                           "      the window,", "      below and above 1.", ""]


def test_attributes_are_not_read_as_types() -> None:
    assert mend(["[B] int: which prompt."]) == ["[B] int: which prompt.", ""]


def test_formulas_of_several_lines_are_aligned_once() -> None:
    assert aligned(r"a &= b \\ c &= d") == r"\begin{aligned}a &= b \\ c &= d\end{aligned}"
    assert aligned(r"\begin{cases} a \\ b \end{cases}") == r"\begin{cases} a \\ b \end{cases}"
    assert aligned(r"\begin{align} a \end{align}") == r"\begin{align*} a \end{align*}"


def test_the_line_under_a_title_names_when_where_and_versions() -> None:
    record = {"when": datetime(2026, 11, 3, tzinfo=UTC).isoformat(), "seconds": 12.4, "profile": "cpu",
              "hardware": "2 cores of X", "versions": {"Python": "3.11.7", "torch": "2.13.0"}}
    assert sentence(record) == ("Executed 3 November 2026 in 12 s, profile cpu, on 2 cores of X · Python 3.11.7 · "
                                "torch 2.13.0")


def test_a_signature_over_several_lines_is_no_list() -> None:
    page = '<dt class="sig sig-object py">f(<dl><dd>a,</dd></dl>)</dt><dl><dt>kept</dt></dl>'
    assert mend_page(page) == ('<dt class="sig sig-object py">f(<span class="sig-line"><span class="sig-line">a,</span>'
                               '</span>)</dt><dl><dt>kept</dt></dl>')


def test_the_table_of_methods_is_read_off_the_package() -> None:
    algorithms = importlib.import_module("trlib.algorithms")
    assert own_settings(algorithms.PGIS) == "none"
    assert own_settings(algorithms.PPO) == "`eps_low=0.2`, `eps_high=0.2`, `dual_clip=None`"
    assert all(summary(entry).endswith(".") for entry in algorithms.ALGORITHMS.values())


def test_every_public_module_has_its_place_in_the_interface() -> None:
    pages = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "book/interface").glob("*.md"))
    files = [*(ROOT / "trlib").glob("*.py"), *(ROOT / "trlib/algorithms").glob("*.py")]
    names = {".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files
             if not path.stem.startswith("__")}
    assert {name for name in names if f".. automodule:: {name}\n" not in pages} == set()
