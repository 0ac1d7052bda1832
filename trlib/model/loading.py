"""Models and tokenizers from where they are: embedded, a folder or a file, adapters on another model, or the hub.

Everything is read as float32 and checked before it is used: what is damaged, or computes in another way than sampling
and scoring take it to, is refused here and not noticed in a curve.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from trlib.errors import CheckpointError, unknown
from trlib.model import decoder
from trlib.model.folders import ADAPTERS, Notes, notes, standing
from trlib.model.gguf import PACKAGED, forget_quantiser, in_package
from trlib.model.gguf import reading as reading_gguf

EMBEDDED = Path(__file__).parents[1] / "embedded"
"""Models that ship with the package, a folder each."""
SMALL = 5_000_000
"""Below this many parameters a model stays on the CPU and runs on one thread: two are slower."""
FLOATS = ("float16", "bfloat16", "float32", "float64")
"""What weights can be computed in."""


@dataclass(frozen=True)
class Source:
    """What a policy's name points to."""

    name: str
    at: str
    """A folder, or an id of the hub."""
    local: bool = True
    """It is on this machine."""
    packed: str | None = None
    """A GGUF file's name in the folder."""
    adapters: bool = False
    """The folder holds adapters, to be put on another model."""

    def lasting(self) -> str:
        """A name that points there from any working folder."""
        if self.name in embedded() or self.name in PACKAGED or not self.local:
            return self.name
        return str((Path(self.at) / (self.packed or "")).resolve())

    def notes(self) -> Notes:
        """What was noted when it was saved."""
        return notes(self.at) if self.local and not self.packed else Notes()


def find(name: str) -> Source:
    """What a name points to.

    Raises:
        ValueError: an unknown name.
        CheckpointError: a folder without a model, a file that is not there.
    """
    if name in embedded():
        return Source(name, str(EMBEDDED / name))
    if name in PACKAGED:
        file = in_package(name)
        return Source(name, str(file.parent), packed=file.name)
    if not name:
        raise ValueError(f"policy: expected a name or a path, got {name!r}")
    folder = standing(Path(name).expanduser())
    if folder.is_dir():
        adapters = (folder / ADAPTERS).exists()
        if not adapters and not (folder / "config.json").exists():
            raise CheckpointError(f"policy {name!r}: expected a folder with a config.json and model.safetensors, "
                                  f"got one without a model")
        return Source(name, str(folder), adapters=adapters)
    if folder.suffix == ".gguf":
        if not folder.is_file():
            raise CheckpointError(f"policy {name!r}: no such file")
        return Source(name, str(folder.parent), packed=folder.name)
    if re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", name):
        return Source(name, name, local=False)
    if "/" in name or "\\" in name or name.startswith((".", "~")):
        raise CheckpointError(f"policy {name!r}: no such folder")
    raise unknown("policy", name, [*embedded(), *PACKAGED])


