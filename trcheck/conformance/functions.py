"""Anybody's function, named by its address, held against the losses."""

from __future__ import annotations

import difflib
import importlib
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from trcheck.conformance import calls
from trcheck.conformance.bench import Observed
from trcheck.conformance.estimators import Numbers, compare, corrected, estimator_of
from trcheck.conformance.families import FAMILIES
from trcheck.conformance.report import AGREES, DIFFERS, FAILS, Finding, judge
from trcheck.conformance.search import DEEPEST, Result, search
from trcheck.conformance.vectors import Vectors, tensors
from trlib.aggregation import AGGREGATIONS
from trlib.errors import TrlibError, unknown
from trlib.user_files import is_own, load

SIGNATURES: tuple[str, ...] = ("plain", "verl")
HORIZONS = ("horizon", "max_tokens", "max_completion_length", "generate_max_len")
"""What a plain function may call the divisor of a sum over a row."""
CORRECTIONS = {
    "tis": "token truncate",
    "tis_seq": "sequence truncate",
    "mis": "token mask",
    "mis_seq": "sequence mask",
    "icepop": "token window",
}
"""From a correction's name, which a card of the book has too, to its piece."""
LOSSES = {
    "grpo": ("ppo", "seq-mean-token-mean"),
    "dapo": ("ppo_clip_higher", "token-mean"),
}
"""Names for a loss of the vectors with an aggregation."""
KINDS: dict[str, tuple[str, ...]] = {
    "loss": (),
    "kl": ("k1", "k2", "k3"),
    "advantage": ("group_std", "group_mean", "leave_one_out", "length_weighted", "gae"),
    "correction": tuple(CORRECTIONS),
}
"""What a function may compute, and the pieces that are tried where none is named."""
PIECES = (*KINDS["kl"], *KINDS["advantage"], *KINDS["correction"])
"""What surrounds a loss and can be named in its place: KL estimators, called with (logp, logp_old),
advantages, called with (rewards, group) or (rewards, lengths, group), of GAE with (rewards, values,
mask) and gamma, lam, and corrections, called with (logp_old, logp_rollout, mask) or the first two,
and with its bounds, 2 or .5 and 5, where they have `cap` and `floor`."""


def resolve(address: str) -> Callable[..., Any]:
    """The function at `package.module:name`, found from the working folder too, or at
    `path/to/file.py:name`.

    Raises:
        ValueError: no such address, or a file that cannot be run; says what is missing and what is
            near.
        TypeError: what stands there cannot be called.
        TrlibError: the module fails while it is imported.
    """
    module_name, _, path = address.rpartition(":")
    if not module_name or not path:
        raise ValueError(f"function: expected package.module:name or FILE.py:NAME, got {address!r}")
    if not is_own(address):
        value = _imported(module_name)
    elif Path(module_name).is_file():
        value = load(Path(module_name))
    else:
        raise ValueError(
            f"function: expected FILE.py:NAME, got {address!r}, and {module_name!r} is not a file"
        )
    for part in path.split("."):
        if not hasattr(value, part):
            near = difflib.get_close_matches(part, dir(value), n=1, cutoff=0.5)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ValueError(f"function: {module_name!r} has no {part!r}{hint}")
        value = getattr(value, part)
    if not callable(value):
        raise TypeError(
            f"function: expected something that can be called at {address!r}, got "
            f"{type(value).__name__}"
        )
    return value


def _imported(name: str) -> Any:
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise ValueError(
                f"function: no module named {error.name!r} (searched the working folder and the "
                "installed packages)"
            ) from error
        raise TrlibError(f"function: importing {name!r} fails: {error}") from error
    except Exception as error:  # an import can fail in any way
        raise TrlibError(
            f"function: importing {name!r} fails: {type(error).__name__}: {error}"
        ) from error


def signature_of(
    function: str | Callable[..., Any],
    *,
    loss: str | None = None,
    kind: str | None = None,
    given: Mapping[str, Any] | None = None,
) -> str:
    """The signature that a function is called by where none is named: what its parameters' names
    say, of a loss without settings."""
    if given or loss in PIECES or KINDS.get(kind or "loss"):
        return "plain"
    return calls.signature_of(resolve(function) if isinstance(function, str) else function)


