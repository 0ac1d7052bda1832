"""Every link of every tracked page to a file of the repository leads to one that is tracked."""

import json
import posixpath
import re
import subprocess
from pathlib import PurePosixPath
from urllib.parse import unquote

from book.build.paths import ANNEX, ANNEXED, ROOT

CODE = re.compile(r"^ *(`{3,})(?!`).*?^ *\1|`[^`\n]+`|<!--.*?-->", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(<?([^)#\s>:]+)(?:#[^)\s]*)?\)")


def prose(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    if page.suffix == ".md":
        return text
    cells = (cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown")
    return "\n\n".join("".join(cell["source"]) for cell in cells)


def test_no_link_to_a_file_is_dead_on_a_code_host():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    names = [PurePosixPath(name) for name in listed.stdout.split("\0") if name]
    there = {str(path) for name in names for path in (name, *name.parents)}
    dead = []
    for page in (name for name in names if name.suffix in (".md", ".ipynb")):
        for link in LINK.findall(CODE.sub("", prose(page))):
            target = unquote(link)
            to = posixpath.normpath(posixpath.join(str(page.parent), target))
            if to not in there and (ANNEXED or not to.startswith(ANNEX)):
                dead.append(f"{page}: {target}")
    assert dead == []
