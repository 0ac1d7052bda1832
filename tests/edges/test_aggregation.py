"""The four aggregations: by hand, against each other, and under the mask."""

import math

import pytest
import torch

from tests.losses import D, close, slope, tensor
from trlib.aggregation import AGGREGATIONS, aggregate

# Lengths 3, 1 and 0; sums 6 and 10.
VALUES = tensor([[1.0, 2.0, 3.0, 9.0], [10.0, 9.0, 9.0, 9.0], [9.0, 9.0, 9.0, 9.0]])
MASK = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]], dtype=torch.bool)


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_what_is_masked_does_not_exist(how):
    for junk in (math.nan, math.inf, -math.inf, 1e300):
        values = VALUES.masked_fill(~MASK, junk).requires_grad_()
        result = aggregate(values, MASK, how)
        assert result.item() == aggregate(VALUES, MASK, how).item()
        gradient = slope(result, values)
        assert torch.isfinite(gradient).all() and (gradient[~MASK] == 0).all()
    result = aggregate(values, torch.zeros_like(MASK), how)
    assert result.item() == 0 and (slope(result, values) == 0).all()


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_half_precision_is_summed_in_float32(how):
    values = torch.full((2, 4096), 1.0, dtype=torch.bfloat16)
    mask = torch.ones(2, 4096, dtype=torch.bool)
    result = aggregate(values, mask, how, horizon=4096)
    assert result.dtype == torch.float32
    assert result.item() == (4096 if how == "seq-mean-token-sum" else 1)
    assert aggregate(values.double(), mask, how).dtype == D


@pytest.mark.parametrize("how", AGGREGATIONS)
def test_micro_batches_sum_to_the_whole_with_the_count_of_the_whole(how):
    """Given as a tensor or as a number."""
    values = VALUES.clone().requires_grad_()
    count = MASK.sum() if how == "token-mean" else MASK.any(-1).sum()
    parts = [
        aggregate(values[rows], MASK[rows], how, horizon=5, count=given)
        for rows, given in ((slice(1), count), (slice(1, None), count.item()))
    ]
    whole = aggregate(values, MASK, how, horizon=5)
    close(sum(parts), whole, 1e-13)
    close(slope(sum(parts), values), slope(whole, values), 1e-13)