def hold(
    vectors: Vectors,
    function: str | Callable[..., Any],
    *,
    signature: str | None = None,
    loss: str | None = None,
    how: str | None = None,
    anchor: str | None = None,
    given: Mapping[str, Any] | None = None,
    kind: str | None = None,
) -> Iterator[Finding]:
    """Hold one function against one loss, or find the loss that it is.

    Args:
        vectors: the golden vectors.
        function: itself, or its address package.module:name.
        signature: one of SIGNATURES; None: what the names of its parameters say.
        loss: a name of the vectors' losses, of LOSSES or of PIECES; None: every loss is tried, and
            the nearest reported.
        how: the aggregation to ask for; None: the loss's own.
        anchor: which policy's log-probs stand where the function has one place for them; None: of a
            plain function the loss's own, else "recomputed".
        given: settings to pass to a plain function.
        kind: one of KINDS; None: what `loss` is, else a loss.

    Raises:
        ValueError, TypeError, TrlibError: as `resolve`; an unknown signature, loss, aggregation or
            anchor; settings for a function that does not take them.
    """
    for name, value, known in (
        ("signature", signature or "plain", SIGNATURES),
        ("anchor", anchor or calls.ANCHORS[0], calls.ANCHORS),
        ("aggregation", how or AGGREGATIONS[0], AGGREGATIONS),
        ("kind", kind or "loss", tuple(KINDS)),
        ("loss", loss or "ppo", (*vectors.losses, *LOSSES, *PIECES)),
    ):
        if value not in known:
            raise unknown(name, value, known)
    if loss in LOSSES:
        loss, own = LOSSES[loss]
        how = how or own
    pieces = KINDS[kind or "loss"]
    if kind and loss and (loss not in pieces if pieces else loss in PIECES):
        expected = ", ".join(pieces) if pieces else "the name of a loss"
        raise ValueError(f"loss: expected {expected} beside --kind {kind}, got {loss!r}")
    if isinstance(function, str):
        title, function = function.rpartition(":")[2], resolve(function)
    elif callable(function):
        title = getattr(function, "__qualname__", type(function).__name__)
    else:
        raise TypeError(
            f"function: expected a function or its address, got {type(function).__name__}"
        )
    if signature is None:
        signature = signature_of(function, loss=loss, kind=kind, given=given)
    if given and signature != "plain":
        raise ValueError(
            "set: expected --signature plain, whose functions take settings as arguments, got "
            f"{signature}"
        )
    if (loss in PIECES or pieces) and signature != "plain":
        raise ValueError(
            f"loss: expected --signature plain beside {loss or kind!r}, which is not a loss, got "
            f"{signature}"
        )
    held = _Function(vectors, function, title, signature, how, anchor, dict(given or {}))
    if loss in PIECES:
        yield held.piece(loss)
    elif pieces:
        yield _nearest_piece([held.piece(name) for name in pieces])
    elif loss is None:
        yield _nearest(held)
    else:
        yield held.judged(loss, held.observed(loss))