def read(source: Source) -> tuple[Any, Any]:
    """The model, in float32 on the CPU, and its tokenizer.

    Raises:
        CheckpointError: a damaged model, none that `trlib.model.decoder` finds to be a decoder, or another tokenizer's.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    where: dict[str, Any] = {"local_files_only": source.local, "trust_remote_code": False}
    if source.packed:
        where["gguf_file"] = source.packed
    wanted = (f"a whole GGUF file of a causal language model, {source.packed}" if source.packed else
              "a causal language model in the hub's format (config.json, safetensors, tokenizer)")
    try:
        with quiet(source.local), reading_gguf() if source.packed else nullcontext():
            tokenizer = _tokenizer(source, **where)
            if not source.packed:
                where |= {"config": AutoConfig.from_pretrained(source.at, **where), "use_safetensors": True}
                where["ignore_mismatched_sizes"] = True  # `_whole` says which it is
            loaded: Any = AutoModelForCausalLM.from_pretrained(source.at, dtype=torch.float32,
                                                               output_loading_info=True, **where)
    except Exception as error:  # one sentence for the many ways a folder or a file can be broken
        raise CheckpointError(f"policy {source.name!r}: expected {wanted} at {source.at}, got: "
                              f"{_reason(error)}") from error
    model, report = loaded
    _whole(source, model, report)
    if source.packed:
        forget_quantiser(model)
    _own_memory(model)
    _one_vocabulary(source.name, model, tokenizer)
    decoder.check(source.name, model, _ordinary(model, tokenizer))
    return model, tokenizer


def _tokenizer(source: Source, **where: Any) -> Any:
    """The tokenizer that is saved there.

    transformers picks its class by the model's family, and that class brings its own way of splitting a text: words of
    a Qwen2 become bytes, whatever the file says. Where it tokenises in another way than the file, the file is right.
    """
    from transformers import AutoTokenizer, PreTrainedTokenizerFast
    from transformers.utils import cached_file

    found = AutoTokenizer.from_pretrained(source.at, **where)
    if source.packed or type(found) is PreTrainedTokenizerFast or not cached_file(
            source.at, "tokenizer.json", local_files_only=source.local, _raise_exceptions_for_missing_entries=False):
        return found
    plain = PreTrainedTokenizerFast.from_pretrained(source.at, **where)
    ids = sorted(plain.get_vocab().values())
    some = ids[::max(1, len(ids) // 512)]  # as many texts as tell, of a large vocabulary
    texts = ["Is 12 + 345\nless than 6.7?", *(plain.decode(some[i:i + 8]) for i in range(0, len(some), 8))]
    for text in texts:
        other, own = (t(text, add_special_tokens=False)["input_ids"] for t in (found, plain))
        if other != own:
            warnings.warn(f"policy {source.name!r}: its tokenizer is read as its tokenizer.json says, not as a "
                          f"{type(found).__name__}, which transformers takes for its family: that would make {other} "
                          f"of {text!r}, and the file makes {own}", stacklevel=2)
            return plain
    return found


def saved_tokenizer(source: Source) -> Any | None:
    """The tokenizer beside adapters, where there is one.

    Raises:
        CheckpointError: it is damaged.
    """
    if not (Path(source.at) / "tokenizer_config.json").is_file():
        return None
    try:
        with quiet(source.local):
            return _tokenizer(source, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise CheckpointError(f"policy {source.name!r}: expected a tokenizer at {source.at}, got: "
                              f"{_reason(error)}") from error


def base_of(source: Source) -> Source:
    """The model that a folder of adapters belongs on.

    Raises:
        CheckpointError: it is not known, or not where it was.
    """
    name = source.notes().base or _adapters_settings(source).get("base_model_name_or_path")
    wanted = f"policy {source.name!r}: expected the model that its adapters belong on"
    if not isinstance(name, str) or not name:
        raise CheckpointError(f"{wanted} to be noted in {ADAPTERS}, got base_model_name_or_path {name!r}")
    try:
        base = find(name)
    except (CheckpointError, ValueError) as error:
        raise CheckpointError(f"{wanted}, {name!r}, got: {error}") from error
    if base.adapters:
        raise CheckpointError(f"{wanted}, got {name!r}, which holds adapters itself")
    return base


def saved_adapters(model: Any, source: Source) -> Any:
    """A model with the adapters of a folder, to be trained on; they are float32 at least.

    Raises:
        CheckpointError: other adapters than LoRA's, damaged ones, or another model's.
    """
    try:
        from peft import PeftConfig, PeftModel, get_peft_model_state_dict
    except ImportError as error:
        raise ImportError(f"policy {source.name!r}: adapters need peft; `pip install peft` brings it") from error
    from safetensors import safe_open

    settings = _adapters_settings(source)
    kind, task = settings.get("peft_type"), settings.get("task_type")
    if kind != "LORA" or task not in (None, "CAUSAL_LM"):
        raise CheckpointError(f"policy {source.name!r}: expected adapters of peft_type 'LORA' and task_type "
                              f"'CAUSAL_LM', got {kind!r} and {task!r}")
    file = Path(source.at) / "adapter_model.safetensors"
    if not file.is_file():
        raise CheckpointError(f"policy {source.name!r}: expected adapters at {str(file)!r}, got no such file")
    try:
        config = PeftConfig.from_pretrained(source.at)
        config.task_type = "CAUSAL_LM"
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():  # adapters are drawn before they are read
            warnings.simplefilter("ignore", FutureWarning)  # of transformers to peft
            warnings.filterwarnings("ignore", "Found missing adapter keys")  # an error below
            adapted = PeftModel.from_pretrained(model, source.at, config=config, is_trainable=True, torch_device="cpu")
        with safe_open(file, framework="pt") as tensors:
            there = set(tensors.keys())
        wanted = set(get_peft_model_state_dict(adapted, save_embedding_layers=False))
    except Exception as error:
        raise CheckpointError(f"policy {source.name!r}: expected adapters that fit their model at {source.at}, got: "
                              f"{_reason(error)}") from error
    for said, names in (("without", wanted - there), ("with", {name for name in there - wanted if "lora_" in name})):
        if names:
            raise CheckpointError(f"policy {source.name!r}: expected the adapters of its model at {str(file)!r}, got "
                                  f"a file {said} {min(names)!r}")
    return adapted


def _adapters_settings(source: Source) -> dict[str, Any]:
    path = Path(source.at) / ADAPTERS
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"policy {source.name!r}: expected the settings of adapters at {str(path)!r}, got a "
                              f"damaged file ({error})") from error


def _reason(error: Exception) -> str:
    text = str(error).strip()
    if "trust_remote_code" in text:
        return "one that needs code of its own, and trlib runs none"
    return text.splitlines()[0] if text else type(error).__name__


def _whole(source: Source, model: Any, report: Mapping[str, Any]) -> None:
    """Complain of weights that were made up because the file has none or others, and of layers left out."""
    for key, found, wanted in sorted(report["mismatched_keys"]):
        raise CheckpointError(f"policy {source.name!r}: expected tensors of the sizes in its config.json at "
                              f"{source.at}, got {key!r} of {list(found)} where {list(wanted)} is wanted")
    missing = report["missing_keys"]
    if missing:
        raise CheckpointError(f"policy {source.name!r}: expected every tensor of a {type(model).__name__} at "
                              f"{source.at}, got none for {min(missing)!r} ({len(missing)} are missing)")
    lists = {name: len(m) for name, m in model.named_modules() if isinstance(m, torch.nn.ModuleList)}
    for name in sorted(report["unexpected_keys"]):
        layer = re.match(r"(.+?)\.(\d+)\.", name)
        if layer and any(int(layer[2]) >= count and (f".{own}".endswith(f".{layer[1]}")
                                                     or f".{layer[1]}".endswith(f".{own}"))
                         for own, count in lists.items()):
            raise CheckpointError(f"policy {source.name!r}: expected the layers of its config.json at {source.at}, "
                                  f"got {name!r} beside them")


def _one_vocabulary(name: str, model: Any, tokenizer: Any) -> None:
    """Complain of tokens that a text can hold and the model has no row for. One that only fills up, or that another
    model's pictures stand behind, may be missing."""
    rows = model.get_input_embeddings().weight.shape[0]
    special = _special(tokenizer)
    over = {i: token for token, i in tokenizer.get_vocab().items() if i >= rows}
    end = tokenizer.eos_token_id
    for i in sorted(over):
        if i == end or i not in special:
            which = "end token" if i == end else "token"
            raise CheckpointError(f"policy {name!r}: expected a tokenizer whose tokens are among the embedding's "
                                  f"{rows}, got the {which} {over[i]!r} with id {i}")


