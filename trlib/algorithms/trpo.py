"""TRPO: a step along the natural gradient, as far as a KL bound allows (Schulman et al. 2015, arXiv
1502.05477).

    max_θ E_old[r A]   s.t.   mean_s KL(pi_old || pi) <= δ

The step is s F⁻¹g with s = sqrt(2δ / x'Fx), x = F⁻¹g by conjugate gradients, shortened until the KL
bound holds and the surrogate has risen. F is known only by its products with vectors (appendix C).

In the book: the problem :eq:`trpo-problem`, F :eq:`trpo-fisher`."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms.method import Anchor, Batch, Method, Scores, Step
from trlib.algorithms.needs import Needs
from trlib.algorithms.ppo import pg_is_loss
from trlib.checks import POSITIVE


def conjugate_gradient(
    matvec: Callable[[Tensor], Tensor],
    b: Tensor,
    *,
    iterations: int = 10,
    tolerance: float = 1e-10,
    radius: float | None = None,
) -> Tensor:
    """Solve F x = b for a symmetric positive definite F that is known only by its products.

    x_0 = 0;   stops after `iterations` products, at |b - F x| <= tolerance |b|, or (given a radius)
    at |x| = radius

    Each step minimises x'Fx/2 - b'x over one more direction, so x'Fx and b'x grow together and n
    steps are exact in n dimensions. b = 0 gives 0. A direction without positive curvature (F is not
    positive definite, or rounding has used up the digits) ends the search with the solution so far.
    With a radius, F may be any symmetric matrix: such a direction is followed to the ball's edge,
    and so is one that would leave it (Steihaug). |x| grows from step to step, so a path that has
    left the ball would not come back.

    Args:
        matvec: v -> F v, of b's shape and type.
        b: the right-hand side, any shape, float32 or wider; the inner product is the sum over all
            entries.
        iterations: the most products with F, at least 1.
        tolerance: of the residual's norm relative to b's, at least 0.
        radius: of a ball around 0 that x stays in, above 0; None: no ball.
    Returns x, of b's shape and type, detached.
    Raises TypeError, ValueError: a wrong type or shape, of b or of what matvec returns; NaN or inf
    in either.
    Source: Hestenes and Stiefel 1952; TRPO: arXiv 1502.05477: 10 iterations. In the
    book: :eq:`trpo-cg`. The radius: Steihaug 1983, for :func:`trlib.relatives.classical.newton_cg`.
    Differs from: sb3-contrib starts from noise of 1e-4 and stops at a squared residual below an
    absolute 1e-10; with a tolerance relative to b the result scales with b."""
    if not callable(matvec):
        raise TypeError(f"matvec: expected a function of a vector, got {type(matvec).__name__}")
    checks.finite("b", checks.floating("b", b))
    if b.dtype in checks.COARSE:
        raise TypeError(f"b: expected float32 or wider, got {b.dtype}")
    iterations = checks.whole("iterations", iterations, least=1)
    tolerance = checks.number("tolerance", tolerance, least=0)
    if radius is not None:
        radius = checks.number("radius", radius, **POSITIVE)
    residual = b.detach().clone()
    x, direction = torch.zeros_like(residual), residual.clone()
    squared = _dot(residual, residual)
    # |b|² or what comes of it may overflow, or be subnormal and lose its digits: solve for b of
    # length near 1.
    info = torch.finfo(b.dtype)
    safe = info.tiny / info.eps**2 <= float(squared) <= info.max * info.eps**2
    if not safe and bool(b.any()):
        scale = 2.0 ** math.frexp(float(b.detach().abs().max()))[1]
        return scale * conjugate_gradient(
            matvec,
            residual / scale,
            iterations=iterations,
            tolerance=tolerance,
            radius=None if radius is None else radius / scale,
        )
    enough = tolerance * tolerance * squared
    for _ in range(iterations):
        if not squared > enough:
            break
        product = (
            checks.floating("matvec(v)", matvec(direction), tuple(b.shape)).detach().to(b.dtype)
        )
        checks.finite("matvec(v)", product)
        curvature = _dot(direction, product)
        if not curvature > 0:
            return x if radius is None else _to_the_edge(x, direction, radius)
        step = squared / curvature
        if radius is not None and float((x + step * direction).norm()) >= radius:
            return _to_the_edge(x, direction, radius)
        x = x + step * direction
        residual = residual - step * product
        shrunk = _dot(residual, residual)
        direction = residual + shrunk / squared * direction
        squared = shrunk
    return x


def _to_the_edge(x: Tensor, direction: Tensor, radius: float) -> Tensor:
    """x + τ direction, with the τ > 0 that makes its length the radius; x is inside, and
    x'direction is at least 0."""
    a, b, c = _dot(direction, direction), _dot(x, direction), radius * radius - _dot(x, x)
    return x + c / (b + (b * b + a * c).sqrt()) * direction


