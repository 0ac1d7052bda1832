"""What a reader is told who gives the book's figures, exercises and address a bad argument."""

import pytest
import torch

import trlib
from book.build.quoted import shown
from tests.losses import refused
from trbook.address import address
from trbook.bandit import push_limit
from trbook.explorables import Basin, RatioMap
from trbook.precision import measure
from trbook.scale.scoring import score_tokens

MU = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
REWARDS = torch.tensor([1.0, 1.0, 0.0, 0.0], dtype=torch.float64)


def address_of(url):
    address({"repository": {"url": url, "branch": "main"}})


def measured(precision):
    measure(trlib.load_policy("dial"), ["7 : -1 +4 +3 flip sq ="], precision=precision, group=4)


def scored(kind):
    hidden = torch.zeros(7, 5)
    score_tokens(hidden, torch.zeros(23, 5, dtype=kind), torch.zeros(7, dtype=torch.int64))


SAID = [
    (".*expected https://HOST/OWNER/NAME or nothing, got 'git@", address_of, "git@github.com:me/book.git"),
    (".*expected https://HOST/OWNER/NAME or nothing, got", address_of, "https://github.com/me/book/tree/main"),
    (".*sweep: expected one of .*reuse.*, got 'resue'", shown, "resue ppo"),
    (".*label: expected one of pg_is, ppo, .*, got 'pop'", shown, "reuse pop"),
    (r".*RatioMap, setting: expected one of axes, batch, .*, got 'eps'; did you mean 'eps_low", lambda eps: RatioMap(eps=eps), 0.1),
    (r".*run together \(1 with default, .*\), got 1 with a third", lambda uses: Basin(uses=uses, threshold="a third"), "1"),
    (r"baseline: expected one below the mean reward, 0\.3, got", lambda b: push_limit(MU, REWARDS, baseline=b), 0.5),
    (".*precision", measured, "fp8"),
    ("TypeError: weight: expected the type of hidden, torch.float32, got torch.float16", scored, torch.float16),
]  # fmt: skip


@pytest.mark.parametrize(("words", "call", "given"), SAID)
def test_what_the_book_says_of_a_bad_argument(words, call, given):
    refused(words, call, given)
