"""Load models and tokenizers: embedded ones, from a folder or a file, or from the hub.

Everything is read as float32 and checked first. A damaged model, or one that does not compute as
sampling and scoring assume, is refused here, before it shows as a strange learning curve."""

import os
import re
import socket
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import torch

from trlib.errors import CheckpointError, first_line
from trlib.model import bounds, decoder
from trlib.model.folders import ADAPTERS, Notes, notes, standing
from trlib.model.gguf import PACKAGED, check_readers, forget_quantiser, in_package
from trlib.model.gguf import reading as reading_gguf
from trlib.model.memory import READ, warn_if_short
from trlib.other_names import near

EMBEDDED = Path(__file__).parents[1] / "embedded"
"""Models that ship with the package, one folder each."""
RUN = "run.json"  #: The file that makes a folder one of a run: `Run.save` writes it.
#: Models with fewer parameters stay on the CPU and run on one thread: two are slower.
SMALL = 5_000_000
FLOATS = ("float16", "bfloat16", "float32", "float64")  #: The types that weights can have.


@dataclass(frozen=True)
class Source:
    """Where a policy's name leads."""

    name: str
    at: str  #: A folder, or an id of the hub.
    local: bool = True  #: Whether it is on this machine.
    packed: str | None = None  #: A GGUF file's name in the folder.
    adapters: bool = False  #: Whether the folder holds adapters for another model.

    def lasting(self) -> str:
        """A name that leads there from any working folder."""
        if self.name in embedded() or self.name in PACKAGED or not self.local:
            return self.name
        return str((Path(self.at) / (self.packed or "")).resolve())

    def notes(self) -> Notes:
        """What was recorded when it was saved."""
        return notes(self.at) if self.local and not self.packed else Notes()

    def refused(self, expected: str, got: str | Exception) -> CheckpointError:
        """The error that says what is wrong there, or which error of another library ended the
        reading."""
        came = f": {reason(got)}" if isinstance(got, Exception) else f" {got}"
        return CheckpointError(f"policy {self.name!r}: expected {expected}, got{came}")


def find(name: str) -> Source:
    """Where a name leads.
    Raises ValueError: an unknown name; CheckpointError: a folder without a model, a file that is
    not there; MissingExtra: a model's package is not installed."""
    if name in embedded():
        return Source(name, str(EMBEDDED / name))
    if name in PACKAGED:
        file = in_package(name)
        return Source(name, str(file.parent), packed=file.name)
    if not name:
        raise ValueError(f"policy: expected a name or a path, got {name!r}")
    folder = standing(Path(name).expanduser())
    if folder.is_dir():
        if not _has_model(folder):
            return _of_run(name, folder)
        return Source(name, str(folder), adapters=(folder / ADAPTERS).exists())
    if folder.suffix == ".gguf":
        if not folder.is_file():
            raise CheckpointError(f"policy {name!r}: no such file")
        return Source(name, str(folder.parent), packed=folder.name)
    if re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", name) and not _of_runs(name):
        return Source(name, name, local=False)
    if "/" in name or "\\" in name or name.startswith((".", "~")):
        raise CheckpointError(f"policy {name!r}: no such folder{_beside(folder)}")
    known = sorted([*embedded(), *PACKAGED])
    raise ValueError(
        f"policy: expected one of {', '.join(known)}, a folder or a hub id such as OWNER/NAME, got "
        f"{name!r}{near(name, known)}"
    )


def _has_model(folder: Path) -> bool:
    return any(os.path.exists(folder / name) for name in (ADAPTERS, "config.json"))


def _of_run(name: str, folder: Path) -> Source:
    """The policy that the run in a folder kept: `runs/a` leads to `runs/a/policy`.
    Raises CheckpointError: the folder is no run's, or the run has not ended."""
    if not (folder / RUN).is_file():
        raise CheckpointError(
            f"policy {name!r}: expected a folder with a config.json and model.safetensors, or one "
            f"that a run was kept in, got one without a model{_models_in(folder)}"
        )
    kept = standing(folder / "policy")
    if not _has_model(kept):
        raise CheckpointError(
            f"policy {name!r}: expected the folder of a run that has ended, got one that was "
            "stopped before; resume=True, or --resume, continues it"
        )
    return Source(str(Path(name) / "policy"), str(kept), adapters=(kept / ADAPTERS).exists())


