"""Which of two completions is better, and a reference or an anchor that is kept near."""

from __future__ import annotations

from typing import Any

RELATIVES: dict[str, Any] = {}
