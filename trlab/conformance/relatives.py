"""Relatives of the gallery that libraries ship, written a second time: DPO, TR-DPO's reference,
Muon's step."""

from __future__ import annotations

import torch
from torch import Tensor

from trlab.conformance.vectors import Vectors, tensors

Numbers = dict[str, Tensor]
PAIRED = ("off-policy", "two anchors")
"""The batches of DPO: of each group the first row is the better one, and the reference is
`logp_old`."""
QUINTIC = (3.4445, -4.7750, 2.0315)


def dpo(vectors: Vectors, *, level: str, against: str) -> Numbers:
    """A batch's mean over its pairs, and its gradient in logp."""
    found = {}
    for name in PAIRED:
        batch = vectors.batches[name]
        mask, logp = batch["mask"], batch["logp"].clone().requires_grad_()
        gap = (logp - (batch["logp_old"] if against == "reference" else 0.0)).where(mask, 0.0)
        rows = gap.sum(-1) / (mask.sum(-1) if level == "mean" else 1)
        margin = vectors.pieces["pairs"]["beta"] * (rows[::2] - rows[1::2])
        loss = -margin.sigmoid().log().mean()
        found[name] = loss.detach().reshape(1)
        (found[f"{name}, gradient"],) = torch.autograd.grad(loss, logp)
    return found


def moved(vectors: Vectors, *, share: str) -> Numbers:
    """A reference after one move towards the policy."""
    document = vectors.pieces["reference"]["inputs"]
    inputs, a = tensors(document), document["share"] if share == "policy" else 1 - document["share"]
    return {"reference": (1 - a) * inputs["reference"] + a * inputs["policy"]}


def muon(vectors: Vectors, *, nesterov: bool, coarse: bool, tall: bool) -> Numbers:
    """A matrix after its steps along the orthogonalised average of its gradients."""
    document = vectors.pieces["muon"]["inputs"]
    given = tensors(document)
    weights, average = given["weights"].clone(), torch.zeros_like(given["weights"])
    size = document["lr"] * (max(1.0, len(weights) / weights.shape[1]) ** 0.5 if tall else 1.0)
    for gradient in given["gradients"]:
        average = document["momentum"] * average + (1 - document["momentum"]) * gradient
        ahead = (
            document["momentum"] * average + (1 - document["momentum"]) * gradient
            if nesterov
            else average
        )
        weights = (
            weights
            - size * _orthogonal(ahead, torch.bfloat16 if coarse else torch.float64).double()
        )
    return {"weights": weights}


def _orthogonal(matrix: Tensor, kind: torch.dtype) -> Tensor:
    """Five steps of Newton-Schulz, of a tall matrix on its transpose; in bfloat16 each product is
    rounded once."""
    a, b, c = QUINTIC
    x = matrix.to(kind).T if len(matrix) > matrix.shape[1] else matrix.to(kind)
    x = x / (x.norm() + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = torch.addmm(x, torch.addmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.T if len(matrix) > matrix.shape[1] else x
