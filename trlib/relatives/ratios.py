"""The sampled token's ratio, otherwise than by a fixed clip: windows that adapt, weights that remember, penalties, and
a mask before the move."""

from __future__ import annotations

from typing import Any

RELATIVES: dict[str, Any] = {}
