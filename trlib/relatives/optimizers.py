"""Trust regions of parameters: W <- (1 - η λ) W - η D,  D = argmax_{‖D‖ <= 1} <M, D>,  M <- β M +
(1 - β) g.

The norm of the ball decides the optimiser; every parameter has a ball of its own, of radius η, the
learning rate."""

from functools import partial
from typing import Any

import torch
from torch import Tensor

from trlib import checks


def newton_schulz(G: Tensor, steps: int = 5) -> Tensor:
    """Towards U V' of G = U S V': X <- 3.4445 X - 4.7750 X X'X + 2.0315 X (X'X)², from G / ‖G‖."""
    X = (G.T if len(G) > G.shape[1] else G) / (G.norm() + 1e-7)
    for _ in range(steps):
        S = X @ X.T
        X = 3.4445 * X + (2.0315 * S @ S - 4.7750 * S) @ X
    return X.T if len(G) > G.shape[1] else X


def lmo(G: Tensor, norm: str, *, steps: int | None = None) -> Tensor:
    """argmax_{‖D‖ <= 1} <G, D>, a ball's linear minimisation oracle up to its sign; 0 where G is 0.

    spectral: U V' (Muon).  frobenius: G / ‖G‖ (normalised gradient descent).  sign: sign(G).  A
    vector is read as a diagonal matrix (spectral: its sign), more dimensions as [first, rest].
    `steps` of Newton-Schulz; None: exact.
    Raises: TypeError, ValueError: not floating; NaN or inf; an unknown norm. Source: the three
    steps are derived here; that they yield these optimisers is from the abstract of arXiv
    2503.12645."""
    checks.finite("G", checks.floating("G", G))
    if checks.choice("norm", norm, ("spectral", "frobenius", "sign")) == "frobenius":
        return G / G.norm().clamp(min=1e-30)
    if norm == "sign" or G.dim() < 2:
        return G.sign()
    if steps is not None:
        return newton_schulz(G.flatten(1), steps).view_as(G)
    U, S, V = torch.linalg.svd(G.flatten(1), full_matrices=False)
    return (U * (S / S[0] > max(G.shape) * torch.finfo(G.dtype).eps) @ V).view_as(G)


def auon(G: Tensor, *, gamma: float = 1.5, steps: int = 0) -> Tensor:
    """G / s, s = sqrt(mean cosh²(γ G / ‖G‖)) = 1 + O(γ²/mn); Hybrid-AuON: of G after `steps` of
    Newton-Schulz.

    Source: arXiv 2509.24320; read in the authors' code, `auon/optimizer.py`, where Hybrid takes 5
    steps; the abstract says one.
    Differs from: another script by the authors, `Auon_Adam_train.py` (commit c87b862), first
    divides X by its norm, so its steps have length about 1, whatever the gradient's size."""
    X = lmo(G, "spectral", steps=steps) if steps and G.dim() > 1 else G
    return X / ((gamma * X / (X.norm() + 1e-7)).cosh().square().mean().sqrt() + 1e-8)


STEPS: dict[str, Any] = {
    "muon": partial(lmo, norm="spectral", steps=5),
    "frobenius": partial(lmo, norm="frobenius"),
    "sign": partial(lmo, norm="sign"),
    "auon": auon,
    "hybrid_auon": partial(auon, steps=5),
}


class Ball(torch.optim.Optimizer):
    """M <- β M + (1 - β) g, W <- (1 - η λ) W - η D(M): β = betas[0], .95 in the papers. nesterov:
    D(β M + (1 - β) g).

    Raises: ValueError: a number out of its range; nothing but vectors where the step needs a
    matrix.
    Source: Muon's step is read in the authors' code; the frobenius and the sign ball are derived
    here.
    Differs from: `torch.optim.Muon` uses Nesterov's average and bfloat16, and moves tall matrices
    sqrt(rows / columns) further. Embeddings and output layer are usually left to AdamW; here they
    are matrices like all others."""

    def __init__(
        self,
        params: Any,
        lr: float = 0.02,
        betas: tuple[float, ...] = (0.95,),
        weight_decay: float = 0.0,
        *,
        kind: str = "muon",
        nesterov: bool = False,
    ) -> None:
        defaults: dict[str, Any] = {
            "kind": checks.choice("kind", kind, tuple(STEPS)),
            "nesterov": nesterov,
        }
        for name, value in (("lr", lr), ("weight_decay", weight_decay)):
            defaults[name] = checks.number(name, value, least=0)
        defaults["momentum"] = checks.number("betas[0]", betas[0], least=0, below=1)
        super().__init__(params, defaults)
        shapes = [list(p.shape) for group in self.param_groups for p in group["params"]]
        if kind in ("muon", "hybrid_auon") and not any(len(shape) > 1 for shape in shapes):
            raise ValueError(
                f"expected a matrix for {kind}, got shapes {shapes[:3]} (sign and frobenius take "
                "these)"
            )

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                if not self.state[p]:
                    self.state[p]["momentum"] = torch.zeros_like(p)
                m = self.state[p]["momentum"].lerp_(p.grad, 1 - group["momentum"])
                m = p.grad.lerp(m, group["momentum"]) if group["nesterov"] else m
                p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(
                    STEPS[group["kind"]](m), alpha=group["lr"]
                )


RELATIVES: dict[str, Any] = {
    name: partial(Ball, kind=name, nesterov="auon" in name) for name in STEPS
}
