"""What the tests of losses and methods share: tokens, batches, gradients, short runs on `dial`."""

from __future__ import annotations

import builtins
import re
import warnings
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import trlib
from trlib import errors
from trlib.algorithms import Batch, Provided
from trlib.model.completions import Completions

D = torch.float64


def tensor(values: Any) -> Tensor:
    return torch.tensor(values, dtype=D)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=D)


def close(found: Tensor, expected: Any, tolerance: float | None = None) -> None:
    """Alike to a relative and an absolute tolerance; a single number stands for all of them."""
    found = found.detach()
    if not isinstance(expected, Tensor):
        expected = torch.tensor(expected, dtype=found.dtype)
        expected = expected if expected.dim() else expected.expand(found.shape)
    if tolerance is None:
        tolerance = 1e-9 if found.dtype == D else 1e-5
    torch.testing.assert_close(found, expected.detach(), rtol=tolerance, atol=tolerance)


def refused(message: str, call: Any, *arguments: Any, **named: Any) -> None:
    """A call is refused by a ValueError whose words begin with the message, or by the error that the
    message begins with, as in `TypeError: mask: `."""
    kind, words = re.match(r"(?:(\w+Error|MissingExtra): )?(.*)", message, re.S).groups()
    error = getattr(builtins, kind or "ValueError", None) or getattr(errors, str(kind))
    with pytest.raises(error, match=f"^{words}"):
        call(*arguments, **named)


def named(call: Any, given: dict[str, Any], /, types: Any = None, **values: Any) -> None:
    """Each bad value of an argument is refused in the house's form, `name: expected ..., got ...`,
    where what came is the value, or its type or shape: by a ValueError, those in `types` by a
    TypeError."""
    for error, wrong in ((ValueError, values), (TypeError, types or {})):
        for name, several in wrong.items():
            for value in several:
                with pytest.raises(error, match=rf"\b{name}\b.*expected .*got ") as caught:
                    call(**{**given, name: value})
                forms = [str(value), repr(value), type(value).__name__]
                if isinstance(value, float):
                    forms.append(f"{value:g}")
                if isinstance(value, list | tuple):
                    forms += map(str, value)
                if isinstance(value, Tensor):
                    numbers = (f"{x:g}" for x in value.flatten().tolist())
                    forms += [str(value.dtype), str([*value.shape]), *numbers]
                came = str(caught.value).rpartition("got ")[2]
                assert any(one in came for one in forms), caught.value


def at(
    ratio: float | list[float], advantage: float | list[float], old: float = -5.0
) -> dict[str, Tensor]:
    """One completion whose tokens have these ratios and advantages."""
    r = tensor(ratio).reshape(1, -1)
    before = torch.full_like(r, old)
    return {
        "logp": before + r.log(),
        "logp_old": before,
        "advantages": tensor(advantage).reshape(1, -1).expand_as(r),
        "mask": r > 0,
    }


