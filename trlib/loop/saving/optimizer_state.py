"""What an optimiser's next steps depend on, as tensors and JSON values, for a checkpoint."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from trlib.arguments import as_json
from trlib.errors import CheckpointError
from trlib.loop.optimizer_step import OptimizerStep


def tensors(step: OptimizerStep) -> dict[str, Tensor]:
    """Every tensor that the next steps depend on, itself and no copy."""
    exact = {f"exact/{i}": weight for i, (_, weight) in enumerate(step.exact)}
    return exact | {
        f"optimizer/{key}": value for key, value in _state(step) if isinstance(value, Tensor)
    }


def numbers(step: OptimizerStep) -> dict[str, Any]:
    """The rest of what they depend on, as JSON values.
    Raises CheckpointError: the optimiser keeps something that is neither a tensor nor a plain
    value."""
    state = {
        key: _as_json(f"state {key}", value)
        for key, value in _state(step)
        if not isinstance(value, Tensor)
    }
    groups = [
        {
            name: _as_json(name, value)
            for name, value in group.items()
            if name not in ("params", "lr")
        }
        for group in step.optimizer.param_groups
    ]
    return {"updates": step.updates, "state": state, "groups": groups}


def load(step: OptimizerStep, tensors: Mapping[str, Tensor], numbers: Mapping[str, Any]) -> None:
    """Go on from what `tensors` and `numbers` returned."""
    with torch.no_grad():
        for i, (_, weight) in enumerate(step.exact):
            weight.copy_(tensors[f"exact/{i}"])
    state: dict[int, dict[str, Any]] = {}
    saved = {
        key.removeprefix("optimizer/"): t
        for key, t in tensors.items()
        if key.startswith("optimizer/")
    }
    for key, value in {**saved, **numbers["state"]}.items():
        i, name = key.split("/", 1)
        state.setdefault(int(i), {})[name] = value
    fresh = step.optimizer.state_dict()
    groups = [
        {**group, **options}
        for group, options in zip(fresh["param_groups"], numbers["groups"], strict=True)
    ]
    step.optimizer.load_state_dict({"state": state, "param_groups": groups})
    # torch casts a state to its parameter's type; one that had another type gets it back.
    parameters = [p for group in step.optimizer.param_groups for p in group["params"]]
    for i, p in enumerate(parameters):
        loaded = step.optimizer.state.get(p, {})
        for name, value in state.get(i, {}).items():
            if isinstance(value, Tensor) and loaded[name].dtype != value.dtype:
                loaded[name] = value.to(loaded[name].device)
    step.updates = numbers["updates"]


def _state(step: OptimizerStep) -> Iterator[tuple[str, Any]]:
    """What the optimiser keeps for each of its parameters, as NUMBER/NAME and value."""
    for i, kept in step.optimizer.state_dict()["state"].items():
        if not isinstance(i, int) or not isinstance(kept, dict):
            raise CheckpointError(
                "optimizer: expected its state by parameter, because it is saved with the "
                f"run, got state[{i!r}] = {type(kept).__name__}"
            )
        yield from ((f"{i}/{name}", value) for name, value in kept.items())


def _as_json(name: str, value: Any) -> Any:
    try:
        return as_json(value)
    except TypeError as error:
        raise CheckpointError(
            "optimizer: expected tensors and plain values in its state, because they are saved "
            f"with the run, got {name} = {error}"
        ) from None
