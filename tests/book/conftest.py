"""The prose of a notebook; and the modules that a page runs, in the Node that Playwright brings."""

import json
import os
import subprocess
from pathlib import Path

import playwright
import pytest

from trbook.explorables.files import SOURCES

HERE = Path(__file__).parent / "node"
CALL = """
const { root, given } = JSON.parse((await import("node:fs")).readFileSync(0, "utf8"));
const load = (path) => import(`${root}/${path.startsWith("engine/") ? "" : "js/"}${path}`);
console.log(JSON.stringify(await (async () => { %s })()));
"""


def prose(notebook):
    """Its cells of text."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    return "\n\n".join("".join(one["source"]) for one in cells if one["cell_type"] == "markdown")


def run(*arguments, standard_input="", **environment):
    """What Node prints of a script in `node/`."""
    done = subprocess.run(
        [Path(playwright.__file__).parent / "driver" / "node", *arguments],
        cwd=HERE,
        env={**os.environ, **environment},
        input=standard_input,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def node():
    return run


@pytest.fixture(scope="session")
def ask():
    """What JavaScript, the body of a function of `given`, returns; `load` imports a module of the
    explorables or of the `engine/`."""

    def answer(body, **given):
        standard_input = json.dumps({"root": SOURCES.parent.as_uri(), "given": given})
        return json.loads(
            run("--input-type=module", "-e", CALL % body, standard_input=standard_input)
        )

    return answer


@pytest.fixture(scope="session")
def sources(ask):
    """Calls into a module: `sources("wall/words.js", "(m, x) => m.isOdd(x)", "6th")`."""

    def call(module, function, argument=None):
        return ask(f"return ({function})(await load('{module}'), given.x)", x=argument)

    return call
