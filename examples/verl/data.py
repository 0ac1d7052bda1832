"""Writes train.parquet and test.parquet with the columns that verl reads: `python data.py`."""

import random

import pandas as pd

TEXT = "What is {} + {}? Answer with the number alone."


def rows(split):
    """Rows of "train" or "test", which have no sum in common."""
    dice = random.Random(0)
    pairs = [(a, b) for a in range(10, 100) for b in range(10, 100)]
    dice.shuffle(pairs)
    return [
        {
            "data_source": "sums",
            "prompt": [{"role": "user", "content": TEXT.format(a, b)}],
            "reward_model": {"style": "rule", "ground_truth": str(a + b)},
            "extra_info": {"split": split, "index": index},
        }
        for index, (a, b) in enumerate(pairs[:64] if split == "test" else pairs[64:])
    ]


if __name__ == "__main__":
    for split in ("train", "test"):
        pd.DataFrame(rows(split)).to_parquet(f"{split}.parquet")
