"""Docstrings and formulas on their way to the page: nothing that was mathematics becomes markup, or
the other way."""

import base64
import hashlib
import re
from types import SimpleNamespace
from typing import get_type_hints

import pytest
from docutils import nodes

from book.build.ext.docstrings import escape, mend
from book.build.ext.line_breaks import VERBATIM, keep_close, numbers
from book.build.ext.mathematics import drawn
from book.build.ext.modules import Attribute, modules
from book.build.ext.pages import styled
from book.build.ext.phone_tables import tables
from book.build.ext.security import seal, sealed
from book.build.paths import ROOT
from trlib.algorithms import PPO


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


def test_arguments_become_a_definition_list():
    lines = [
        "Args:",
        "    logp: [B, T] log pi(y_t).",
        "    eps_low, eps_high: the window,",
        "        below and above 1.",
    ]
    assert mend(lines) == [
        ":Arguments:",
        "   ``logp``",
        "      [B, T] log pi(y_t).",
        "   ``eps_low``, ``eps_high``",
        "      the window,",
        "      below and above 1.",
        "",
    ]


def test_styles_of_outputs_come_first_and_once_and_a_still_keeps_its_own():
    still = "<template><style>b{}</style></template>"
    page = f"<p>x</p><style>a{{}}</style>{still}<svg><style scoped>a{{}}</style></svg>"
    assert styled(page) == f"<style>a{{}}</style><p>x</p>{still}<svg></svg>"
    assert styled(still) == still


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


LINK = '<link rel="stylesheet" type="text/css" href="{}_static/{}?v=1" />\n'
THEME = ("styles/theme.css", "pygments.css", "icons/icons.css")


def test_the_styles_that_a_page_links_first_are_one_file(tmp_path):
    """In one pass with the seal, whatever the files of the theme are called."""
    static = tmp_path / "_static"
    styles = {
        "basic.css": "b {}",
        "styles/theme.css": '@import "../basic.css";\nt {}',
        "pygments.css": "p {}",
        "icons/icons.css": "i { src: url(fonts/a.woff2) url(data:x) }",
    }
    for name, text in styles.items():
        (static / name).parent.mkdir(parents=True, exist_ok=True)
        (static / name).write_text(text)
    for name, others in {"a": ("book.css",), "book/b": ("copybutton.css", "book.css")}.items():
        home = "../" * name.count("/")
        links = "".join(LINK.format(home, one) for one in (*THEME, *others))
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.html").write_text(f'<meta charset="utf-8">{links}<p>')
    app = SimpleNamespace(outdir=tmp_path, builder=SimpleNamespace(format="html"))
    for _ in range(2):  # a page that is not written anew stays as it is
        seal(app, None)
        (made,) = static.glob("styles/theme-*.css")
        assert made.read_text() == (
            'b {}\nt {}\np {}\ni { src: url("../icons/fonts/a.woff2") url(data:x) }'
        )
        for name, home, rest in (("a", "", 1), ("book/b", "../", 2)):
            page = (tmp_path / f"{name}.html").read_text()
            found = re.findall(r'href="([^"]*)"', page)
            assert found[0] == f"{home}_static/styles/{made.name}" and len(found) == 1 + rest
            assert page.index("Content-Security-Policy") < page.index(made.name)


@pytest.mark.parametrize(
    ("explorable", "learns"),
    [("dial", True), ("playground", True), ("storyteller", True), ("wall", False)],
)
def test_a_model_may_learn_only_where_a_figure_trains_one(explorable, learns):
    page = f'<meta charset="utf-8"><div data-explorable="{explorable}"></div>'
    assert ("wasm-unsafe-eval" in sealed(page)) == learns


def test_a_page_of_the_interface_names_its_modules():
    page = "# A\n\n<!--modules-->\n{}\n<!--/modules-->\n"
    lines = "- [X, and more](../../trlib/x/y.py)\n- [Z](../trbook/z)"
    assert modules(page.format(lines)) == {"trlib.x.y": "X, and more", "trbook.z": "Z"}


def test_every_module_that_a_reader_calls_has_a_page():
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    files = re.findall(r"file: ([\w./-]+)", toc)
    assert [name for name in files if files.count(name) > 1] == []
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "book").rglob("*.md"))
    named = modules(pages)
    for folder in ("", "algorithms/", "model/", "loop/"):
        for path in (ROOT / "trlib" / folder).glob("[a-z]*.py"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            assert name in named or f"automodule:: {name}\n" in pages, (
                f"{name}: no page of the interface"
            )


def test_a_class_that_is_documented_keeps_its_own_annotations():
    """Else a subclass that comes later cannot look up the types that it inherits."""
    own = dict(vars(PPO)["__annotations__"])
    Attribute.update_annotations(object.__new__(Attribute), PPO)
    assert vars(PPO)["__annotations__"] == own
    assert "correction" in get_type_hints(PPO) and "correction" not in own