def _models_in(folder: Path) -> str:
    """The folders in a folder that hold a model, or a run."""
    folders = sorted(
        path.name for path in folder.iterdir() if _has_model(path) or os.path.exists(path / RUN)
    )
    return f"; {str(folder)!r} has {', '.join(folders[:5])}" if folders else ""


def _of_runs(name: str) -> bool:
    """Whether a name that could be a hub's id means a folder: `runs`, or one whose first part is a
    folder here."""
    first = name.partition("/")[0]
    return first == "runs" or Path(first).is_dir()


def _beside(folder: Path) -> str:
    """The folders that stand where this one was looked for."""
    there = (
        sorted(path.name for path in folder.parent.iterdir() if path.is_dir())
        if folder.parent.is_dir()
        else []
    )
    return near(folder.name, there) or (
        f"; {str(folder.parent)!r} has {', '.join(there[:5])}" if there else ""
    )


def _offline() -> bool:
    """Whether the hub's address cannot even be looked up: asking it would only be tried again and
    again."""
    from huggingface_hub.constants import ENDPOINT

    if getproxies():
        return False
    try:
        socket.getaddrinfo(urlsplit(ENDPOINT).hostname, None)
    except OSError:
        return True
    return False


def read(source: Source) -> tuple[Any, Any]:
    """The model, in float32 on the CPU, and its tokenizer.
    Raises CheckpointError: the model is damaged or is not a decoder (`trlib.model.decoder`), or the
    tokenizer does not fit it; MissingExtra: what reads a GGUF file is not installed."""
    if sys.flags.optimize > 1:
        raise ImportError(
            "expected python or python -O, got python -OO: transformers reads its docstrings when it "
            "loads a model, and -OO removes them"
        )
    from transformers import AutoConfig, AutoModelForCausalLM

    where: dict[str, Any] = {
        "local_files_only": source.local or _offline(),
        "trust_remote_code": False,
    }
    wanted = "a causal language model in the hub's format (config.json, safetensors, tokenizer)"
    tokens = "a tokenizer in the hub's format (tokenizer.json, tokenizer_config.json)"
    if source.packed:
        check_readers(source.name)
        if source.name in PACKAGED:
            warn_if_short(source.name, READ)
        where["gguf_file"] = source.packed
        wanted = f"a whole GGUF file of a causal language model, {source.packed}"
    try:
        with quiet(source.local), reading_gguf() if source.packed else nullcontext():
            try:
                tokenizer = _tokenizer(source, **where)
            except KeyError as error:
                raise source.refused(f"{tokens} at {source.at}", error) from error
            if not source.packed:
                where["config"] = AutoConfig.from_pretrained(source.at, **where)
                if many := bounds.layers(where["config"]):
                    raise source.refused(f"a model of {bounds.LAYERS:,} layers at most", many)
                if source.local and (part := bounds.parts(Path(source.at))):
                    raise source.refused("parts that are safetensors, which run nothing", part)
                where["use_safetensors"] = True
                where["ignore_mismatched_sizes"] = True  # `_whole` says which it is
            where |= {"dtype": torch.float32, "output_loading_info": True}
            loaded: Any = AutoModelForCausalLM.from_pretrained(source.at, **where)
    except (MemoryError, CheckpointError):  # the file is not to blame, or was named
        raise
    except Exception as error:  # one sentence for the many ways a folder or a file can be broken
        raise source.refused(f"{wanted} at {source.at}", error) from error
    model, report = loaded
    _whole(source, model, report)
    if source.packed:
        forget_quantiser(model)
    _own_memory(model)
    _one_vocabulary(source, model, tokenizer)
    decoder.check(source.name, model, _ordinary(model, tokenizer))
    return model, tokenizer


