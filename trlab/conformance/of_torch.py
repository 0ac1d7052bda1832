"""torch's own optimiser of the gallery: Muon."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from trlab.conformance.libraries import Held
from trlab.conformance.pieces import Numbers, compare
from trlab.conformance.report import Finding
from trlab.conformance.vectors import Vectors, tensors

LOSSES: tuple[Held, ...] = ()


def beside(vectors: Vectors, modules: dict[str, Any]) -> Iterator[Finding]:
    """A finding for Muon as it comes and as near to ours as its settings allow."""
    for subject, more in (("optim.Muon", {}), ("optim.Muon, nesterov=False", {"nesterov": False})):
        yield compare(vectors, subject, "muon", partial(_muon, more))


def _muon(more: dict[str, Any], vectors: Vectors) -> Numbers:
    document = vectors.pieces["muon"]["inputs"]
    given = tensors(document)
    weights = given["weights"].clone().requires_grad_()
    optimizer = torch.optim.Muon(
        [weights], lr=document["lr"], momentum=document["momentum"], weight_decay=0.0, **more
    )
    for gradient in given["gradients"]:
        weights.grad = gradient.clone()
        optimizer.step()
    return {"weights": weights.detach()}
