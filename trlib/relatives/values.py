"""Advantages and values: what is done before any region is drawn."""

from __future__ import annotations

from typing import Any

RELATIVES: dict[str, Any] = {}
