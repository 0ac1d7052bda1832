"""Models and tokenizers from where they are: embedded, a folder or a file, or the hub.

Everything is read as float32 and checked before it is used: what is damaged, or computes in another way than sampling
and scoring take it to, is refused here and not noticed in a curve.
"""

from __future__ import annotations

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
            raise CheckpointError(
                f"policy {name!r}: expected a folder with a config.json and model.safetensors, got one without a model"
            )
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
    wanted = (
        f"a whole GGUF file of a causal language model, {source.packed}"
        if source.packed
        else "a causal language model in the hub's format (config.json, safetensors, tokenizer)"
    )
    try:
        with quiet(source.local), reading_gguf() if source.packed else nullcontext():
            tokenizer = _tokenizer(source, **where)
            if not source.packed:
                where |= {"config": AutoConfig.from_pretrained(source.at, **where), "use_safetensors": True}
                where["ignore_mismatched_sizes"] = True  # `_whole` says which it is
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                source.at, dtype=torch.float32, output_loading_info=True, **where
            )
    except Exception as error:  # one sentence for the many ways a folder or a file can be broken
        raise CheckpointError(
            f"policy {source.name!r}: expected {wanted} at {source.at}, got: {reason(error)}"
        ) from error
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
    if (
        source.packed
        or type(found) is PreTrainedTokenizerFast
        or not cached_file(
            source.at, "tokenizer.json", local_files_only=source.local, _raise_exceptions_for_missing_entries=False
        )
    ):
        return found
    plain = PreTrainedTokenizerFast.from_pretrained(source.at, **where)
    ids = sorted(plain.get_vocab().values())
    some = ids[:: max(1, len(ids) // 512)]  # as many texts as tell, of a large vocabulary
    texts = ["Is 12 + 345\nless than 6.7?", *(plain.decode(some[i : i + 8]) for i in range(0, len(some), 8))]
    for text in texts:
        other, own = (t(text, add_special_tokens=False)["input_ids"] for t in (found, plain))
        if other != own:
            warnings.warn(
                f"policy {source.name!r}: its tokenizer is read as its tokenizer.json says, not as a "
                f"{type(found).__name__}, which transformers takes for its family: that would make {other} "
                f"of {text!r}, and the file makes {own}",
                stacklevel=2,
            )
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
        raise CheckpointError(
            f"policy {source.name!r}: expected a tokenizer at {source.at}, got: {reason(error)}"
        ) from error


def reason(error: Exception) -> str:
    """What an error of another library says, in a line."""
    text = str(error).strip()
    if "trust_remote_code" in text:
        return "one that needs code of its own, and trlib runs none"
    return text.splitlines()[0] if text else type(error).__name__


def _whole(source: Source, model: Any, report: Mapping[str, Any]) -> None:
    """Complain of weights that were made up because the file has none or others, and of layers left out."""
    for key, found, wanted in sorted(report["mismatched_keys"]):
        raise CheckpointError(
            f"policy {source.name!r}: expected tensors of the sizes in its config.json at "
            f"{source.at}, got {key!r} of {list(found)} where {list(wanted)} is wanted"
        )
    missing = report["missing_keys"]
    if missing:
        raise CheckpointError(
            f"policy {source.name!r}: expected every tensor of a {type(model).__name__} at "
            f"{source.at}, got none for {min(missing)!r} ({len(missing)} are missing)"
        )
    lists = {name: len(m) for name, m in model.named_modules() if isinstance(m, torch.nn.ModuleList)}
    for name in sorted(report["unexpected_keys"]):
        layer = re.match(r"(.+?)\.(\d+)\.", name)
        if layer and any(
            int(layer[2]) >= count and (f".{own}".endswith(f".{layer[1]}") or f".{layer[1]}".endswith(f".{own}"))
            for own, count in lists.items()
        ):
            raise CheckpointError(
                f"policy {source.name!r}: expected the layers of its config.json at {source.at}, "
                f"got {name!r} beside them"
            )


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
            raise CheckpointError(
                f"policy {name!r}: expected a tokenizer whose tokens are among the embedding's "
                f"{rows}, got the {which} {over[i]!r} with id {i}"
            )


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


def place_for(device: str, parameters: int) -> torch.device:
    """The device that is asked for, for a model of so many parameters.

    Raises:
        TypeError, ValueError: no device, or one that torch does not have here.
    """
    if not isinstance(device, str | torch.device):
        raise TypeError(f"device: expected 'auto' or a device that torch has here, got {device!r}")
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
    if not isinstance(dtype, str) or dtype not in FLOATS:
        raise ValueError(f"dtype: expected 'auto' or the name of a float type ({', '.join(FLOATS)}), got {dtype!r}")
    return getattr(torch, dtype)