@dataclass(frozen=True, kw_only=True)
class TRPO(Method):
    """A natural-gradient step inside a KL ball, checked by a line search: the update itself is
    the trust region.

    The learning rate, the gradient's norm and AdamW play no part. In the book: the
    problem :eq:`trpo-problem`, the step
    :eq:`trpo-step`, the line search :eq:`trpo-search`, the products :eq:`trpo-double-backward` and
    :eq:`trpo-gauss-newton`. With `iterations=1` the direction is the gradient's own.
    Source: arXiv 1502.05477, section 6 and appendix C.
    Differs from: sb3-contrib runs 15 iterations of CG, and constrains KL(π || π_old)."""

    delta_kl: float = checks.setting(0.01, above=0)
    """δ, nats per token: mean KL(π_old || π) over the minibatch's tokens after its update. With
    several minibatches, later ones move the policy on the earlier ones' tokens too, so the whole
    batch may end beyond δ."""
    damping: float = checks.setting(0.1, least=0)
    """Added to F's diagonal; with it inside F, the full step's quadratic KL stays below δ."""
    iterations: int = checks.setting(10, least=1)
    """Products with F that conjugate gradients may take."""
    fisher: Literal["gauss-newton", "double-backward"] = checks.setting("gauss-newton")
    """J'(diag p - p p')J by one forward-mode and one backward pass, or the KL's gradient
    differentiated again."""
    fisher_rows: int | None = checks.setting(64, least=1)
    """Completions, spread evenly, that F is averaged over; None: all."""
    backtrack: float = checks.setting(0.8, above=0, below=1)
    """Each try of the line search shortens the step by this factor."""
    tries: int = checks.setting(10, least=1)
    """Steps tried before the old parameters are kept."""
    anchor: ClassVar[Anchor] = "recomputed"
    token_loss = pg_is_loss

    def needs(self, anchor: Anchor) -> Needs:
        return Needs(full=True, full_anchor=True)

    def update(self, step: Step) -> None:
        exact(step.parameters)
        for part in step.minibatches():
            self._constrained(part)

    def _constrained(self, step: Step) -> None:
        """One natural-gradient step as far as the region and the line search allow."""
        loss = step.loss()
        if not loss.requires_grad or not bool(step.batch.mask.any()):
            step.report(float(loss.detach()), 0.0)
            return
        gradient = -flat(torch.autograd.grad(loss, step.parameters, materialize_grads=True))
        before = float(loss.detach())
        step.report(before, float(gradient.norm()))
        product = self._fisher(step)
        x = conjugate_gradient(product, gradient, iterations=self.iterations)
        curvature = float(_dot(x, product(x)))
        if curvature > 0:
            self._search(step, (2 * self.delta_kl / curvature) ** 0.5 * x, before)

    def _search(self, step: Step, full: Tensor, before: float) -> None:
        """Take the longest of the tried steps inside the region that raises the surrogate; else
        none."""
        old = [p.detach().clone() for p in step.parameters]
        for attempt in range(self.tries):
            move(step.parameters, old, unflat(self.backtrack**attempt * full, old))
            with torch.no_grad():
                scores = step.score()
                if self.reference is None:
                    surrogate = self.loss(self.objective(scores, step.batch).per_token, step.batch)
                else:  # with its penalty, as in the loss that is to be lowered
                    surrogate = step.loss(scores)
                if (
                    float(self._kl(scores, step.batch)) <= self.delta_kl
                    and float(surrogate) < before
                ):
                    return
        move(step.parameters, old, None)

    def _kl(self, scores: Scores, batch: Batch) -> Tensor:
        """Mean KL(pi_old || pi) over the unmasked tokens, differentiable in pi."""
        old, new = batch.full_anchor[batch.mask], scores.full[batch.mask]
        p = old.exp()
        return (p * torch.where(p > 0, old - new, 0.0)).sum(-1).mean()

    def _fisher(self, step: Step) -> Callable[[Tensor], Tensor]:
        """v -> (F + damping) v at the current parameters."""
        rows = some_rows(len(step.batch.mask), self.fisher_rows, step.batch.mask.device)
        mask, parameters = step.batch.mask[rows], step.parameters
        scores = step.score(rows, double_backward=self.fisher == "double-backward")
        logp = scores.full
        if self.fisher == "double-backward":
            mean = self._kl(scores, step.batch.rows(rows))
            slope = flat(
                torch.autograd.grad(mean, parameters, create_graph=True, materialize_grads=True)
            )

            def product(v: Tensor) -> Tensor:
                again = torch.autograd.grad(
                    _dot(slope, v), parameters, retain_graph=True, materialize_grads=True
                )
                return flat(again) + self.damping * v
        else:
            p = (logp.detach().exp() * mask.unsqueeze(-1)) / mask.sum()

            def product(v: Tensor) -> Tensor:
                along = step.directional(unflat(v, parameters), rows)
                pulled = torch.autograd.grad(
                    logp, parameters, p * along, retain_graph=True, materialize_grads=True
                )
                return flat(pulled) + self.damping * v

        return product


def some_rows(total: int, count: int | None, device: torch.device) -> Tensor:
    """`count` of `total` rows, spread evenly; None: all."""
    count = total if count is None else min(total, count)
    return torch.arange(count, device=device) * total // count


def exact(parameters: Sequence[Tensor]) -> None:
    """Check that the parameters can take a step as small as a trust region's.
    Raises TypeError: a parameter has fewer digits than float32."""
    for p in parameters:
        if p.dtype in checks.COARSE:
            raise TypeError(
                "policy: expected weights of float32 or wider, because a trust region's step is "
                f"smaller than {str(p.dtype)[6:]} can resolve, got {p.dtype}; load it with "
                "dtype='float32'"
            )


def flat(tensors: Sequence[Tensor]) -> Tensor:
    """The tensors as one vector, float32 or wider."""
    return torch.cat([part.reshape(-1).to(checks.wide(part)) for part in tensors])


def unflat(flat: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    """The vector in the shapes and types of `like`."""
    parts = flat.split([p.numel() for p in like])
    return [part.view_as(p).to(p.dtype) for part, p in zip(parts, like, strict=True)]


@torch.no_grad()
def move(parameters: list[Tensor], old: list[Tensor], by: list[Tensor] | None) -> None:
    """Set the parameters to `old`, or to `old` + `by`."""
    for i, p in enumerate(parameters):
        p.copy_(old[i] if by is None else old[i] + by[i])


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum()
