"""Whether a method, a policy and the settings of a run fit together, before anything is sampled."""

from dataclasses import fields, replace

from trlib.algorithms.method import Anchor, Method
from trlib.algorithms.needs import Needs
from trlib.errors import warn
from trlib.loop.user_errors import user_errors


def needs_of(method: Method, anchor: Anchor) -> Needs:
    """What the method asks the loop to compute, for its `reference` too.
    Raises MethodError: `needs` raises an error, or returns something else."""
    with user_errors(method, "needs"):
        declared = method.needs(anchor)
        if not isinstance(declared, Needs):
            raise TypeError(f"needs: expected Needs(...), got {type(declared).__name__}")
    return replace(declared, reference=declared.reference or method.kept_near is not None)


def check_anchor(method: Method, anchor: Anchor) -> None:
    """Warn of a method that would correct for the sampler twice."""
    if anchor == "rollout" and method.correction is not None:
        warn(
            "correction: with anchor='rollout' the ratio already corrects for the sampler, and a "
            "correction would do so twice; use anchor='recomputed', or no correction"
        )


def check_vocabulary(method: Method, needs: Needs, size: int) -> None:
    """Refuse a method that asks for more of the anchor's tokens than the vocabulary has, and name
    its setting.
    Raises ValueError: `needs.topk_anchor` above `size`."""
    if (k := needs.topk_anchor) > size:
        setting = next(
            (f.name for f in fields(method) if getattr(method, f.name) == k), "topk_anchor"
        )
        raise ValueError(
            f"{setting}: expected at most {size}, the number of tokens in the vocabulary, got {k}"
        )