def tokens(seed: int = 0, dtype: torch.dtype = D, b: int = 6, t: int = 5) -> dict[str, Tensor]:
    """Every argument that a token loss may take: ratios from far below to far above 1, both signs
    of A and a 0, a completion without a token, holes in the mask."""
    draw = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=draw, dtype=D)

    logp = -0.05 - 1.5 * normal(b, t).abs()
    near = [(logp + 0.4 * normal(b, t)).clamp(max=-0.01) for _ in range(3)]
    mask = torch.rand(b, t, generator=draw) < 0.75
    mask[0], mask[1] = True, False
    advantages = normal(b, t)
    advantages[2] = advantages[2, 0]
    advantages[3, 1] = 0.0
    floats = {
        "logp": logp,
        "logp_old": near[0],
        "logp_rollout": near[0],
        "logp_anchor": near[1],
        "measured": 0.1 * normal(b, t).abs(),
        "advantages": advantages,
        "rewards": normal(b).round(),
    }
    given = {name: value.to(dtype) for name, value in floats.items()}
    return given | {"mask": mask, "group": torch.arange(b) // 2}


def data(seed: int = 0) -> dict[str, Tensor]:
    """Of `tokens` what nearly every loss takes."""
    return {k: tokens(seed)[k] for k in ("logp", "logp_old", "advantages", "mask")}


def distributions(b: int = 4, t: int = 5, v: int = 8, *, apart: float = 1.0, seed: int = 0):
    """log π and log q [B, T, V], their logits `apart` standard normals apart, and the other
    arguments of a loss of distributions."""
    draw = torch.Generator().manual_seed(seed)
    logits, step = (torch.randn(b, t, v, generator=draw, dtype=D) for _ in range(2))
    mask = torch.rand(b, t, generator=draw) > 0.25
    mask[0, 0] = True
    rest = {
        "tokens": torch.randint(v, (b, t), generator=draw),
        "advantages": torch.randn(b, t, generator=draw, dtype=D),
        "mask": mask,
    }
    return (2 * logits + apart * step).log_softmax(-1), (2 * logits).log_softmax(-1), rest


def sampled(full: Tensor, ids: Tensor) -> Tensor:
    """[B, T] of [B, T, V]: what belongs to the sampled tokens."""
    return full.gather(-1, ids.unsqueeze(-1)).squeeze(-1)


def spread(logp: Tensor, others: Tensor, ids: Tensor) -> Tensor:
    """[B, T, V]: the sampled tokens have these log-probs [B, T], the others keep their
    proportions."""
    index = ids.unsqueeze(-1)
    rest = others.detach().scatter(-1, index, -torch.inf).log_softmax(-1)
    rest = rest + torch.log1p(-logp.exp()).unsqueeze(-1)
    return rest.scatter(-1, index, logp.unsqueeze(-1))


def slope(loss: Tensor, *x: Tensor) -> Any:
    """The gradient of a loss's sum, in one tensor or in each of several."""
    found = torch.autograd.grad(loss.sum(), x, retain_graph=True)
    return found if len(x) > 1 else found[0]


def batch(mask: Tensor | None = None, **known: Any) -> Batch:
    """Completions of one prompt, as the loop hands them over: zeros but for what is known."""
    mask = torch.ones(2, 3, dtype=torch.bool) if mask is None else mask
    zero = torch.zeros(mask.shape, dtype=D)
    provided = {f.name: known.pop(f.name) for f in fields(Provided) if f.name in known}
    plain = {
        "tokens": zero.long(),
        "forced": torch.zeros_like(mask),
        "rewards": zero[:, 0],
        "group": zero[:, 0].long(),
        "ended": torch.ones(len(mask), dtype=torch.bool),
        "horizon": mask.shape[1],
        "logp_rollout": zero,
        "provided": Provided(**provided),
    }
    return Batch(mask=mask, **plain | known)


def written(tokens: Tensor, mask: Tensor, group: Tensor, **more: Any) -> Completions:
    """Completions that say these tokens, of prompts that say nothing."""
    nothing = torch.zeros(int(group.max()) + 1, 1)
    plain = {
        "prompt_ids": nothing.long(),
        "prompt_mask": nothing.bool(),
        "forced": torch.zeros_like(mask),
        "ended": torch.ones(len(mask), dtype=torch.bool),
        "logp": torch.zeros(mask.shape),
        "full_rows": torch.zeros(0, dtype=torch.long),
        "full": torch.zeros(0, mask.shape[1], 1),
    }
    return Completions(tokens=tokens, mask=mask, group=group, **plain | more)


SMALL: dict[str, Any] = {"prompts": 4, "group": 4, "probe": 2, "progress": False, "lr": 1e-3}


def trained(method: Any, *, policy: Any = "dial", task: Any = None, **settings: Any) -> Any:
    """A short run on `dial`; `moves` is the task's."""
    moves = {k: settings.pop(k) for k in ("moves",) if k in settings}
    policy = trlib.load_policy(policy) if isinstance(policy, str) else policy
    task = trlib.load_task("dial", **moves) if task is None else task
    return trlib.train(policy, task, method, **{**SMALL, "steps": 2, **settings})


def same(one: Any, other: Any) -> bool:
    """Whether two policies have the same parameters, bit for bit."""
    return all(map(torch.equal, one.parameters, other.parameters))


def resumed(make: Any, out: Path, *, steps: int = 2, **settings: Any) -> Any:
    """A run that was interrupted half way and taken up again, found to be the run in one piece."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = trained(make(), steps=steps, **settings)
        trained(make(), steps=steps // 2, out=out, **settings)
        again = trained(make(), steps=steps, out=out, resume=True, **settings)
    clock = ["seconds", "tokens_per_s"]
    assert again.history.drop(columns=clock).equals(whole.history.drop(columns=clock))
    assert same(whole.policy, again.policy)
    return whole
