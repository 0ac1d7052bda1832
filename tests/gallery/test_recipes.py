"""The other recipes of MAINTAINING.md, each followed in a copy: it names every file that it touches,
touches few, and what was added is found."""

import json
import subprocess

from book.build.paths import ROOT, config
from book.build.stamp import install_cell
from tests.gallery.test_contributing import copy, insert, outcome, run
from trbook.address import address

__all__ = ["copy"]

RELATIVE = '''@dataclass(frozen=True, kw_only=True)
class Third(Method):
    """L = (log r - s A)² / 2: every token's log-ratio is fitted to a share of its advantage.

    Source: derived here."""

    share: float = checks.setting(0.3, **POSITIVE)
    """Nats of log-ratio that an advantage of 1 is worth."""

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        logps = {"logp": scores.logp, "logp_old": batch.logp_anchor}
        logp, old, a = checks.tokens(batch.mask, **logps, advantages=batch.advantages)
        log_ratio = logp - old.detach()
        gap = self.share * a.detach() - log_ratio
        loss = (gap.square() / 2).masked_fill(~batch.mask, 0.0)
        return TokenLoss(loss, weigh(log_ratio, batch.mask, gap.detach(), batch.mask))


'''
RELATIVE_TEST = """

def test_a_third_rests_where_the_log_ratio_is_its_share_of_the_advantage():
    given = given_batch(tensor([[-1.0], [-2.0]]), [1.0, -0.5], torch.tensor([0, 0]))
    found = RELATIVES["third"]().objective(Scores(tensor([[-0.7], [-2.0]])), given)
    assert found.per_token.flatten().tolist() == pytest.approx([0.0, 0.15**2 / 2])
"""
CARD = """\
<!--
family: regression
problem: reuse of a batch
what: the log-ratio of each token
to: the policy before the batch
how: "least squares: it should be a share of the advantage"
ratio: π/π_old
level: token
action: regress
signed: false
functions:
- trlib.relatives.regression.Third
paper:
  share: not said
-->
# Third

Use it to follow a recipe, and for nothing else whatever.

<!--made weights-->
<!--/made-->

$$
L_t = \\tfrac12(\\log r_t - s A)^2
$$

$$
w_t = s A - \\log r_t
$$

```diff
- loss = -min(r * A, clip(r, 0.8, 1.2) * A)
+ loss = (log(r) - 0.3 * A) ** 2 / 2     # of the token
```

Formula: ours, from this test.

<!--made place-->
<!--/made-->

<!--made settings-->
<!--/made-->

## Evidence

<!--made runs-->
<!--/made-->

<!--made command-->
<!--/made-->
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


def test_a_relative_touches_four_files_and_ci_is_content(copy):
    """An objective, in the module of a branch."""
    module, tests = "trlib/relatives/regression.py", "tests/gallery/test_regression.py"
    insert(copy / module, "RELATIVES:", RELATIVE.rstrip("\n") + "\n\n")
    text = (copy / module).read_text(encoding="utf-8")
    (copy / module).write_text(text.replace('"lco": LCO', '"third": Third,\n    "lco": LCO'))
    text = (copy / tests).read_text(encoding="utf-8")
    text = text.replace("REBEL, lco_loss", "REBEL, RELATIVES, lco_loss")
    (copy / tests).write_text(text + RELATIVE_TEST, encoding="utf-8")
    write(copy, "book/methods/third.md", CARD)
    insert(
        copy / "_toc.yml",
        "          - {file: book/methods/opo,",
        '          - {file: book/methods/third, title: "Third"}',
    )
    made = run(copy, "book.build.write", "third", "methods", "methods/index")
    assert made.returncode == 0, made.stderr
    filled = (copy / "book/methods/third.md").read_text(encoding="utf-8")
    assert "(curves/third.svg)" in filled and "No recorded run under its own name yet." in filled
    everything = touched(copy)
    lists = {"book/methods/index.md", "book/trbook/gallery.json", "trlab/methods.json"}
    assert lists < everything
    drawn = {name for name in everything if name.endswith("/third.svg") or "-narrow" in name}
    files = everything - lists - drawn
    assert len(files) == 4 and len(drawn) == 2
    named("Add a relative", files, regression="BRANCH", third="NAME")
    written = [copy / name for name in sorted(files) if name.endswith(".py")]
    for check in (("check",), ("format", "--check")):
        done = run(copy, "ruff", *check, *map(str, written))
        assert done.returncode == 0, done.stdout
    held = run(copy, "book.build.write", "--check", "third", "methods", "methods/index")
    assert held.returncode == 0, held.stdout
    done = outcome(
        copy,
        *(tests, "tests/gallery/test_every_relative.py"),
        *(f"tests/gallery/test_{name}.py" for name in ("cards", "card_parts")),
        *("-k", "third or every_card or every_method or every_system"),
    )
    assert done.returncode == 0, done.stdout[-3000:]
    proof = "test_card_parts.py::test_the_line_trains_what_the_record_trained[third] PASSED"
    assert proof in done.stdout


def test_a_chapter_touches_two_files(copy):
    code = {"cell_type": "code", "execution_count": None, "outputs": []}
    title = f"# A toy\n\n{address(config()).introduction('14_toy')}".splitlines(keepends=True)
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": title},
        {
            **code,
            "id": "b",
            "metadata": {
                "cellView": "form",
                "jupyter": {"source_hidden": True},
                "tags": ["install", "remove-cell"],
            },
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
