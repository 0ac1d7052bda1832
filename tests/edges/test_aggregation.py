"""The four aggregations: by hand, against each other, and under the mask."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

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


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 6),
    st.integers(1, 6),
    st.integers(0, 2**31),
    st.sampled_from(AGGREGATIONS),
    st.booleans(),
)
def test_micro_batches_sum_to_the_whole_with_the_count_of_the_whole(b, t, seed, how, as_tensor):
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(b, t, generator=generator, dtype=D).requires_grad_()
    mask = torch.rand(b, t, generator=generator) < 0.6
    count = mask.sum() if how == "token-mean" else mask.any(-1).sum()
    parts = [
        aggregate(
            values[rows], mask[rows], how, horizon=5, count=count if as_tensor else count.item()
        )
        for rows in (slice(0, b // 2), slice(b // 2, b))
    ]
    whole = aggregate(values, mask, how, horizon=5)
    close(sum(parts), whole, 1e-13)
    gradients = [slope(loss, values) for loss in (sum(parts), whole)]
    torch.testing.assert_close(*gradients, rtol=1e-13, atol=1e-13)
