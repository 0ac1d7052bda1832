"""Trust regions in which moving probability costs the more the further it is moved: Wasserstein and Sinkhorn."""

from __future__ import annotations

from typing import Any

RELATIVES: dict[str, Any] = {}
