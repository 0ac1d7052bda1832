"""The recipe *Add a method* of CONTRIBUTING.md, followed step by step in a copy of the repository:
it ends green, and each step that was left out is asked for by name."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from book.build.paths import ROOT

NAME = "awr"
LOSS = '''"""AWR: imitate what was sampled, with a weight that grows exponentially with the advantage."""

from dataclasses import dataclass

from torch import Tensor

from trlib import checks
from trlib.algorithms.method import Method, TokenLoss, weigh
from trlib.checks import POSITIVE


def awr_loss(
    logp: Tensor,
    logp_old: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    beta: float = 1.0,
    most: float = 20.0,
) -> TokenLoss:
    """Advantage-weighted regression.

    L = -min(e^(A/β), most) log π(y_t),   w = min(e^(A/β), most)

    Args:
        logp, logp_old: [B, T] log π(y_t), nats, differentiable; the same under the anchor.
        advantages, mask: [B, T], float and bool.
        beta: β, the advantage that multiplies the weight by e, above 0.
        most: the largest weight, above 0.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; a
    setting that is not above 0.
    Source: derived here."""
    beta = checks.number("beta", beta, **POSITIVE)
    most = checks.number("most", most, **POSITIVE)
    logp, log_ratio, advantages = checks.log_ratios(mask, logp, advantages, logp_old=logp_old)
    weight = (advantages / beta).exp().clamp(max=most)
    return TokenLoss(-weight * logp, weigh(log_ratio, mask, weight, mask))
'''
CLASS = '''

@dataclass(frozen=True, kw_only=True)
class AWR(Method):
    """Every completion is imitated, the better ones more."""

    token_loss = awr_loss
    beta: float = checks.setting(1.0, **POSITIVE)
    """The advantage that multiplies the weight by e."""
    most: float = checks.setting(20.0, **POSITIVE)
    """The largest weight."""
'''
CASE = f'    "{NAME}": Case(a.{NAME}_loss, on_policy=None, proportional=False),'
FORMULA = f"""

def {NAME}_loss(x, b, beta=1.0, most=20.0):
    return weighted(x, np.minimum(np.exp(b["advantages"] / beta), most)), True
"""
CARD = """<!--
family: policy gradient
problem: credit
what: nothing
to: nothing
how: a weight for each token, which grows with its advantage
ratio: none
level: token
action: nothing
signed: null
functions:
- trlib.algorithms.awr.awr_loss
-->
# AWR

Use it to imitate the better completions of a batch.

```diff
  A = R - mean(R)  # less the mean of the prompt's answers
- r = (logp - old).exp()
- token = -minimum(r * A, clip(r, 0.8, 1.2) * A)
+ token = -A.exp().clamp(max=20) * logp
  loss = token[mask].mean()
```

$$
L_t = -\\min(e^{A}, 20) \\log \\pi(y_t)
$$

No curve is drawn, because the weight does not depend on the ratio.

<!--made place-->

<!--made settings-->

