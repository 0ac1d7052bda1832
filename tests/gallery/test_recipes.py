"""The other recipes of MAINTAINING.md, each followed in a copy: it names every file that it touches,
touches few, and what was added is found."""

import json
import subprocess

from book.build.paths import ROOT
from book.build.stamp import install_cell
from tests.gallery.test_contributing import copy, insert, outcome, run

__all__ = ["copy"]

RELATIVE = '''def third_update(pi: Tensor, A: Tensor) -> Tensor:
    """A third of all probability goes to the best action.

    Args:
        pi: [K] probabilities. A: [K] advantages.
    Source: derived here."""
    best = torch.zeros_like(pi).index_fill(0, A.argmax(), 1.0)
    return pi + (best - pi) / 3


'''
RELATIVE_TEST = """

def test_a_third_goes_to_the_best():
    found = RELATIVES["third"](torch.tensor([0.75, 0.25]), torch.tensor([0.0, 1.0]))
    assert found.tolist() == pytest.approx([0.5, 0.5])
"""
CARD = """    MethodCard(
        "third",
        "Third",
        "transport",
        use="Use it to follow a recipe, and for nothing else whatever.",
        loss=r"\\pi + \\tfrac13(e_{\\arg\\max A} - \\pi)",
        weight="",
        what="the distribution over actions",
        to=BEFORE,
        how="a third of it moves",
        ratio="none",
        level="distribution",
        action="transport",
        signed=None,
        source="this test",
        provenance="ours",
        read_in="this test",
        functions=("trlib.relatives.transport.third_update",),
        no_curve="it sets probabilities by a closed form, and no token has a weight",
        work="It makes no pass through a network.",
        example='python -c "import torch; from trlib.relatives.transport import third_update as f; '
        'print(f(torch.tensor([.5, .5]), torch.tensor([0., 1])))"',
    ),
"""
SWEEP = '''"""A sweep that follows a recipe."""

from trlab import Budget, Prediction, Sweep, Variant

SWEEP = Sweep(
    title="a toy",
    round=3,
    text="Does a wider window end higher?",
    variants=[Variant("ppo"), Variant("ppo", {"eps_high": 0.5}, label="wide")],
    seeds=range(7000, 7008),
    budget=Budget(steps=5),
    predictions=[Prediction("it does", higher="wide", lower="ppo")],
)
'''
EXPLORABLE = '''"""A toy."""

from typing import ClassVar

from trbook.explorables.host import Explorable, Finite


class Toy(Explorable):
    """A number."""

    module: ClassVar[str] = "toy"
    fallback: ClassVar[str] = "A number. It needs JavaScript."

    size = Finite(1.0, help="The number itself.").tag(sync=True)
'''


def write(copy, name, text):
    """Add text to the end of a file, which may be new."""
    file = copy / name
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    file.write_text(before + text, encoding="utf-8")


def touched(copy):
    """The files that differ from the copy as it was."""
    listed = ["git", "ls-files", "--modified", "--others"]
    return {*subprocess.check_output(listed, cwd=copy, text=True).splitlines()}


def recipe(title):
    """A section of MAINTAINING.md."""
    text = (ROOT / "MAINTAINING.md").read_text(encoding="utf-8")
    return text.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def named(title, files, **names):
    """Every file stands in the recipe, where `names` say what is written for a name."""
    said = recipe(title)
    for file in files:
        for name, written in names.items():
            file = file.replace(name, written)
        assert f"`{file}`" in said, f"{title} does not name {file}"


def test_a_relative_touches_four_files(copy):
    module, cards = "trlib/relatives/transport.py", "book/trbook/cards/gallery/transport.py"
    insert(copy / module, "RELATIVES:", RELATIVE.rstrip("\n") + "\n\n")
    text = (copy / module).read_text(encoding="utf-8")
    text = text.replace("import Any\n\n", "import Any\n\nimport torch\n")
    (copy / module).write_text(text.replace('"spo": spo', '"third": third_update, "spo": spo'))
    write(copy, "tests/gallery/test_transport.py", RELATIVE_TEST)
    shown = (copy / cards).read_text(encoding="utf-8")
    (copy / cards).write_text(shown.removesuffix(")\n") + CARD + ")\n", encoding="utf-8")
    insert(
        copy / "_toc.yml",
        "          - {file: book/methods/opo,",
        '          - {file: book/methods/third, title: "Third"}',
    )
    files = touched(copy)
    assert len(files) == 4
    named("Add a relative", files, transport="BRANCH")
    done = outcome(
        copy,
        *("tests/gallery/test_every_relative.py", "tests/gallery/test_transport.py"),
        *(f"tests/gallery/test_{name}.py" for name in ("cards", "card_parts", "taxonomy")),
        *("-k", "third or every_card or every_method or every_system"),
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_chapter_touches_two_files(copy):
    code = {"cell_type": "code", "execution_count": None, "outputs": []}
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": ["# A toy"]},
        {
            **code,
            "id": "b",
            "metadata": {"jupyter": {"source_hidden": True}, "tags": ["install", "remove-cell"]},
            "source": install_cell().splitlines(keepends=True),
        },
        {**code, "id": "c", "metadata": {}, "source": ["1 + 1"]},
    ]
    book = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    write(copy, "notebooks/14_toy.ipynb", json.dumps(book, indent=1) + "\n")
    insert(
        copy / "_toc.yml",
        "      - {file: notebooks/gallery_ratios,",
        '      - {file: notebooks/14_toy, title: "14 · A toy"}',
    )
    files = touched(copy)
    assert len(files) == 2
    named("Add a chapter", files, **{"14_toy": "NN_name"})
    what = "14_toy or every_notebook or agree_everywhere"
    done = outcome(
        copy, "tests/book/notebooks/test_notebooks.py", "tests/core/test_repository.py", "-k", what
    )
    assert done.returncode == 0, done.stdout[-3000:]


def test_a_sweep_touches_one_file(copy):
    write(copy, "trlab/sweeps/toy.py", SWEEP)
    files = touched(copy)
    assert len(files) == 1
    named("Add a sweep", files, toy="NAME")
    done = run(copy, "trlib", "sweep", "toy", "--dry-run")
    assert done.returncode == 0 and "16" in done.stdout, done.stderr


def test_an_explorable_touches_four_files(copy):
    folder = "book/trbook/explorables"
    write(copy, f"{folder}/js/toy.js", "export default { render({ el }) {} };\n")
    write(copy, f"{folder}/toy.py", EXPLORABLE)
    insert(copy / folder / "__init__.py", '    "TrSFT":', '    "Toy": "toy",')
    write(copy, "tests/book/browser/test_toy.py", '"""The toy in a browser."""\n')
    files = touched(copy)
    assert len(files) == 4
    named("Add an explorable", files, toy="NAME")
    built = copy / folder / "built"  # what the build makes, as if another module were this one
    (built / "toy.js").write_bytes((built / "clip.js").read_bytes())
    code = "from trbook.explorables import Toy; print(Toy.size.help)"
    done = run(copy, "timeit", "-n", "1", "-r", "1", code)
    assert done.returncode == 0 and "The number itself." in done.stdout, done.stderr
