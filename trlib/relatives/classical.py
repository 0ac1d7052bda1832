"""Where the words come from: Newton steps in a ball, boxes with bounds, and two players who step at once."""

from __future__ import annotations

from typing import Any

RELATIVES: dict[str, Any] = {}
