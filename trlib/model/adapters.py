"""Adapters on a frozen model: new ones, and saved ones on the model that they belong to."""

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch

from trlib import checks
from trlib.checks import POSITIVE, SHARE
from trlib.errors import CheckpointError, unknown
from trlib.model import bounds
from trlib.model.folders import ADAPTERS
from trlib.model.loading import Source, find

LORA_NUMBERS: dict[str, Callable[[str, Any], Any]] = {
    "r": lambda name, value: checks.whole(name, value, least=1),
    "lora_alpha": lambda name, value: checks.number(name, value, **POSITIVE),
    "lora_dropout": lambda name, value: checks.number(name, value, **SHARE),
}
"""Settings of `peft.LoraConfig` that peft computes with before it checks them."""
THEIRS = {
    "rank": "r",
    "lora_r": "r",
    "lora_rank": "r",
    "alpha": "lora_alpha",
    "dropout": "lora_dropout",
    "target": "target_modules",
}
"""What others call peft's settings."""


def new_adapters(model: Any, lora: Mapping[str, Any]) -> Any:
    """A model with adapters that start the same at each call; what learns is float32 or wider.

    If `lora` names no layers, the adapters go on those that peft lists for the model's family, or,
    if it lists none, on every linear layer but the output's. In a mixture of experts those are the
    layers of the attention and of shared experts: routers and routed experts are not linear layers.
    Raises TypeError, ValueError: settings that `peft.LoraConfig` does not have, or that do not suit
    the model."""
    try:
        from peft import LoraConfig
    except ImportError as error:
        raise ImportError("lora: needs peft; `pip install peft` installs it") from error
    if not isinstance(lora, Mapping):
        raise TypeError(
            f"lora: expected settings of peft.LoraConfig such as {{'r': 8}}, got {lora!r}"
        )
    for name in lora:
        if name in THEIRS:
            raise ValueError(f"lora: expected {THEIRS[name]!r}, as peft calls it, got {name!r}")
        if name not in LoraConfig.__dataclass_fields__:
            raise unknown("lora", name, LoraConfig.__dataclass_fields__)
    if lora.get("task_type", "CAUSAL_LM") != "CAUSAL_LM":
        raise ValueError(f"lora: task_type: expected 'CAUSAL_LM', got {lora['task_type']!r}")
    modules = [name for name, _ in model.named_modules()]
    targets = lora.get("target_modules")
    if not isinstance(targets, str | list | tuple | set | None):
        raise TypeError(f"lora: target_modules: expected names of modules, got {targets!r}")
    lora = checks.plain(dict(lora))
    for name, check in LORA_NUMBERS.items():
        if name in lora:
            check(f"lora: {name}", lora[name])
    # peft is content if one exists.
    for target in [] if targets is None or isinstance(targets, str) else targets:
        if not any(f".{name}".endswith(f".{target}") for name in modules):
            linear = {
                name.rpartition(".")[2]
                for name, m in model.named_modules()
                if isinstance(m, torch.nn.Linear)
            }
            raise unknown("lora: target_modules", target, linear)
    if targets is None and not lora.get("target_parameters"):
        try:
            return _adapted(model, lora)
        except ValueError:  # peft asks for the layers' names: it knows only some families'
            lora = {**lora, "target_modules": _linear(model)}
    return _adapted(model, lora)


def _linear(model: Any) -> list[str]:
    """Every linear layer but the output's. peft's "all-linear" puts adapters on the routers and
    routed experts of some mixtures, and draws them in a different order in each process."""
    from transformers.pytorch_utils import Conv1D

    output = model.get_output_embeddings()
    return [
        name
        for name, m in model.named_modules()
        if isinstance(m, torch.nn.Linear | Conv1D) and m is not output
    ]


def _adapted(model: Any, lora: Mapping[str, Any]) -> Any:
    from peft import LoraConfig, get_peft_model

    try:
        # The same start is drawn each time.
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # from transformers, about peft
            torch.manual_seed(0)
            return get_peft_model(model, LoraConfig(**{"task_type": "CAUSAL_LM", **lora}))
    except (TypeError, ValueError, AttributeError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"lora: {error}") from error


def base_of(source: Source) -> Source:
    """The model that a folder of adapters belongs to.
    Raises CheckpointError: the model is not known, or is no longer where it was."""
    name = source.notes().base or _adapters_settings(source).get("base_model_name_or_path")
    wanted = "the model that its adapters belong to"
    if not isinstance(name, str) or not name:
        raise source.refused(
            f"{wanted} to be named in {ADAPTERS}", f"base_model_name_or_path {name!r}"
        )
    try:
        base = find(name)
    except (CheckpointError, ValueError) as error:
        raise source.refused(f"{wanted}, {name!r}", error) from error
    if base.adapters:
        raise source.refused(wanted, f"{name!r}, which holds adapters itself")
    return base


def saved_adapters(model: Any, source: Source) -> Any:
    """A model with a folder's adapters, whose training continues; they are float32 or wider.
    Raises CheckpointError: adapters other than LoRA's, damaged ones, or another model's."""
    try:
        from peft import PeftConfig, PeftModel, get_peft_model_state_dict
    except ImportError as error:
        raise ImportError(
            f"policy {source.name!r}: adapters need peft; `pip install peft` installs it"
        ) from error
    from safetensors import safe_open

    settings = _adapters_settings(source)
    kind, task = settings.get("peft_type"), settings.get("task_type")
    if kind != "LORA" or task not in (None, "CAUSAL_LM"):
        raise source.refused(
            "adapters of peft_type 'LORA' and task_type 'CAUSAL_LM'", f"{kind!r} and {task!r}"
        )
    if settings.get("megatron_config"):  # older versions of peft import the module that it names
        raise source.refused("adapters that import nothing", "a megatron_config")
    if endless := bounds.adapters(settings):
        raise source.refused("settings of adapters that are applied at once", endless)
    file = Path(source.at) / "adapter_model.safetensors"
    if not file.is_file():
        raise source.refused(f"adapters at {str(file)!r}", "no such file")
    try:
        config = PeftConfig.from_pretrained(source.at)
        config.task_type = "CAUSAL_LM"
        # Adapters are drawn before they are read.
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # from transformers, about peft
            warnings.filterwarnings("ignore", "Found missing adapter keys")  # an error below
            adapted = PeftModel.from_pretrained(
                model, source.at, config=config, is_trainable=True, torch_device="cpu"
            )
        with safe_open(file, framework="pt") as tensors:
            there = set(tensors.keys())
        wanted = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    except Exception as error:
        raise source.refused(f"adapters that fit their model at {source.at}", error) from error
    if missing := wanted - there:
        raise source.refused(
            f"the adapters of its model at {str(file)!r}", f"a file without {min(missing)!r}"
        )
    if extra := {name for name in there - wanted if "lora_" in name}:
        raise source.refused(
            f"the adapters of its model at {str(file)!r}", f"a file with {min(extra)!r}"
        )
    return adapted


def _adapters_settings(source: Source) -> dict[str, Any]:
    path = Path(source.at) / ADAPTERS
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise source.refused(
            f"the settings of adapters at {str(path)!r}", f"a damaged file ({error})"
        ) from error
