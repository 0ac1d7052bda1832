"""An expert's answers: what is refused, where a prefix is cut, which completions of a stage get
it."""

import pytest

from tests.losses import refused
from trlib.tasks import Prompt, Verdict
from trlib.tasks.expert import Demonstration, demonstrations

TWENTY = [*range(20), 99]
"""Twenty tokens and the end."""


@pytest.mark.parametrize(
    ("share", "paragraphs", "length"),
    [
        (0.25, (), 5),
        (0.01, (), 0),
        (0.99, (), 20),
        (0.25, (8,), 8),  # ends within another .3
        (0.25, (11,), 11),  # at .55 exactly
        (0.25, (12,), 5),  # too far: at the share
        (0.25, (3, 8, 10), 8),  # the first past the share
        (0.25, (5, 8), 5),  # at the share itself
        (0.5, (3, 8), 10),  # all before it
        (1.0, (8,), 21),  # all of it, and the end token
    ],
)
def test_a_prefix_ends_with_a_paragraph_that_is_near_else_at_the_share(share, paragraphs, length):
    assert Demonstration(TWENTY, paragraphs).prefix(share) == TWENTY[:length]


def test_half_a_token_is_rounded_to_an_even_number():
    lengths = [len(Demonstration([0] * (n + 1)).prefix(0.25)) for n in range(1, 13)]
    assert lengths == [0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 3, 3]


class Told:
    """A task whose expert says what it is told to, right unless it says "wrong" or "badly"."""

    name, max_tokens, settings = "told", 12, {"name": "told"}

    def __init__(self, *texts):
        self.texts = list(texts)

    def prompts(self, n, *, seed):
        return [Prompt(f"p{i}", "a") for i in range(n)]

    def demonstrations(self, prompts, *, seed):
        return self.texts

    def verify(self, prompt, completion, *, ended):
        assert ended
        if completion.startswith("wrong"):
            return Verdict(0.0, "wrong answer", "it is a, not b")
        return Verdict(0.0, "bad format") if completion == "badly" else Verdict(1.0, "right")


def asked(task, n=None, **settings):
    """Demonstrations, a character a token."""
    prompts = task.prompts(len(task.texts) if n is None else n, seed=0)
    return demonstrations(
        task,
        prompts,
        seed=0,
        encode=lambda texts: [[*map(ord, text)] for text in texts],
        end_id=0,
        **{"max_tokens": 12, **settings},
    )


def test_an_answer_becomes_tokens_with_its_end_and_its_paragraphs():
    found = asked(Told("ab", "a\n\nbc\n \nd", "a\nb"))
    assert [d.tokens for d in found] == [
        [*map(ord, text), 0] for text in ("ab", "a\n\nbc\n \nd", "a\nb")
    ]
    assert [d.paragraphs for d in found] == [(), (3, 8), ()]


def test_an_answer_is_missing():
    message = "DemonstrationError: .*expected a demonstration for each of 2 prompts, got 1"
    refused(message, asked, Told("ok"), n=2)


def test_what_is_no_list_of_demonstrations_is_named():
    for texts, kind in (("ok", "str"), (iter(["ok"]), "list_iterator")):
        task = Told()
        task.texts = texts
        message = f"DemonstrationError: .*expected a list of demonstrations, got {kind}"
        refused(message, asked, task, n=2)


def test_a_task_without_an_expert_is_named():
    class Silent:
        name, texts = "silent", []

    refused(
        r"DemonstrationError: .*task 'silent': expected demonstrations, .* without an expert",
        demonstrations,
        Silent(),
        [],
        seed=0,
        encode=list,
        end_id=0,
        max_tokens=4,
    )


def test_a_wrong_answer_is_taken_from_an_expert_who_says_that_he_may_err():
    class Honest(Told):
        fallible = True

    found = asked(Honest("wrong", "fine"))
    assert [d.tokens for d in found] == [[*map(ord, text), 0] for text in ("wrong", "fine")]
