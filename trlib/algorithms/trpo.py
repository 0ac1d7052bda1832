"""TRPO's linear algebra: the direction F⁻¹g without ever forming F (arXiv 1502.05477, appendix C)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from trlib import checks


def conjugate_gradient(matvec: Callable[[Tensor], Tensor], b: Tensor, *, iterations: int = 10,
                       tolerance: float = 1e-10) -> Tensor:
    """Solve F x = b for a symmetric positive definite F that is known only by its products.

    x_0 = 0;   stops after `iterations` products, or when |b - F x| <= tolerance |b|

    Each step minimises x'Fx/2 - b'x over one more direction, so x'Fx and b'x grow together and n steps are exact in n
    dimensions. b = 0 gives 0. A direction without positive curvature (F is not positive definite, or rounding has
    used up the digits) ends the search with what is solved so far.

    Args:
        matvec: v -> F v, of b's shape and type.
        b: the right-hand side, any shape, float32 or wider; the inner product is the sum over all entries.
        iterations: most products with F, at least 1.
        tolerance: on the residual's norm relative to b's, at least 0.

    Returns:
        x, of b's shape and type, detached.

    Raises:
        TypeError, ValueError: a wrong type or shape, of b or of what matvec returns; NaN or inf in either.

    Source: Hestenes and Stiefel 1952; TRPO: arXiv 1502.05477: 10 iterations.
    Differs from: sb3-contrib starts at noise of 1e-4 and stops at a squared residual below an absolute 1e-10; with a
    tolerance relative to b the result scales with b.
    """
    checks.finite("b", checks.floating("b", b))
    if b.dtype in (torch.float16, torch.bfloat16):
        raise TypeError(f"b: expected float32 or wider, got {b.dtype}")
    checks.number("iterations", iterations, least=1)
    checks.number("tolerance", tolerance, least=0)
    residual = b.detach().clone()
    x, direction = torch.zeros_like(residual), residual.clone()
    squared = _dot(residual, residual)
    enough = tolerance * tolerance * squared
    for _ in range(int(iterations)):
        if not squared > enough:
            break
        product = checks.floating("matvec(v)", matvec(direction), tuple(b.shape)).detach()
        checks.finite("matvec(v)", product)
        curvature = _dot(direction, product)
        if not curvature > 0:
            break
        step = squared / curvature
        x = x + step * direction
        residual = residual - step * product
        shrunk = _dot(residual, residual)
        direction = residual + shrunk / squared * direction
        squared = shrunk
    return x


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum()