def _special(tokenizer: Any) -> set[int]:
    added = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    return added | set(tokenizer.all_special_ids)


def _ordinary(model: Any, tokenizer: Any) -> list[int]:
    """A few tokens without a special meaning, as many as the check of a decoder takes."""
    special, rows = _special(tokenizer), model.get_input_embeddings().weight.shape[0]
    ids = [i for i in range(min(rows, 4096)) if i not in special] or list(range(rows))
    return [ids[i * len(ids) // decoder.LENGTH] for i in range(decoder.LENGTH)]


def embedded() -> list[str]:
    """The names of the models that ship with the package; a folder that is being written is none yet."""
    if not EMBEDDED.exists():
        return []
    return sorted(p.name for p in EMBEDDED.iterdir() if p.name.isidentifier() and (p / "config.json").exists())


@torch.no_grad()
def cast(model: Any, dtype: torch.dtype) -> None:
    """Set the type of a model's parameters. Its buffers stay: rotary frequencies of 8 bits would misplace tokens."""
    for p in model.parameters():
        p.data = p.data.to(dtype)


@torch.no_grad()
def _own_memory(model: Any) -> None:
    """Weights come as a view of their file, and whoever writes that file again writes into the model, trained or not:
    the system drops a truncated file's pages, private copies included. So they are copied into memory of their own."""
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.clone()


@contextmanager
def quiet(local: bool) -> Iterator[None]:
    """Errors of transformers alone, and no progress bars for what is on this machine; a download keeps its own."""
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.set_verbosity_error()  # of weights that do not fit, the caller says more
    if local:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()


def new_adapters(model: Any, lora: Mapping[str, Any]) -> Any:
    """A model with adapters that start alike at each call; what learns is float32 at least.

    Where `lora` does not say on which layers, they are those that peft has for the model's family; where it has none,
    every linear layer but the output's: of a mixture of experts those of the attention and of shared experts, for
    routers and the experts that are chosen are no linear layers.

    Raises:
        TypeError, ValueError: settings that `peft.LoraConfig` does not have, or that do not suit the model.
    """
    try:
        from peft import LoraConfig
    except ImportError as error:
        raise ImportError("lora: needs peft; `pip install peft` brings it") from error
    if not isinstance(lora, Mapping):
        raise TypeError(f"lora: expected settings of peft.LoraConfig such as {{'r': 8}}, got {lora!r}")
    for name in lora:
        if name not in LoraConfig.__dataclass_fields__:
            raise unknown("lora", name, LoraConfig.__dataclass_fields__)
    if lora.get("task_type", "CAUSAL_LM") != "CAUSAL_LM":
        raise ValueError(f"lora: task_type: expected 'CAUSAL_LM', got {lora['task_type']!r}")
    modules = [name for name, _ in model.named_modules()]
    targets = lora.get("target_modules")
    for target in [] if targets is None or isinstance(targets, str) else targets:  # peft is content if one is there
        if not any(f".{name}".endswith(f".{target}") for name in modules):
            linear = {name.rpartition(".")[2] for name, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
            raise unknown("lora: target_modules", target, linear)
    if targets is None and not lora.get("target_parameters"):
        try:
            return _adapted(model, lora)
        except ValueError:  # peft's, that the layers are to be named: it knows them of some families only
            lora = {**lora, "target_modules": _linear(model)}
    return _adapted(model, lora)


def _linear(model: Any) -> list[str]:
    """Every linear layer but the output's. peft's "all-linear" puts adapters on the routers and chosen experts of some
    mixtures, drawn in another order in each process."""
    from transformers.pytorch_utils import Conv1D

    output = model.get_output_embeddings()
    return [name for name, m in model.named_modules() if isinstance(m, torch.nn.Linear | Conv1D) and m is not output]


def _adapted(model: Any, lora: Mapping[str, Any]) -> Any:
    from peft import LoraConfig, get_peft_model

    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():  # the start is drawn alike each time
            warnings.simplefilter("ignore", FutureWarning)  # of transformers to peft
            torch.manual_seed(0)
            return get_peft_model(model, LoraConfig(**{"task_type": "CAUSAL_LM", **lora}))
    except (TypeError, ValueError) as error:
        raise ValueError(f"lora: {error}") from error


def place_for(device: str, parameters: int) -> torch.device:
    """The device that is asked for, for a model of so many parameters.

    Raises:
        ValueError: torch does not have it here.
    """
    if device != "auto":
        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:  # unknown, or of another build of torch
            raise ValueError(f"device: expected 'auto' or a device that torch has here, got {device!r}") from error
        return torch.device(device)
    if parameters < SMALL:
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def type_for(dtype: str, device: torch.device) -> torch.dtype:
    """The type of the weights that is asked for, on a device.

    Raises:
        ValueError: none that weights can be computed in.
    """
    if dtype == "auto":
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if fast else torch.float32
    if dtype not in FLOATS:
        raise ValueError(f"dtype: expected 'auto' or the name of a float type ({', '.join(FLOATS)}), got {dtype!r}")
    return getattr(torch, dtype)
