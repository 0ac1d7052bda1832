"""Every link of every tracked page leads somewhere as a code host shows it: to a file that is tracked,
and to a place that it has.

Places are a Markdown file's headings, named as GitHub names them, and its `<a id>`. A notebook has none
there, and neither have equations and states of the playground: a link to one says so in a comment
(`book.build.ext.made`).
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
        if to not in files or (place and place not in placed(to)):
            yield f"{name}: {target}"
    if name.endswith((".md", ".ipynb")) and RAW.search(text):
        yield f"{name}: it reads otherwise {RAW.search(text)[0]}"


def test_no_link_is_dead_on_a_code_host():
    pages = sorted(name for name in tracked() if name.endswith((".md", ".ipynb")))
    assert len(pages) > 200
    assert [found for name in pages for found in dead(name, source(name))] == []


def test_what_would_be_dead_is_found():
    files = {".", "a", "a/b.md", "a/c.ipynb", "d.png"}
    page = """# One, *two* & `three_four`?
## Same
## Same
<a id="placed"></a>
[1](b.md#one-two--three_four) [2](#same-1) [3](b.md#placed) ![4](../d.png) [5](/d.png "t") [6](c.ipynb)
[7](https://x.org/#y) `[8](no.md)` <!--[-->9<!--](#equation-x)--> [10](c.ipynb)<!--#there-->
[a]: ../a
```
[11](no.md)
```
"""
    holds = lambda text: [*dead("a/b.md", text, files, {"a/b.md": places(text)}.get)]  # noqa: E731
    assert holds(page) == []
    wrong = {
        "[x](no.md)": "no.md",
        "[x](#same-2)": "#same-2",
        "[`x`](#Same)": "#Same",
        '<img alt="x" src="no.png">': "no.png",
        "[a]: no.md": "no.md",
    }
    for link, target in wrong.items():
        assert holds(f"{page}\n{link}\n") == [f"a/b.md: {target}"]
    assert [*dead("a/b.md", "[x](c.ipynb#y)", files, lambda _: ())] == ["a/b.md: c.ipynb#y"]
    assert holds(f"{page}\n<!--[-->x<!--](#y)-->\n") == ["a/b.md: it reads otherwise <!--["]
    assert holds(f"---\nfamily: x\n---\n{page}") == ["a/b.md: it reads otherwise ---"]
    assert holds("| a <!--x--> | b <!--y|z--> |") == [
        "a/b.md: it reads otherwise | a <!--x--> | b <!--y|"
    ]


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
    assert broken(r"$\mathrm{KL} \lbrace a * b \rbrace$ `$\,$` costs $1 or $2.") == []
    assert broken("of $N$ths, with $N$ of") == ["$N$t"]
    for wrong in (r"\operatorname{KL}", r"a \\ b", r"\{a\}", r"a\, b", "a^* b^*"):
        assert broken(f"so $$\n{wrong}\n$$ and ${wrong}$") == [f"$$\n{wrong}\n$$", f"${wrong}$"]
