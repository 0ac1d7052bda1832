"""The task `spend`: its count of right answers."""

from itertools import product

from trlib.tasks import Prompt, Spend
from trlib.tasks.spend import BUST

EXAMPLE = Prompt("13 :", "0", 13)


def test_a_spending_above_the_tasks_most_is_no_spending():
    assert Spend(most=5).verify(EXAMPLE, "-9 4 -4 0", ended=True).reason == "bad format"


def test_exactly_the_compositions_of_an_amount_are_right():
    """All sequences of up to four spendings from 1 to 4, their arithmetic right: 4 has 8 of them
    that land on it."""
    task, prompt, right = Spend(amount=4, most=4), Prompt("4 :", "0"), []
    for length in range(1, 5):
        for spendings in product(range(1, 5), repeat=length):
            words, left = [], 4
            for spent in spendings:
                left -= spent
                words += [f"-{spent}", str(left) if left >= 0 else BUST]
            verdict = task.verify(prompt, " ".join(words), ended=True)
            assert (verdict.reason == "right") == (sum(spendings) == 4)
            right += [spendings] if verdict.reward else []
    assert len(right) == 2**3
