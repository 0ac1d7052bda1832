"""Supervision that stays near a function: proximal points, smoothness, and a radius that is measured."""

from __future__ import annotations

from typing import Any

RELATIVES: dict[str, Any] = {}
