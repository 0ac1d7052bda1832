"""Docstrings and formulas on their way to the page: nothing that was mathematics becomes markup, or
the other way."""

import base64
import hashlib

import pytest
from docutils import nodes

from book.build.ext.docstrings import escape, mend
from book.build.ext.line_breaks import VERBATIM, keep_close, numbers
from book.build.ext.mathematics import drawn
from book.build.ext.phone_tables import tables
from book.build.ext.security import sealed


@pytest.mark.parametrize(
    ("written", "markup"),
    [
        ("KL(a || b) of `log_a`", r"KL(a \|\| b) of ``log_a``"),
        ("prompts * group rows", r"prompts \* group rows"),
        ("by π_old, y_<t", r"by π_old, y\_<t"),
        ("a ``literal | one``", "a ``literal | one``"),
        (":eq:`clip` holds", ":eq:`clip` holds"),
        ("It *describes*: it never samples", "It *describes*: it never samples"),
        ("no *new idea*, x*y*z, *args", r"no *new idea*, x\*y\*z, \*args"),
    ],
)
def test_symbols_stay_symbols_and_backticks_stay_code(written, markup):
    assert escape(written) == markup


def test_a_formula_keeps_its_lines_and_its_source_stands_alone():
    lines = [
        "One line.",
        "",
        "L = -r A",
        "w = r A,   r = p/q",
        "",
        "Prose flows",
        "on.",
        "Source: a paper.",
        "Differs from: another.",
    ]
    assert mend(lines) == [
        "One line.",
        "",
        "| L = -r A",
        "| w = r A,   r = p/q",
        "",
        "Prose flows",
        "on.",
        "",
        "*Source:* a paper.",
        "",
        "*Differs from:* another.",
        "",
    ]


def test_a_formula_is_drawn_in_its_line_and_alone():
    assert drawn(r"\frac{a}{b}").startswith('<span class="katex">')
    assert 'display="block"' in drawn("x", displayed=True)


def test_marks_stay_with_their_formula_and_a_long_formula_may_break():
    parts = [nodes.math("", r"\pi"), nodes.Text(". Then ("), nodes.math("", "c")]
    parts += [nodes.Text(") and ("), nodes.math("", "a = b")]
    line = nodes.paragraph("", "", *parts, nodes.Text(", or "), nodes.math("", "r"))
    keep_close(None, line, "")
    wanted = [r"\pi.", " Then ", "(c)", " and (", "a = b", ", or ", "r"]
    assert [part.astext() for part in line] == wanted
    assert [part.get("classes") for part in line.findall(nodes.inline)] == [["whole"]] * 2


def test_a_formula_s_mathml_is_valid():
    fraction = drawn(r"\frac{1}{\operatorname{Var}}")
    assert '<mfrac><mn>1</mn><mi mathvariant="normal">Var</mi></mfrac>' in fraction, "two parts"
    assert "<mi>log</mi><mo>\u2061</mo><mi>x</mi>" in drawn(r"\log x"), "elsewhere the sign is said"


def test_a_table_that_a_phone_cannot_hold_carries_its_headings():
    head = "<thead><tr><th>name</th><th>what it is</th><th>unit</th></tr></thead>"
    words = "<tr><td>x</td><td>a long line of short words that wrap well</td><td>1</td></tr>"
    small = tables(f"<p>a</p><table>{head}<tbody>{words}</tbody></table>")
    assert small.startswith('<p>a</p><table class="fits">')
    assert "data-label" not in small
    word = "a" * 30
    row = f"<tr><td>x</td><td><code>{word}.b_c</code></td><td>1</td></tr>"
    large = tables(f'<table class="table">{head}<tbody>{row}</tbody></table>')
    assert '<table class="table stacks" role="table">' in large
    name = f'<code>{word}.<wbr/>b_<wbr class="inner"/>c</code>'
    assert f'<td data-label="what it is" role="cell">{name}</td>' in large
    assert '<th role="rowheader" scope="row">x</th>' in large
    # pandas gives an index that has a name a second row of headings, empty but for the name
    two = (
        "<thead><tr><th></th><th>lo<b>ss</b></th><th>gradient<wbr>norm</th></tr>"
        "<tr><th>update</th><th>&nbsp;</th><th></th></tr></thead>"
    )
    labelled = tables(
        f"<table>{two}<tbody><tr><th>1</th><td>{word}</td><td>2.5</td></tr></tbody></table>"
    )
    assert f'<td data-label="loss" role="cell">{word}</td>' in labelled
    assert '<td data-label="gradient norm" role="cell">2.5</td>' in labelled


def test_a_table_of_numbers_slides_on_a_phone_and_one_of_words_does_not():
    heads = "".join(
        f"<th>{word}</th>"
        for word in ("method", "accuracy", "worst run", "early reward", "entropy", "kept")
    )
    cells = (
        "<td>ppo</td><td>0.871 [0.862, 0.885]</td><td>0.86</td><td>0.54 [0.54, "
        "0.56]</td><td>not significant</td><td>1</td>"
    )
    numbers = tables(
        f"<table><thead><tr>{heads}</tr></thead><tbody>{f'<tr>{cells}</tr>' * 3}</tbody></table>"
    )
    assert '<table class="slides">' in numbers
    assert "data-label" not in numbers
    words = numbers.replace("0.86<", "a sentence about what came of the worst run<").replace(
        "slides", "table"
    )
    assert '<table class="table stacks" role="table">' in tables(words)


def test_a_rate_stays_on_one_line():
    page = """<p title="a > 1e-5">from 1e-5 to 1.5e-3, page-wide, the-5</p><td class='1e-2'>4.8e-07 < 2</td>"""
    held = (
        page.replace("from 1e-5", "from @1e-5#")
        .replace("1.5e-3", "@1.5e-3#")
        .replace("4.8e-07", "@4.8e-07#")
    )
    assert numbers(page) == held.replace("@", '<span class="whole">').replace("#", "</span>")


@pytest.mark.parametrize("element", VERBATIM)
def test_a_rate_in_an_element_without_html_is_left_as_it_is(element):
    kept = f"<{element}>if (a < 2) it's 1e-5</{element}><!-- 1e-6 -->"
    assert numbers(f"{kept}1e-7") == f'{kept}<span class="whole">1e-7</span>'


def test_a_page_runs_the_scripts_that_it_came_with_and_no_others():
    page = (
        '<head><meta charset="utf-8" /></head><script>let a</script><script '
        'type="application/json">{}</script>'
    )
    done = sealed(page)
    digest = base64.b64encode(hashlib.sha256(b"let a").digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in done
    assert done.index("Content-Security-Policy") < done.index("<script")
    assert sealed(done) == done
    assert "script-src 'self';" in sealed('<meta charset="utf-8">')
