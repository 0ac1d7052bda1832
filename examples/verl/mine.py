"""What is yours: a reward in verl's signature. Here the task is sums."""

import re


def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    """The reward of one completion: 1 where the first number in it is the answer.

    Args:
        data_source: the row's column, so that one function can judge several data sets.
        solution_str: the completion, without its prompt.
        ground_truth: of the row's column `reward_model`.
        extra_info: the row's column of that name."""
    found = re.search(r"\d+", solution_str)
    return float(bool(found) and found[0] == ground_truth)
