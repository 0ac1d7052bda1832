"""What a page computes beside what torch computes, both in double precision."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def double(values: Any) -> Tensor:
    return torch.as_tensor(values, dtype=torch.float64).detach()


def close(
    found: Any, wanted: Any, *, rtol: float = 1e-9, atol: float = 1e-12, of: Any = ""
) -> None:
    """Both are equal to the last digits; `of` says of what, where they are not."""
    torch.testing.assert_close(
        double(found), double(wanted), rtol=rtol, atol=atol, msg=lambda text: f"{of}: {text}"
    )