def _tokenizer(source: Source, **where: Any) -> Any:
    """The tokenizer that is saved there.

    transformers picks a class by the model's family, and that class splits text in its own way,
    whatever the file says: it reads a Qwen2's word-level tokenizer as a byte-level one. Where the
    two differ, the file is right."""
    from transformers import AutoTokenizer, PreTrainedTokenizerFast
    from transformers.utils import cached_file

    file = Path(source.at) / "tokenizer.json"
    if source.local and file.is_file() and (long := bounds.growth(file)):
        raise source.refused(f"a tokenizer that keeps a text's length at {source.at}", long)
    by_family = AutoTokenizer.from_pretrained(source.at, **where)
    if source.packed or type(by_family) is PreTrainedTokenizerFast:
        return by_family
    options = {"local_files_only": source.local, "_raise_exceptions_for_missing_entries": False}
    if not cached_file(source.at, "tokenizer.json", **options):
        return by_family
    by_file = PreTrainedTokenizerFast.from_pretrained(source.at, **where)
    ids = sorted(by_file.get_vocab().values())
    some = ids[:: max(1, len(ids) // 512)]  # a sample of a large vocabulary is enough
    texts = [
        "Is 12 + 345\nless than 6.7?",
        *(by_file.decode(some[i : i + 8]) for i in range(0, len(some), 8)),
    ]
    for text in texts:
        family_ids, file_ids = (
            t(text, add_special_tokens=False)["input_ids"] for t in (by_family, by_file)
        )
        if family_ids != file_ids:
            family = f"a {type(by_family).__name__}, which transformers uses for its family"
            read_as = f"its tokenizer is read as its tokenizer.json says, not as {family}"
            differs = (
                f"that would turn {text!r} into {family_ids}, and the file turns it into {file_ids}"
            )
            warnings.warn(f"policy {source.name!r}: {read_as}: {differs}", stacklevel=2)
            return by_file
    return by_family


def saved_tokenizer(source: Source) -> Any | None:
    """The tokenizer that is saved beside adapters; None if there is none.
    Raises CheckpointError: it is damaged."""
    if not (Path(source.at) / "tokenizer_config.json").is_file():
        return None
    try:
        with quiet(source.local):
            return _tokenizer(source, local_files_only=True, trust_remote_code=False)
    except CheckpointError:
        raise
    except Exception as error:
        raise source.refused(f"a tokenizer at {source.at}", error) from error


def reason(error: Exception) -> str:
    """The first line of another library's error."""
    if "trust_remote_code" in str(error):
        return "one that needs code of its own, and trlib runs none"
    if isinstance(error, KeyError):  # as of a JSON file of another kind
        return f"a file without {error}"
    return first_line(error)


def _whole(source: Source, model: Any, report: Mapping[str, Any]) -> None:
    """Refuse a model if transformers made up weights that the file lacks, or left out layers that
    it has."""
    for key, shape, wanted in sorted(report["mismatched_keys"]):
        got = f"{key!r} of {list(shape)} where {list(wanted)} is wanted"
        raise source.refused(f"tensors of the sizes in its config.json at {source.at}", got)
    if missing := report["missing_keys"]:
        got = f"none for {min(missing)!r} ({len(missing)} are missing)"
        raise source.refused(f"every tensor of a {type(model).__name__} at {source.at}", got)
    lists = {
        name: len(m) for name, m in model.named_modules() if isinstance(m, torch.nn.ModuleList)
    }
    for name in sorted(report["unexpected_keys"]):
        layer = re.match(r"(.+?)\.(\d+)\.", name)
        if layer and any(
            int(layer[2]) >= count
            and (f".{own}".endswith(f".{layer[1]}") or f".{layer[1]}".endswith(f".{own}"))
            for own, count in lists.items()
        ):
            raise source.refused(
                f"the layers of its config.json at {source.at}", f"{name!r} beside them"
            )


def _one_vocabulary(source: Source, model: Any, tokenizer: Any) -> None:
    """Refuse a tokenizer with tokens that the embedding has no row for.

    Special tokens other than the end token (padding, images) may lie beyond it: text does not
    produce them."""
    rows = model.get_input_embeddings().weight.shape[0]
    end, may_lie_beyond = tokenizer.eos_token_id, _special(tokenizer) - {tokenizer.eos_token_id}
    for token, i in sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1]):
        if i >= rows and i not in may_lie_beyond:
            got = f"the {'end token' if i == end else 'token'} {token!r} with id {i}"
            raise source.refused(f"a tokenizer whose tokens are among the embedding's {rows}", got)


