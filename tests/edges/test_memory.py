"""What a method may remember from batch to batch."""

import numpy as np
import pytest
import torch

from trlib.algorithms.memory import Memory
from trlib.loop.metrics import METRICS


def test_a_memory_keeps_numbers_and_tensors_and_nothing_else():
    memory = Memory(METRICS)
    memory["a"], memory["b"], memory["c"] = np.float32(0.5), np.int64(3), True
    assert memory.numbers() == {"a": 0.5, "b": 3, "c": 1} and [
        type(v) for v in memory.numbers().values()
    ] == [
        float,
        int,
        int,
    ]
    leaf = torch.ones(2, requires_grad=True)
    memory["t"] = leaf * 2
    memory["t"].mul_(2)
    assert memory["t"].tolist() == [4, 4] and not memory["t"].requires_grad
    memory["w"] = (weights := torch.zeros(2))
    weights += 1
    assert memory["w"].tolist() == [0, 0], "what is remembered is a copy"
    with pytest.raises(
        TypeError, match=r"memory\['a'\]: expected a number or a tensor, .* got str"
    ):
        memory["a"] = "x"
    with pytest.raises(ValueError, match=r"memory\['kl'\]: expected a name that the history does"):
        memory["kl"] = 1.0
    again = Memory(METRICS)
    again.restore(memory.numbers(), memory.tensors())
    assert again.numbers() == memory.numbers() and torch.equal(again["t"], memory["t"])
