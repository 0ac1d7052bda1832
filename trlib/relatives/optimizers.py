"""Trust regions in the space of parameters: the norm of the ball decides the optimiser."""

from __future__ import annotations

from typing import Any

RELATIVES: dict[str, Any] = {}
