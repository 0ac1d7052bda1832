"""What is yours: prompts, and a reward in TRL's signature. Here the task is sums."""

import random
import re

from datasets import Dataset

TEXT = "What is {} + {}? Answer with the number alone."
SHOWN = ((12, 30), (25, 14))
"""Solved sums before the one that is asked, as turns of the same chat."""


def prompts(split):
    """A data set with the column `prompt`, a chat; TRL hands its other columns to the reward.

    Args:
        split: "train" or "test", which have no sum in common."""
    dice = random.Random(0)
    pairs = [(a, b) for a in range(10, 100) for b in range(10, 100)]
    dice.shuffle(pairs)
    chosen = pairs[:64] if split == "test" else pairs[64:]
    return Dataset.from_list([{"prompt": chat(a, b), "answer": str(a + b)} for a, b in chosen])


def chat(a, b):
    """The prompt as TRL and a chat template take it."""
    turns = []
    for x, y in SHOWN:
        turns.append({"role": "user", "content": TEXT.format(x, y)})
        turns.append({"role": "assistant", "content": str(x + y)})
    return [*turns, {"role": "user", "content": TEXT.format(a, b)}]


def reward(prompts, completions, completion_ids, answer, **others):
    """One number for each completion: 0.1 for a number and nothing else, and 0.9 where the first
    number in it is the answer. `answer` is the data set's column, a value for each completion; None
    instead of a number: not to be judged."""
    texts = [completion[-1]["content"].strip() for completion in completions]
    found = [re.search(r"\d+", text) for text in texts]
    right = [bool(f) and f[0] == wanted for f, wanted in zip(found, answer, strict=True)]
    return [
        0.1 * text.isdigit() + 0.9 * is_right for text, is_right in zip(texts, right, strict=True)
    ]
