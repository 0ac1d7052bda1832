"""Five assignments. Fill in the functions, keep their names, and hand this file in.

You need torch. The last one reads recorded text of a language model:

    from trlab.record import read
    from trlab.texts import texts_of

    runs = read("real_words")[1].set_index("label")
    written = texts_of(runs.loc["eight times"])
    written[0]                      # batch 0: 64 of (prompt, text, reward), a prompt's side by side
"""

from __future__ import annotations

from torch import Tensor


def advantages(rewards: Tensor, group: Tensor) -> Tensor:
    """1. GRPO's advantages (chapter 5): a reward less its group's mean, over the group's standard
    deviation (divisor G - 1) plus 1e-6.

    Args: rewards [B], float64; group [B] int: which prompt. Groups may have different sizes, at
    least 2, and need not be adjacent.
    Returns [B]. A group whose rewards are all equal has advantages of exactly 0.
    """
    raise NotImplementedError("assignment 1")


def clipped_loss(
    logp: Tensor, old: Tensor, advantages: Tensor, mask: Tensor, low: float, high: float
) -> Tensor:
    """2. PPO's loss (chapter 4) as one number: the mean over the tokens that the mask keeps.

    Args: logp, old [B, T] log-probs of the sampled tokens now, and before the batch; advantages
    [B, T]; mask [B, T] bool; the ratio's window is from 1 - low to 1 + high.
    Returns a number with a gradient in `logp`. What is masked may be NaN, and changes nothing.
    """
    raise NotImplementedError("assignment 2")


def nearest(new: Tensor, q: Tensor, delta: float) -> Tensor:
    """3. A projection (chapter 9): the policy on the way from q to `new` that is as near to `new`
    as KL(π ‖ q) <= delta allows. On the way, log π is t log new + (1 - t) log q, less a constant
    that makes the probabilities sum to 1, with t from 0 to 1.

    Args: new, q [V] log-probs, nats, all finite; delta in nats, above 0.
    Returns [V] log-probs, with a KL within 1e-6 of delta where `new` is outside; `new` itself where
    it is inside.
    """
    raise NotImplementedError("assignment 3")


def p_value(a: Tensor, b: Tensor) -> float:
    """4. Is one method above the other (chapter 11a)? The exact two-sided permutation test of the
    difference of means: deal all 2n results anew into two groups of n, in each of the C(2n, n) ways,
    and give the share whose difference of means is at least as far from 0 as the one that was found
    (ties within 1e-12 count). A run's seed pairs it with nothing.

    Args: a, b [n] where the runs of two methods ended; n at most 8.
    """
    raise NotImplementedError("assignment 4")


def sums(text: str) -> tuple[int, int]:
    """5. What did SmolLM2 learn, the form or the sum? Count the sums in an answer: two or more
    whole numbers joined by +, then = and a whole number, with or without spaces.

    Returns (how many of them are right, how many there are).
        sums("21 + 37 = 58, 58 + 33 = 81. Answer 81")  ->  (1, 2)

    Then run it over the three runs of `real_words`, batch by batch, and write half a page: which
    run learns to write sums, which learns to add, and what does the clip change? Each is one run:
    what would you need to be sure?
    """
    raise NotImplementedError("assignment 5")