@dataclass(frozen=True)
class _Function:
    """Somebody's function, which can be called as any loss and as any piece."""

    vectors: Vectors
    function: Callable[..., Any]
    title: str
    signature: str
    how: str | None
    anchor: str | None
    settings: dict[str, Any]
    """To pass to a plain function."""

    def piece(self, name: str) -> Finding:
        if name in CORRECTIONS:
            return corrected(
                self.vectors, self.title, CORRECTIONS[name], partial(self._factor, name)
            )
        return compare(self.vectors, self.title, name, partial(self._numbers, name))

    def judged(self, loss: str, observed: Observed) -> Finding:
        note = self._place(loss)[1]
        return judge(self.given(loss), self.title, loss, observed, self.asked(loss), extra=note)

    def given(self, loss: str) -> Vectors:
        """The vectors as this loss is given them: one of whole rows gets a row's advantage where it
        is masked too, as trainers repeat it over the row."""
        return self.vectors.repeated if loss.startswith("gspo") else self.vectors

    def searched(self, loss: str, observed: Observed, deepest: int) -> Result:
        return search(self.given(loss), loss, observed, self.asked(loss), deepest=deepest)

    def asked(self, loss: str) -> str:
        """The aggregation."""
        return self.how or self.vectors.losses[loss]["aggregation"]

    def observed(self, loss: str) -> Observed:
        settings, anchor = self.vectors.losses[loss]["settings"], self._place(loss)[0]
        if self.signature == "plain":
            settings = settings | dict.fromkeys(HORIZONS, self.vectors.horizon)
            run = calls.plain(
                self.function, settings=settings, loss=loss, given=self.settings, anchor=anchor
            )
        else:
            run = calls.verl(self.function, settings=settings, how=self.asked(loss), anchor=anchor)
        return calls.observe(self.given(loss), run)

    def _place(self, loss: str) -> tuple[str, str]:
        """Which log-probs stand in the one place for them, and what to say of it: of a loss around
        the sampler, its."""
        base = FAMILIES[loss].base
        sampler = "logp_rollout" in (base.get("anchor"), *base.get("anchors", ())[:1])
        if self.anchor is not None or self.signature != "plain" or not sampler:
            return self.anchor or "recomputed", ""
        if "logp_rollout" in calls.parameters_of(self.function):
            return "recomputed", ""
        return (
            "rollout",
            "its one place for old log-probs was given the sampler's, around which this loss is "
            "drawn",
        )

    def _numbers(self, name: str, vectors: Vectors) -> Numbers:
        """What a KL estimator or an advantage gives."""
        if name in KINDS["kl"]:
            return estimator_of(
                vectors, lambda logp, old: self._called({"logp": logp, "logp_old": old})
            )
        document = vectors.pieces["gae" if name == "gae" else "advantages"]["inputs"]
        inputs = tensors(document)
        if name == "gae":
            advantages, returns = self._called(inputs, gamma=document["gamma"], lam=document["lam"])
            mask = inputs["mask"]
            return {"advantages": advantages.where(mask, 0.0), "returns": returns.where(mask, 0.0)}
        taken = ("rewards", *(("lengths",) if name == "length_weighted" else ()), "group")
        return {"advantages": self._called({key: inputs[key] for key in taken})}

    def _factor(self, name: str, batch: dict[str, Tensor]) -> Tensor:
        """What a correction multiplies each token by."""
        parameters = inspect.signature(self.function).parameters
        bounds = {"cap": 5.0, "floor": 0.5} if name == "icepop" else {"cap": 2.0}
        more = {key: bound for key, bound in bounds.items() if key in parameters} | self.settings
        inputs = {key: batch[key] for key in ("logp_old", "logp_rollout", "mask")}
        needed = [p for p in parameters.values() if p.default is p.empty and p.name not in more]
        if "mask" not in parameters and len(needed) < 3:
            del inputs["mask"]
        return _call(self.function, inputs, more)

    def _called(self, inputs: dict[str, Any], **more: Any) -> Any:
        return _call(self.function, inputs, {**more, **self.settings})


def _call(function: Callable[..., Any], inputs: dict[str, Any], more: dict[str, Any]) -> Any:
    """By the names of its parameters where it has ours, else in their order."""
    if all(name in inspect.signature(function).parameters for name in inputs):
        return function(**inputs, **more)
    return function(*inputs.values(), **more)


def _nearest_piece(findings: list[Finding]) -> Finding:
    """The piece that the function is, or becomes with the fewest changes."""
    explained = [
        f for f in findings if f.status == AGREES or (f.status == DIFFERS and f.deviations)
    ]
    if explained:
        return min(explained, key=lambda f: (f.status != AGREES, len(f.deviations)))
    return next((f for f in findings if f.status == DIFFERS), findings[0])


def _nearest(held: _Function) -> Finding:
    """The loss that the function is, or becomes with the fewest changes."""
    seen = {loss: held.observed(loss) for loss in held.vectors.losses}
    usable = {loss: observed for loss, observed in seen.items() if observed.values}
    if not usable:
        fails = held.judged(*next(iter(seen.items())))
        return Finding(held.title, "any loss", FAILS, notes=fails.notes)
    at_once = {loss: held.searched(loss, observed, 0) for loss, observed in usable.items()}
    nearest = (
        next((loss for loss, result in at_once.items() if result.agrees), None)
        or next((loss for loss, result in at_once.items() if not result.steered), None)
        or _shortest(held, usable)
    )
    if nearest is None:
        note = (
            "no loss of the vectors, and none with two choices changed, gives its numbers; name "
            "the one it should be: --loss"
        )
        return Finding(held.title, "any loss", DIFFERS, notes=(note,))
    return held.judged(nearest, usable[nearest])


def _shortest(held: _Function, usable: Mapping[str, Observed]) -> str | None:
    """The loss that one changed choice, else two, turn into the function: the fewest that change
    what is trained."""
    for deepest in range(1, DEEPEST + 1):
        changes = {}
        for loss, observed in usable.items():
            match = held.searched(loss, observed, deepest).match
            if match is not None and not match.gradient_only:
                changes[loss] = sum(not d.same_gradient for d in match.deviations)
        if changes:
            return min(changes, key=changes.__getitem__)
    return None