```bash
python -c "import torch; from trlib.algorithms import awr_loss; x = -torch.ones(1, 2); \
print(awr_loss(x, x, advantages=x, mask=x < 0).per_token)"
```
"""
LINES = "tests/gallery/test_card_lines.py"
OF_CARDS = ("tests/gallery/test_cards.py", "tests/gallery/test_card_parts.py")
LOOKS = "tests/lab/drawing/test_looks.py"
VECTORS = "tests/test_vectors.py"
EVERY = "tests/core/loop/test_edges.py::test_every_method_is_on_record"
CARDS = "tests/gallery/test_cards.py::test_every_card_is_of_a_method_and_stands_in_the_contents"
BUNDLES = "tests/book/explorables/test_explorables.py::test_built_files_are_of_these_sources"
MUTANTS = {
    "sign": ("TokenLoss(-weight * logp", "TokenLoss(weight * logp"),
    "default": ("most: float = checks.setting(20.0", "most: float = checks.setting(10.0"),
    "gradient": ("    weight = (advantages", "    weight = (advantages + logp - logp.detach()"),
    "clamp": (".exp().clamp(max=most)", ".exp()"),
}
ROLLBACK = (
    "    weight = (advantages / beta).exp().clamp(max=most)",
    """    ratio = log_ratio.exp()
    outside = (ratio - 1) * advantages > 0.2 * advantages.abs()
    weight = advantages * ratio * (1 - 1.3 * outside.float())""",
)
"""Another method, which pulls a token back once it is outside of a window."""


@pytest.fixture
def copy(tmp_path):
    """The tracked files, as a repository of its own."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / name)
    for command in (["init", "-q"], ["add", "--all"]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    return tmp_path


def run(copy, *command):
    where = os.pathsep.join(str(copy / part) for part in ("", "book"))
    env = {**os.environ, "PYTHONPATH": where, "PYTHONDONTWRITEBYTECODE": "1"}
    line = [sys.executable, "-m", *command]
    return subprocess.run(line, cwd=copy, capture_output=True, text=True, check=False, env=env)


def insert(file, before, line):
    """Add a line to a file, before the first that begins with `before`."""
    text = file.read_text(encoding="utf-8")
    assert f"\n{before}" in text
    file.write_text(text.replace(f"\n{before}", f"\n{line}\n{before}", 1), encoding="utf-8")


def replace(file, before, after):
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1
    file.write_text(text.replace(before, after), encoding="utf-8")


def outcome(copy, *what):
    return run(copy, "pytest", "-v", "-p", "no:cacheprovider", "-m", "not nightly", *what)


def asked(copy, words, *what):
    """What a test that fails asks for, after these words."""
    done = outcome(copy, *what)
    found = re.search(rf"{words}(.*)", done.stdout)
    assert done.returncode == 1 and found, done.stdout[-3000:]
    return found[1]


def the_loss(copy):
    (copy / f"trlib/algorithms/{NAME}.py").write_text(LOSS, encoding="utf-8")


def the_class(copy):
    (copy / f"trlib/algorithms/{NAME}.py").write_text(LOSS + CLASS, encoding="utf-8")


def the_name(copy):
    names = copy / "trlib/algorithms/__init__.py"
    line = f"from trlib.algorithms.{NAME} import AWR, {NAME}_loss"
    insert(names, "from trlib.algorithms.centering import", line)
    insert(names, '    "sft": SFT,', f'    "{NAME}": AWR,')


def the_tests(copy):
    """The rows that tests ask for, with the numbers that they print; and the line of a loss that is
    no REINFORCE at ratio 1."""
    vectors = copy / "tests/vectors.json"
    given = json.loads(vectors.read_text(encoding="utf-8"))

    def keep():
        vectors.write_text(json.dumps(given), encoding="utf-8")

    def row(**settings):
        one = {"loss": f"{NAME}_loss", "settings": settings, "batch": "corners", "by": "numpy"}
        given["rows"].append(one)
        keep()
        one |= json.loads(asked(copy, "Error: now they are ", VECTORS, "-k", f"a_row and {NAME}"))
        keep()

    asked(copy, "Error: each method's loss needs rows", VECTORS, "-k", "every_methods_loss")
    row()
    binds = (VECTORS, "-k", f"binds_in_a_row and {NAME}")
    assert "most, larger" in asked(copy, "Error: .* would notice these: ", *binds)
    row(most=3.0)
    numpy = (VECTORS, "-k", f"formula and {NAME}")
    assert f"'{NAME}_loss'" in asked(copy, "Error: write the formula of ", *numpy)
    with (copy / "tests/recompute.py").open("a", encoding="utf-8") as formulas:
        formulas.write(FORMULA)
    record = f"{NAME}: `methods` of vectors.json lacks it; now it is "
    given["methods"][NAME] = json.loads(asked(copy, record, EVERY, "-k", NAME))
    keep()
    insert(copy / "tests/laws.py", '    "reinforce": Case', CASE)


def the_page(copy):
    line = f"- [AWR](../../trlib/algorithms/{NAME}.py)"
    insert(copy / "book/interface/losses.md", "- [TRAPO]", line)


def the_card(copy):
    (copy / f"book/methods/{NAME}.md").write_text(CARD, encoding="utf-8")
    contents = copy / "_toc.yml"
    line = next(x for x in contents.read_text("utf-8").splitlines() if "book/methods/pg_is" in x)
    new = line.replace("methods/pg_is", f"methods/{NAME}")
    insert(contents, line, re.sub(r'title: "[^"]*"', 'title: "AWR"', new))
    done = run(copy, "book.build.write", "methods")
    assert done.returncode == 0, done.stderr[-3000:]
    assert NAME in asked(copy, "Error: say in BASES .*: ", LINES, "-k", "main_line")
    insert(copy / LINES, '    "trapo": "sft",', f'    "{NAME}": "ppo",')


STEPS = {
    "The loss": the_loss,
    "The class": the_class,
    "The name": the_name,
    "The tests": the_tests,
    "The page": the_page,
    "The card": the_card,
}


def follow(copy, *left_out):
    """The steps of the recipe, in its order."""
    for name, step in STEPS.items():
        if name not in left_out:
            step(copy)
    subprocess.run(["git", "add", "--all"], cwd=copy, check=True)


def concerned(copy, *more):
    """The tests that concern the method, and those that look at everything."""
    words = f"{NAME} or every_method or list_everything or declare or every_card or these_sources"
    words += " or test_looks"
    where = (
        "tests/laws.py",
        VECTORS,
        "tests/core/loop/test_edges.py",
        "tests/core/cli/test_main.py",
    )
    return outcome(copy, *where, CARDS, BUNDLES, *more, "-k", words)


def test_the_steps_are_those_that_contributing_lists():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    recipe = text.partition("## Add a method")[2].partition("\n## ")[0]
    assert re.findall(r"^\d\. \*\*(.+?)\*\*", recipe, re.MULTILINE) == [*STEPS]


def test_a_method_added_by_the_recipe_is_green(copy):
    follow(copy, "The card")
    done = concerned(copy)
    assert done.returncode == 0, done.stdout[-3000:]
    assert f"laws.py::test_autograd_is_minus_the_weight[{NAME}] PASSED" in done.stdout
    written = ("trlib/algorithms/__init__.py", f"trlib/algorithms/{NAME}.py")
    for check in (("check",), ("format", "--check")):
        done = run(copy, "ruff", *check, *written)
        assert done.returncode == 0, done.stdout
    line = f"train --method {NAME} --set most=3 --steps 1 --quiet".split()
    done = run(copy, "trlib", *line)
    assert done.returncode == 0 and "Run(AWR on dial" in done.stdout, done.stderr


@pytest.mark.nightly("the recipe again, with its last step")
def test_with_a_card_it_is_green_as_well(copy):
    follow(copy)
    done = concerned(copy, LINES, LOOKS, *OF_CARDS)
    assert done.returncode == 0, done.stdout[-3000:]
    assert f"test_the_lines_are_the_library_s_methods[{NAME}-0] PASSED" in done.stdout
    assert f"{LOOKS}::test_what_is_no_method" in done.stdout
    replace(copy / f"trlib/algorithms/{NAME}.py", *ROLLBACK)
    words = (OF_CARDS[0], "-k", f"words and {NAME}")
    card = copy / f"book/methods/{NAME}.md"
    replace(card, "ratio: none", "ratio: π/π_old")
    assert "signed: None, and at ratios of 2.4" in asked(copy, f"Error: {NAME}.md, ", *words)
    replace(card, "signed: null", "signed: true")
    assert outcome(copy, *words).returncode == 0


@pytest.mark.nightly("the recipe again, and the tests once for each mistake")
def test_each_of_four_mistakes_is_noticed(copy):
    follow(copy, "The card", "The page")
    file = copy / f"trlib/algorithms/{NAME}.py"
    right = file.read_text(encoding="utf-8")
    for name, mutant in MUTANTS.items():
        replace(file, *mutant)
        assert outcome(copy, "-x", "tests/laws.py", VECTORS, "-k", NAME).returncode == 1, name
        file.write_text(right, encoding="utf-8")
