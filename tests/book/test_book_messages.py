"""What the book's build and its figures say of a bad argument: a row for each, with the words. A row
gives a call its arguments by place."""

from dataclasses import replace
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pytest
import torch

import trlib
from book.build.cards import CARDS, made
from book.build.cards.card import read_card
from book.build.cards.read import deviations
from book.build.ext.links import canonical
from book.build.ext.mathematics import drawn
from book.build.ext.modules import modules
from book.build.printed import filled
from book.build.quoted import parse, shown
from tests.losses import refused
from trbook.address import address
from trbook.bandit import bandit_step, push_limit
from trbook.explorables import Basin, RatioMap, wall_runs
from trbook.precision import measure
from trbook.scale.scoring import score_tokens
from trbook.strip import strip
from trlab.drawing import bands
from trlab.texts import Written

MU = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
REWARDS = torch.tensor([1.0, 1.0, 0.0, 0.0], dtype=torch.float64)
ADDRESS = "expected https://HOST/OWNER/NAME or nothing, got {!r}"
HEAD = """family: policy gradient
problem: credit
what: nothing
to: nothing
how: a weight for each token
ratio: none
level: token
action: nothing
signed: null
"""
MODULES = "# A\n\n<!--modules-->\n- x\n<!--/modules-->\n"
CODED = "<!--runs-->\n```python\nprint(1)\n```\n"


def address_of(url):
    address({"repository": {"url": url, "branch": "main"}})


def card_of(head):
    text = f"<!--\n{head}-->\n# Mine\n\nUse it here.\n"
    read_card(SimpleNamespace(name="mine.md", stem="mine", read_text=lambda **_: text))


def changed(line, new):
    assert line in HEAD
    return HEAD.replace(line, new)


def blocks_of(text):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(made, "CARDS", {"dppo": replace(CARDS["dppo"], text=text)})
        list(made._asked())


def bands_of(column):
    bands(plt.subplots()[1], "basin", ["ppo"], column=column)


def measured(precision):
    measure(trlib.load_policy("dial"), ["7 : -1 +4 +3 flip sq ="], precision=precision, group=4)


def scored(kind):
    hidden = torch.zeros(7, 5)
    score_tokens(hidden, torch.zeros(23, 5, dtype=kind), torch.zeros(7, dtype=torch.int64))


SAID = [
    *(
        (".*" + ADDRESS.format(url), address_of, url)
        for url in ("git@github.com:me/book.git", "github.com/me/book", "https://github.com/me", "https://github.com/me/book/tree/main")
    ),
    (r".*trlib\.bridges has no 'tlr'", canonical, "trlib.bridges.tlr.QuatroTrainer"),
    (".*has no 'tra'", canonical, "trlib.train.tra"),
    (".*KaTeX parse error: Unexpected end of input", drawn, r"\frac{"),
    (r".*modules: expected - \[title\]\(\.\./\.\./PATH\), got '- x'", modules, MODULES),
    (r".*dppo\.md: expected .*weights.*, got weigths", blocks_of, "# DPPO\n\n<!--made weigths-->\n"),
    *(
        (f"mine.md.*{words}", card_of, head)
        for words, head in (
            ("expected a comment of several lines, a heading and Use it", "-->"),
            (": expected YAML in the comment at its head, got mapping values", changed("what: nothing", "what: a: b")),
            (": expected a line KEY: WORDS for each key at its head, got 'only words'", "only words\n"),
            (", key: expected one of .*, got 'famly'; did you mean 'family'", changed("family", "famly")),
            (": expected a line signed: at its head, got none", changed("signed: null\n", "")),
            (", what: expected words; quote what is no word, got 3", changed("what: nothing", "what: 3")),
            (", signed: expected true, false or null, got 'maybe'", changed("null", "maybe")),
            (", functions: expected lines that begin with a dash, got 'a.b'", f"{HEAD}functions: a.b\n"),
            (", paper: expected lines NAME: WORDS, got None", f"{HEAD}paper:\n"),
            (", paper, eps: expected words, got 0.2: quote it", f"{HEAD}paper:\n  eps: 0.2\n"),
            (", level: expected one of 'token', .*, got 'word'", changed("level: token", "level: word")),
        )
    ),
    *(
        (r"dppo\.md, functions: expected package.module.function, got '.*': ", lambda name: deviations(replace(CARDS["dppo"], functions=(name,))), name)
        for name in ("trlib.algorithms.dpo.dppo_loss", "trlib.algorithms.dppo.dpo_loss")
    ),
    *((".*expected SWEEP LABEL", parse, text) for text in ("stale", "stale lr=1e-4", "stale ppo kl greedy", "stale over ppo")),
    *(
        (f".*{words}", shown, text)
        for text, words in (
            ("resue ppo", "sweep: expected one of .*reuse.*, got 'resue'"),
            ("reuse pop", "label: expected one of pg_is, ppo, .*, got 'pop'"),
            ("dial_methods ppo colour", "measure: expected one of .*sampled.*, got 'colour'"),
            ("shootout ppo", "updates: expected one of 1, 8, 32, got none"),
            ("shootout ppo lr=1", "axis: expected one of updates, got 'lr'"),
            ("best ppo falls uses=1", "falls: expected a sweep over learning rates, got best"),
            ("relay_narrow all ranks:colour", "measure: expected one of .*, got 'colour'"),
            ("shootout clip-higher over sapo take_off updates=8", "expected a comparison that sweep 'shootout' declares, got one that it lacks: "),
        )
    ),
    *(
        (r"book/page\.md, line 3: expected", lambda block: filled(f"A page.\n\n{block}", "book/page.md"), block)
        for block in (
            CODED,
            f"{CODED}\nProse.\n<!--/runs-->\n",
            f"{CODED}\nProse.\n\n```text\n1\n```\n<!--/runs-->\n",
            f"{CODED}\n{CODED}<!--/runs-->\n",
            "<!--/runs-->\n",
        )
    ),
    (r".*RatioMap, setting: expected one of axes, batch, .*, got 'eps'; did you mean 'eps_low", lambda eps: RatioMap(eps=eps), 0.1),
    (r".*run together \(1 with default, .*\), got 1 with a third", lambda uses: Basin(uses=uses, threshold="a third"), "1"),
    (".*Basin, setting: expected one of .*, got 'rate'", lambda rate: Basin(rate=rate), 1e-5),
    (".*stands for a part", wall_runs.shortened, [Written("1 + 2 + 3:", "a { b", 1.0)]),
    ("pi: expected 4 probabilities", lambda policy: bandit_step(policy, MU, MU), lambda mu, a: mu * 2),
    *((r"baseline: expected one below the mean reward, 0\.3, got", lambda b: push_limit(MU, REWARDS, baseline=b), b) for b in (0.3, 0.5)),
    (".*did you mean 'kl'", bands_of, "klx"),
    (".*precision", measured, "fp8"),
    ("TypeError: weight: expected the type of hidden, torch.float32, got torch.float16", scored, torch.float16),
    *((".*one or more of rollout, advantage, objective, update", lambda lit: strip(*lit), lit) for lit in ((), ("loss",), ("objective", "critic"), (None,))),
]  # fmt: skip


@pytest.mark.parametrize(("words", "call", "given"), SAID)
def test_what_the_book_says_of_a_bad_argument(words, call, given):
    refused(words, call, given)