def _special(tokenizer: Any) -> set[int]:
    added = {i for i, token in tokenizer.added_tokens_decoder.items() if token.special}
    return added | set(tokenizer.all_special_ids)


def _ordinary(model: Any, tokenizer: Any) -> list[int]:
    """A few tokens without a special meaning, as many as `decoder.check` takes."""
    special, rows = _special(tokenizer), model.get_input_embeddings().weight.shape[0]
    ids = [i for i in range(min(rows, 4096)) if i not in special] or list(range(rows))
    return [ids[i * len(ids) // decoder.LENGTH] for i in range(decoder.LENGTH)]


def embedded() -> list[str]:
    """The names of the models that ship with the package."""
    return sorted(
        p.name for p in EMBEDDED.iterdir() if p.name.isidentifier() and (p / "config.json").exists()
    )


@torch.no_grad()
def cast(model: Any, dtype: torch.dtype) -> None:
    """Set the type of a model's parameters. Buffers keep theirs: coarse rotary frequencies would
    misplace tokens."""
    for p in model.parameters():
        p.data = p.data.to(dtype)


@torch.no_grad()
def _own_memory(model: Any) -> None:
    """Copy the weights, which are views of their memory-mapped file, into memory of their own.

    Otherwise rewriting that file, such as by saving the trained policy over it, would change or
    crash the model."""
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = tensor.data.clone()


@contextmanager
def quiet(local: bool) -> Iterator[None]:
    """Inside a `with` block transformers logs only errors, and shows no progress bar except for
    downloads."""
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.set_verbosity_error()  # the caller says more about weights that do not fit
    if local:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()


def place_for(device: str, parameters: int) -> torch.device:
    """The device for `device` ("auto" or one of torch's) and a model with this many parameters.
    Raises TypeError, ValueError: not a device, or one that torch does not have here."""
    if not isinstance(device, str | torch.device):
        raise TypeError(f"device: expected 'auto' or a device that torch has here, got {device!r}")
    if device != "auto":
        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:  # unknown, or of another build of torch
            here = f"expected 'auto' or a device that torch has here ({_devices()})"
            raise ValueError(f"device: {here}, got {device!r}{_no_gpu(device)}") from error
        return torch.device(device)
    if parameters < SMALL:
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def _devices() -> str:
    """The kinds of device that torch has here."""
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    return ", ".join(["cpu", *(kind for kind, there in available.items() if there)])


def _no_gpu(device: str | torch.device) -> str:
    """What to do about a missing GPU, as the end of an error."""
    if not str(device).startswith("cuda") or torch.cuda.is_available():
        return ""
    if "google.colab" in sys.modules:
        return "; choose a GPU: Runtime, Change runtime type"
    if torch.version.cuda is None:
        return (
            f"; torch {torch.__version__} is a build for the CPU: install one for CUDA, in a clone "
            "of the book by `TRLIB_TORCH=cuda make book`"
        )
    return "; torch is built for CUDA and finds no GPU or driver"


def type_for(dtype: str, device: torch.device) -> torch.dtype:
    """The type of the weights for `dtype` ("auto" or one of FLOATS) on a device.
    Raises ValueError: anything else."""
    if dtype == "auto":
        fast = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if fast else torch.float32
    if not isinstance(dtype, str) or dtype not in FLOATS:
        raise ValueError(
            f"dtype: expected 'auto' or the name of a float type ({', '.join(FLOATS)}), got "
            f"{dtype!r}"
        )
    return getattr(torch, dtype)
