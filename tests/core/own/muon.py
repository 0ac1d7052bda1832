"""Muon: momentum made nearly orthogonal, so that a step has the same size in every direction of a
matrix."""

import torch


def orthogonal(g, steps=5):
    """Newton-Schulz: the singular values of a matrix pushed to about 1."""
    x = (g.T if len(g) > g.shape[1] else g) / (g.norm() + 1e-7)
    for _ in range(steps):
        s = x @ x.T
        x = 3.4445 * x + (2.0315 * s @ s - 4.7750 * s) @ x
    return x.T if len(g) > g.shape[1] else x


class Muon(torch.optim.Optimizer):
    """W <- W - lr orthogonal(momentum); what is no matrix takes the sign of its momentum."""

    def __init__(self, groups, *, lr, betas):
        super().__init__(groups, {"lr": lr, "momentum": betas[1]})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                m = self.state[p].setdefault("momentum", torch.zeros_like(p))
                m.lerp_(p.grad, 1 - group["momentum"])
                self.state[p]["steps"] = self.state[p].get("steps", 0) + 1
                p.add_(orthogonal(m) if p.dim() == 2 else m.sign(), alpha=-group["lr"])
