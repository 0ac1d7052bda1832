"""A divergence that is bounded or charged: penalise and then fix up, mirror descent, a target instead of a radius."""

from __future__ import annotations

from typing import Any

RELATIVES: dict[str, Any] = {}
