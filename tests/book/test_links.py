"""Every link between the book's mathematics and the package holds, in both directions.

The rule: after a numbered equation the text may say *computed by* and a name; the docstring of that
name then says in which equation the reader finds it, with :eq:. A docstring that names an equation
is named on the equation's page. No equation is numbered that nothing names.
"""

import ast
import functools
import json
import re
import sys

import pytest

from book.build.cards import CARDS
from book.build.ext.links import canonical, named
from book.build.ext.made import whole_links
from book.build.ext.modules import modules
from book.build.ext.terms import slug
from book.build.paths import ANNEX, ANNEXED, ROOT
from trbook.address import INTRODUCTION
from trlab.questions import all_questions

LABEL = re.compile(r"\\label\{([^}]+)\}")
EQUATION = re.compile(r"\$\$(.+?)\$\$\s*(.*?)(?=\n\s*\n|\$\$|\Z)", re.DOTALL)
"""A displayed formula and the paragraph that follows it."""
PACKAGES = (ROOT / "trlib", ROOT / "trlab", ROOT / "trcheck", ROOT / "book" / "trbook")
COMPUTED = re.compile(r"computed by ((?:`tr(?:lib|lab|book)[^`]+`(?:, and |, | and )?)+)")
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
SHOWN = "trbook.explorables."
"""What a page shows by a cell and need not name."""
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
TO_EQUATION = re.compile(r":eq:`([^`]+)`|\(#(?:equation-)?([^)]+)\)|\{eq\}`([^`]+)`")


def text(path):
    """A page's prose, as the book shows it."""
    if path.suffix != ".ipynb":
        return whole_links(FENCED.sub("", path.read_text(encoding="utf-8")))
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    prose = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return whole_links(INTRODUCTION.sub("", "\n\n".join(prose), count=1))


@functools.cache
def pages():
    """Every page that a person wrote, by its path."""
    found = [
        *sorted((ROOT / "notebooks").glob("*.ipynb")),
        *sorted((ROOT / "book").glob("*.md")),
        *sorted((ROOT / "book" / "check").glob("*.md")),
        *sorted((ROOT / "book" / "interface").glob("*.md")),
        ROOT / "book" / "methods" / "index.md",
    ]
    return {str(path.relative_to(ROOT)): text(path) for path in found if path.name != "README.md"}


@functools.cache
def docstrings():
    """Every docstring of our packages, by the name of what it describes."""
    found = {}

    def walk(node, name):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            found[name] = ast.get_docstring(node) or ""
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef | ast.FunctionDef):
                walk(child, f"{name}.{child.name}")

    for path in (path for package in PACKAGES for path in sorted(package.rglob("*.py"))):
        root = next(package.parent for package in PACKAGES if package in path.parents)
        module = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        walk(ast.parse(path.read_text(encoding="utf-8")), module)
    return found


def of_modules():
    """The modules that a page of the interface shows."""
    return modules(
        "".join(path.read_text(encoding="utf-8") for path in (ROOT / "book/interface").glob("*.md"))
    )


def names(prose):
    """The names of the package that stand in code font."""
    return [name for code in CODE.findall(prose) if (name := named(code))]


def faults(prose, docs):
    """What dangles, a line each."""
    home = {}
    found = []
    mentioned = {
        label
        for body in [*prose.values(), *docs.values()]
        for groups in TO_EQUATION.findall(body)
        for label in groups
        if label
    }
    for page, body in prose.items():
        for label in LABEL.findall(CODE.sub("", body)):
            found += (
                [f"{page}: the label {label!r} stands on {home[label]} too"]
                if label in home
                else []
            )
            found += [] if label in mentioned else [f"{page}: nothing names the equation {label!r}"]
            home[label] = page
        found += [f"{page}: {fault}" for fault in _unknown(body)]
        for formula, after in EQUATION.findall(body):
            for label in LABEL.findall(formula):
                computing = [name for group in COMPUTED.findall(after) for name in names(group)]
                found += [
                    f"{page}: {label!r} is computed by `{name}`, whose docstring says no "
                    f":eq:`{label}`"
                    for name in computing
                    if f":eq:`{label}`" not in docs.get(_canonical(name), "")
                ]
    for name, doc in docs.items():
        for label in re.findall(r":eq:`([^`]+)`", doc):
            if label not in home:
                found.append(f"{name}: no page has the equation {label!r}")
            elif not name.startswith(SHOWN) and not _names(prose[home[label]], name):
                found.append(
                    f"{name}: its docstring names {label!r}, and {home[label]} does not name it"
                )
    return found


def _names(body, name):
    """Whether a page names that thing, or one inside it."""
    return any(said == name or said.startswith(f"{name}.") for said in map(_canonical, names(body)))


def _canonical(name):
    try:
        return canonical(name)
    except ValueError:
        return name


def _unknown(body):
    found = []
    for name in names(body):
        try:
            canonical(name)
        except ValueError as error:
            found.append(str(error))
    return found


def test_no_link_between_mathematics_and_code_dangles():
    assert len(pages()) > 20
    assert sum(":eq:" in doc for doc in docstrings().values()) >= 4
    assert faults(pages(), docstrings()) == []


def test_what_computes_an_equation_has_a_place_in_the_interface():
    computing = {
        name
        for body in pages().values()
        for group in COMPUTED.findall(body)
        for name in names(group)
    }
    assert len(computing) > 10
    assert [
        name
        for name in sorted(computing)
        if not any(canonical(name).startswith(f"{module}.") for module in of_modules())
    ] == []


def anchors(prose):
    """What a link can point to on a page: headings down to the third level, and numbered
    equations."""
    headings = re.findall(r"^#{1,3} (.+?)\s*$", prose, re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {slug(re.sub(r"[`*$\\]", "", heading)) for heading in plain}


def test_every_link_to_a_part_of_a_page_resolves():
    wrong = []
    made = {f"book/methods/{name}.md" for name in CARDS}
    made |= {f"trlab/records/{name}/README.md" for name in all_questions()}
    equations = {f"equation-{label}" for body in pages().values() for label in LABEL.findall(body)}
    for page, body in pages().items():
        for path, anchor in re.findall(r"\]\(([\w./-]*\.(?:md|ipynb))?(?:#([\w-]+))?\)", body):
            if path and anchor.startswith("equation-"):
                wrong.append(f"{page}: {path}#{anchor} is found by #{anchor} alone")
            target = (ROOT / page).parent.joinpath(path).resolve() if path else ROOT / page
            name = str(target.relative_to(ROOT))
            if not ANNEXED and name.startswith(ANNEX):
                continue  # the build leaves the link's words
            if name not in {*pages(), *made} or (
                anchor and anchor not in anchors(pages().get(name, "")) | equations
            ):
                wrong.append(f"{page}: {path}#{anchor}")
    assert wrong == []


def test_a_bridge_is_known_where_its_library_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "trl", None)  # what installing for the book leaves out
    monkeypatch.delitem(sys.modules, "trlib.bridges.trl", raising=False)
    monkeypatch.delattr("trlib.bridges.trl", raising=False)
    assert canonical("trlib.bridges.trl.QuatroTrainer") == "trlib.bridges.trl.QuatroTrainer"
    with pytest.raises(ValueError, match=r"trlib\.bridges has no 'tlr'"):
        canonical("trlib.bridges.tlr.QuatroTrainer")
