"""Policy optimisation as least squares: fit what the optimum of a KL-regularised step would be."""

from __future__ import annotations

from typing import Any

RELATIVES: dict[str, Any] = {}
