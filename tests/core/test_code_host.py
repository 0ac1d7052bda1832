"""Every link of every tracked page leads somewhere as a code host shows it: to a file that is tracked,
and to a place that it has.

Places are a Markdown file's headings, named as GitHub names them, and its `<a id>`. A notebook has for
its own links its headings, named as JupyterLab names them, and for those of other pages none; neither
have equations and states of the playground: a link to one says so in a comment (`book.build.ext.made`).
"""

import html
import json
import posixpath
import re
import subprocess
from collections import Counter
from functools import cache
from pathlib import PurePosixPath
from urllib.parse import unquote

from book.build.paths import ANNEX, ANNEXED, ROOT

HIDDEN = re.compile(
    r"^ {0,3}(`{3,}|~{3,})[^\n]*\n.*?^ {0,3}\1|<!--.*?-->", re.DOTALL | re.MULTILINE
)
CODE = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
INLINE = r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?((?:[^()\s<>]|\([^()\s]*\))*)>?(?:\s+[\"'][^\"']*[\"'])?\s*\)"
LINKS = re.compile(
    rf"{INLINE}|<(?:a|img|source)\b[^>]*?\s(?:href|src|srcset)=\"([^\"]*)\"|^ {{0,3}}\[[^\]]+\]:\s*(\S+)",
    re.MULTILINE,
)
PICTURE = re.compile(r"data:image/[^\"')\s]*")
HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.+?)[ \t]*#*[ \t]*$", re.MULTILINE)
RAW = re.compile(
    r"\A---$(?!\nlicense:)|^ {0,3}<!--(?:\[|<a)|^\|.*<!--(?:(?!-->).)*(?<!\\)\|", re.MULTILINE
)
"""A page that begins so has a table above its title (a model's card has, for a hub that reads it); a
line that begins so is no Markdown, to its end; a bar ends a table's cell, in a comment too."""


@cache
def tracked():
    """The tracked files, and the folders that hold them."""
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = {PurePosixPath(name) for name in done.stdout.split("\0") if name}
    return {str(path) for file in files for path in (file, *file.parents)}


def source(name):
    """A page as Markdown: of a notebook its prose, and its results that are prose."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if name.endswith(".md"):
        return text
    parts = []
    for cell in json.loads(text)["cells"]:
        parts += ["".join(cell["source"])] if cell["cell_type"] == "markdown" else []
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            parts += [
                "".join(data[kind]) for kind in ("text/html", "text/markdown") if kind in data
            ]
    return PICTURE.sub("data:", "\n\n".join(parts))


def slug(heading):
    """A heading's name in an address of GitHub: its words in small letters, spaces as `-`, other signs
    left out."""
    plain = re.sub(r"<[^>]+>", "", re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading))
    plain = re.sub(r"(?<!\w)_|_(?!\w)|[*`]", "", html.unescape(plain)).strip().lower()
    return re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")


def places(text):
    """Where a link into a Markdown file can lead."""
    shown = HIDDEN.sub("", text)
    found = set(re.findall(r"<a [^>]*\b(?:id|name)=\"([^\"]+)\"", shown))
    met = Counter()
    for heading in HEADING.findall(shown):
        name = slug(heading)
        found.add(f"{name}-{met[name]}" if met[name] else name)
        met[name] += 1
    return found


def headings(text):
    """A notebook's headings as JupyterLab names them: their words as they are, spaces as `-`."""
    found = HEADING.findall(HIDDEN.sub("", text))
    return {re.sub("[`*]", "", heading).replace(" ", "-") for heading in found}


@cache
def places_of(name):
    return places(source(name)) if name.endswith(".md") else frozenset()


def dead(name, text, files=None, placed=places_of):
    """The links of a page that lead nowhere."""
    files = files or tracked()
    for groups in LINKS.findall(CODE.sub("", HIDDEN.sub("", text))):
        target = next(filter(None, groups), "")
        path, _, place = unquote(target).partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        above = "" if path.startswith("/") else posixpath.dirname(name)
        to = posixpath.normpath(posixpath.join(above, path.lstrip("/"))) if path else name
        if not ANNEXED and to.startswith(ANNEX):
            continue
        own = headings(text) if to == name and name.endswith(".ipynb") else frozenset()
        if to not in files or (place and place not in placed(to) | own):
            yield f"{name}: {target}"
    if name.endswith((".md", ".ipynb")) and RAW.search(text):
        yield f"{name}: it reads otherwise {RAW.search(text)[0]}"


def test_no_link_is_dead_on_a_code_host():
    pages = sorted(name for name in tracked() if name.endswith((".md", ".ipynb")))
    assert len(pages) > 200
    assert [found for name in pages for found in dead(name, source(name))] == []


REFUSED = re.compile(r"\\operatorname|\\\\|\\[{},;:!|]|\*[^$]*\*|\$[a-zA-Z]\Z")
FORMULA = re.compile(r"\$\$.+?\$\$|(?<![\\\w$])\$[^$\n]+\$[a-zA-Z]?", re.DOTALL)


def broken(text):
    """Formulas of a Markdown file that a code host does not show: it refuses the macro, reads the signs
    as Markdown first, or sees a letter behind the dollar."""
    formulas = FORMULA.findall(CODE.sub("", HIDDEN.sub("", text)))
    return [one for one in formulas if REFUSED.search(one)]


def test_every_formula_is_one_that_code_hosts_show():
    pages = sorted(name for name in tracked() if name.endswith(".md"))
    assert {name: found for name in pages if (found := broken(source(name)))} == {}
