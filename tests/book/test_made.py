"""Tables that a build makes stand in the pages' source too."""

import json
import re

from book.build import tables
from book.build.ext.made import MADE, as_directives
from book.build.ext.terms import slug
from book.build.paths import ROOT


def test_the_tables_in_the_sources_are_those_that_a_build_makes():
    """`python -m book.build.tables` writes them."""
    assert [path.name for path, _ in tables.stale()] == []
    claims = (ROOT / "book/claims.md").read_text(encoding="utf-8")
    assert [found[2].strip() for found in MADE.finditer(claims) if found[2]] == re.findall(
        r"^\| \[.+?\]\(#(\w+)\S*\) \|", claims, re.MULTILINE
    ), "a card for each row"


def test_a_build_takes_the_directive_and_leaves_out_what_is_for_the_source():
    source = ["# A\n\n<!--unbuilt-->\n*Built only.*\n<!--/unbuilt-->\n\nText.\n\n"]
    source[0] += "<!--made claims-card ppo-->\n**1.** ```x\n<!--/made-->\n\n"
    source[0] += "<!--made sweeps-->\n| a |\n|---|\n<!--/made-->\n\n"
    source[0] += "<!--made bibliography :all:-->\n- A.\n<!--/made-->\n\n"
    source[0] += "<!--lead-->\nTwo\nlines.\n\n<!--built\n```{x}\n```\n-->\n"
    as_directives(None, "page", source)
    assert source[0].split("\n\n") == [
        *("# A", "Text.", "**1.** ```x", "```{sweeps}\n```"),
        "```{bibliography}\n:all:\n```",
        ":::{div} lead\nTwo\nlines.\n:::",
        "```{x}\n```\n",
    ]


def test_a_page_s_source_shows_no_directive_role_or_label():
    """GitHub, JupyterLab and VS Code show them literally: an empty grey box, or marks."""
    literal = re.compile(r"^ *```+\{.*|^ *:::+.*|^\(\S+\)=$|\{[\w:-]+\}`[^`]+`", re.MULTILINE)
    built = re.compile(r"^<!--built\n.*?^-->$", re.MULTILINE | re.DOTALL)
    texts = {
        path.name: path.read_text(encoding="utf-8")
        for path in (ROOT / "README.md", *(ROOT / "book").glob("**/*.md"))
        if "node_modules" not in path.parts and (ROOT / "book/methods") not in path.parents
    }
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        prose = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        texts[path.name] = "\n\n".join(prose)
    assert len(texts) > 60
    shown = {name: literal.findall(built.sub("", text)) for name, text in texts.items()}
    assert {name: found for name, found in shown.items() if found} == {}


def test_formulas_of_a_page_s_source_have_no_escape_that_github_takes_from_them():
    r"""It reads Markdown before formulas: of `\{` only the brace is left, of `\,` the comma."""
    formula = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$", re.DOTALL)
    found = {
        path.name: eaten
        for path in (ROOT / "book").glob("*.md")
        if (eaten := re.findall(r"\\[,;:!{}|]", "".join(formula.findall(path.read_text("utf-8")))))
    }
    assert found == {}


def test_every_word_of_the_glossary_has_a_place_where_a_link_lands_in_jupyterlab():
    glossary = (ROOT / "book/glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^### (.+)$", glossary, re.MULTILINE)
    anchored = re.findall(r'^<a id="([\w-]+)"></a>\n\n### ', glossary, re.MULTILINE)
    assert anchored == [slug(word) for word in words] and len(words) > 50
    source = ['<a id="nat"></a>\n\n### nat\n\nA unit.\n']
    as_directives(None, "page", source)
    assert source == ["### nat\n\nA unit.\n"]


def test_a_stale_table_is_renewed_and_a_directive_alone_becomes_one():
    fresh = tables.filled("```{claims-table}\n```")
    assert fresh.startswith("<!--made claims-table-->\n| claims of | what we found |\n| --- |")
    assert tables.filled(fresh.replace("undecided", "seen")) == fresh == tables.filled(fresh)


def test_links_in_a_source_lead_to_files_or_to_what_only_a_build_writes():
    built = ("book/records/", "book/methods/", "_static/diagnose/")
    for page in sorted((ROOT / "book").glob("**/*.md")):
        if str(page.relative_to(ROOT)).startswith(built) or "node_modules" in page.parts:
            continue
        text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)
        for link in re.findall(r"\]\((?![a-z]+:|#)([^)#\s]+)", text):
            target = (page.parent / link).resolve()
            assert target.exists() or str(target.relative_to(ROOT)).startswith(built), (
                f"{page.name}: {link}"
            )
