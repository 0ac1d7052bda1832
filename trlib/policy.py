"""A causal language model that can be scored, copied and saved: embedded, from a folder or a file, or from the hub.

Sampling is `trlib.rollout`. The model always runs in evaluation mode: a dropout mask that differs between the pass
that sampled and the pass that learns would be a ratio that nobody chose.
"""

from __future__ import annotations

import copy
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from trlib import checks
from trlib.algorithms.method import Scores
from trlib.attention import counted, reading, span
from trlib.checkpoints import UNFINISHED
from trlib.completions import Completions
from trlib.errors import CheckpointError, unknown
from trlib.gguf import PACKAGED, forget_quantiser, in_package
from trlib.gguf import reading as reading_gguf
from trlib.packing import Layout, plain, shared

EMBEDDED = Path(__file__).parent / "embedded"
"""Models that ship with the package, a folder each."""
SMALL = 5_000_000
"""Below this many parameters a model stays on the CPU and runs on one thread: two are slower."""


@dataclass(eq=False)
class Policy:
    """A language model with its tokenizer."""

    name: str
    """What was loaded: an embedded name, a folder, a hub id."""
    model: Any
    """A transformers causal language model (or a peft model around one)."""
    tokenizer: Any
    share: bool = True
    """Compute each distinct prefix once, in sampling and in scoring (`trlib.packing`)."""

    chat: bool = False
    """A prompt is what a user says in the tokenizer's chat template; else it is text to be continued."""
    trees: bool | None = None
    """Scoring can share prefixes with this model's attention; None: not tried yet (`layout` does)."""

    def __post_init__(self) -> None:
        self.model.eval()
        if self.chat and not self.tokenizer.chat_template:
            raise ValueError(f"chat: policy {self.name!r} has a tokenizer without a chat template")
        if self.tokenizer.eos_token_id is None:
            raise CheckpointError(f"policy {self.name!r}: its tokenizer has no end token, and a completion needs one")

    @cached_property
    def end_ids(self) -> tuple[int, ...]:
        """The tokens that end a completion: the tokenizer's, and those that the model's own settings for generation
        name (a chat model ends its turn with one, a document with another)."""
        named = getattr(getattr(self.model, "generation_config", None), "eos_token_id", None)
        more = [] if named is None else [named] if isinstance(named, int) else list(named)
        return tuple(dict.fromkeys([self.tokenizer.eos_token_id, *more]))

    @cached_property
    def end_id(self) -> int:
        """The token that ends a demonstration: the one with which the chat template ends an answer, where it is one of
        `end_ids`; else the tokenizer's."""
        if self.chat and len(self.end_ids) > 1:
            said = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "!"}]
            whole = self.tokenizer.apply_chat_template(said, tokenize=False)
            asked = self.tokenizer.apply_chat_template(said[:1], tokenize=False, add_generation_prompt=True)
            ends = [i for i in self.encode([whole[len(asked):]])[0] if i in self.end_ids]
            if ends and whole.startswith(asked):
                return ends[0]
        return self.tokenizer.eos_token_id

    @property
    def pad_id(self) -> int:
        """The token that fills a row up; never scored, so the end token serves where there is none."""
        pad = self.tokenizer.pad_token_id
        return self.end_id if pad is None else pad

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(p.numel() for p in self.model.parameters())

    @property
    def context(self) -> int:
        """The most tokens of prompt and completion together."""
        return self.model.config.get_text_config().max_position_embeddings

    @property
    def vocabulary(self) -> int:
        """The width of the model's output."""
        return self.model.config.get_text_config().vocab_size

    @property
    def trainable(self) -> dict[str, Tensor]:
        """The parameters that learn, by name: all of them, or the adapters'."""
        return {name: p for name, p in self.model.named_parameters() if p.requires_grad}

    @property
    def parameters(self) -> list[Tensor]:
        """The parameters that learn."""
        return list(self.trainable.values())

    def identity(self) -> dict[str, Any]:
        """What a run cannot change and cannot go on without: the types of the weights, whether prompts are chat, the
        adapters' settings, and a hash of some values of every weight that does not learn; as JSON holds it."""
        digest, frozen = hashlib.blake2b(digest_size=6), [p for p in self.model.parameters() if not p.requires_grad]
        for p in frozen:
            some = p.detach().flatten()[::max(1, p.numel() // 256)]
            digest.update(some.to("cpu", torch.float32).numpy().tobytes())
        scaling = ("r", "lora_alpha", "use_rslora")
        adapters = {name: {key: getattr(a, key, None) for key in scaling}
                    for name, a in getattr(self.model, "peft_config", {}).items()}
        return {"types": sorted({str(p.dtype)[6:] for p in self.model.parameters()}), "chat": self.chat,
                "adapters": adapters, "frozen": digest.hexdigest() if frozen else ""}

    def state(self) -> dict[str, Tensor]:
        """A copy of the parameters that learn."""
        return {name: p.detach().clone() for name, p in self.trainable.items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Set the parameters that learn, in place.

        Raises:
            ValueError: other names or shapes than this policy's.
        """
        own = self.trainable
        if set(own) != set(state):
            odd = sorted(set(own) ^ set(state))[0]
            raise ValueError(f"state: expected the {len(own)} tensors of policy {self.name!r}, "
                             f"got {len(state)} (they differ in {odd!r})")
        with torch.no_grad():
            for name, p in own.items():
                if p.shape != state[name].shape:
                    raise ValueError(f"state: {name!r}: expected {list(p.shape)}, got {list(state[name].shape)}")
                p.copy_(state[name])

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, as part of a completion: no special tokens before or after."""
        return self.tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False)["input_ids"]

    def encode_prompts(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each prompt, ready to be continued: in the chat template, or with what the tokenizer begins."""
        if not self.chat:
            return self.tokenizer(list(texts), return_attention_mask=False)["input_ids"]
        said = [self.tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False,
                                                   add_generation_prompt=True) for text in texts]
        return self.encode(said)

    def copy(self) -> Policy:
        """A policy with weights of its own that do not learn: a sampler or a reference."""
        model = copy.deepcopy(self.model)
        model.requires_grad_(False)
        return Policy(self.name, model, self.tokenizer, self.share, self.chat, self.trees)

    def score(self, completions: Completions, *, temperature: float = 1.0, full: bool = False,
              weights: Mapping[str, Tensor] | None = None, layout: Layout | None = None,
              at_once: int | None = None) -> Scores:
        """Log-probs of the completions' tokens, with gradient where the parameters have one.

        log pi(y_t | x, y_<t) at `temperature`, [B, T] float32 or wider; with `full` the whole distribution,
        [B, T, V], as well. `weights` stand in for the parameters they name, and `layout` is what `self.layout` gave for
        these completions, where it is used again. Values where no token is are those of the padding: finite and
        meaningless.

        With `at_once` so many completions are scored at a time, and once more each when the gradient is taken: memory
        is that of these few (but for the distributions that `full` asks for), time a third more.
        """
        checks.number("temperature", temperature, above=0)
        if at_once is None or at_once >= len(completions) or weights is not None:
            return self._score(completions, layout or self.layout(completions), temperature, full, weights)
        parts = [self._recomputed(completions.rows(rows), temperature, full)
                 for rows in torch.arange(len(completions), device=completions.tokens.device).split(at_once)]
        logp, distributions = zip(*parts, strict=True)
        return Scores(torch.cat(logp), torch.cat(distributions) if full else None)

    def _recomputed(self, completions: Completions, temperature: float, full: bool) -> tuple[Tensor, Tensor | None]:
        """`_score`, of which nothing but the result is kept until the gradient is taken."""
        layout = self.layout(completions)

        def scored() -> tuple[Tensor, Tensor | None]:
            found = self._score(completions, layout, temperature, full)
            return found.logp, found.full

        if not torch.is_grad_enabled():
            return scored()
        return checkpoint(scored, use_reentrant=False, preserve_rng_state=False)

    def layout(self, completions: Completions) -> Layout:
        """The completions as rows for a forward pass: each prefix once where the model can, else plain."""
        longest = completions.prompt_ids.shape[1] + completions.tokens.shape[1]
        if not self.share or longest > span(self.model):
            return plain(completions)
        if self.trees is None:
            if int(completions.present.sum(1).max()) < 3:  # too short to tell
                return plain(completions)
            self.trees = self._reads_trees(completions)
        return shared(completions) if self.trees else plain(completions)

    def _score(self, completions: Completions, layout: Layout, temperature: float, full: bool,
               weights: Mapping[str, Tensor] | None = None) -> Scores:
        inputs = {**layout.inputs(), "logits_to_keep": layout.kept}
        with reading(self.model, layout):
            out = self.model(**inputs) if weights is None else functional_call(self.model, dict(weights), (), inputs)
        logits = out.logits.flatten(0, 1)
        logits = logits.to(checks.wide(logits))
        distribution = torch.log_softmax(logits if temperature == 1.0 else logits / temperature, -1)
        logp = distribution[layout.index, completions.tokens]
        if not full:
            return Scores(logp)
        picked = distribution.index_select(0, layout.index.flatten())  # [index] has a slow gradient
        return Scores(logp, picked.view(*layout.index.shape, -1))

    @torch.no_grad()
    def _reads_trees(self, completions: Completions) -> bool:
        """Whether prefixes that are read once give what plain rows give: every layer of the model must ask for the
        attention that knows them, and on the first two prompts' completions the log-probs must agree.

        A layer that mixes tokens in another way (a convolution, a recurrence) mixes neighbours of the tree's row.
        """
        config = self.model.config.get_text_config()
        if getattr(config, "_attn_implementation", None) != "sdpa":
            return False
        some = completions.rows((completions.group <= completions.group[0] + 1).nonzero().squeeze(-1))
        expected = self._score(some, plain(some), 1.0, False).logp[some.present]
        try:
            with counted() as layers:
                found = self._score(some, shared(some), 1.0, False).logp[some.present]
        except torch.OutOfMemoryError:
            raise
        except Exception:  # whatever a model makes of an attention that it does not expect
            return False
        coarse = next(self.model.parameters()).dtype in (torch.bfloat16, torch.float16)
        close = bool((found - expected).abs().max() < (0.2 if coarse else 1e-3))
        return close and len(layers) == config.num_hidden_layers

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the model and its tokenizer in the hub's format, tensors as safetensors, all or nothing.

        An existing folder of the same name is replaced once the new one is complete.
        """
        target = Path(folder)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            scratch = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=UNFINISHED, dir=target.parent))
        except OSError as error:
            raise CheckpointError(f"folder: cannot write {str(target)!r}: {error.strerror or error}") from error
        try:
            with _quiet(True):
                self.model.save_pretrained(scratch)
                self.tokenizer.save_pretrained(scratch)
            scratch.chmod(0o755)
            if target.exists():
                shutil.rmtree(target)
            os.replace(scratch, target)
        except Exception as error:  # safetensors reports a full disk as its own exception type
            raise CheckpointError(f"folder: cannot write {str(target)!r}: {error}") from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return target

    @contextmanager
    def threads(self) -> Iterator[None]:
        """One thread for a small model on a CPU inside a `with` block, as before afterwards."""
        before = torch.get_num_threads()
        if self.size < SMALL and self.device.type == "cpu":
            torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    @contextmanager
    def sharing(self, on: bool) -> Iterator[None]:
        """Inside a `with` block that is not `on`, every row is computed by itself (`share`)."""
        before = self.share
        self.share = before and on
        try:
            yield
        finally:
            self.share = before

    def __repr__(self) -> str:
        kind = type(self.model).__name__
        return f"Policy({self.name!r}: {kind}, {self.size:,} parameters, {self.vocabulary:,} tokens, on {self.device})"


def load_policy(name: str | os.PathLike[str], *, device: str = "auto", dtype: str = "auto",
                lora: Mapping[str, Any] | None = None, chat: bool | None = None) -> Policy:
    """Load a policy: by an embedded name, from a local folder in the hub's format or a GGUF file, or a hub id.

    Only a hub id downloads anything, and only safetensors and GGUF are read: nothing is unpickled, no remote code runs.

    Args:
        name: "dial", "smollm2" (optional: `make smollm2`; weights of 4 bits, rounded once and computed with in float),
            "path/to/folder", "path/to/model.gguf" or "owner/name".
        device: "auto": the CPU under 5 M parameters, else a GPU where there is one; or a torch device.
        dtype: of the weights; "auto": bfloat16 on a GPU that has it, else float32; or a torch type's name. What learns
            is kept in float32 beside coarser weights, and adapters are float32 at least.
        lora: settings of `peft.LoraConfig`, to train adapters on a frozen model, which start alike at each loading;
            None: train everything.
        chat: put prompts into the tokenizer's chat template; None: where it has one.

    Raises:
        ValueError: an unknown name.
        CheckpointError: a folder without a model, or with a damaged one.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    source, local, packed_file = _source(str(name))
    where: dict[str, Any] = {"local_files_only": local}
    if packed_file:
        where["gguf_file"] = packed_file
    try:
        with _quiet(local), reading_gguf() if packed_file else nullcontext():
            tokenizer = AutoTokenizer.from_pretrained(source, **where)
            if not packed_file:
                where |= {"config": AutoConfig.from_pretrained(source, **where), "use_safetensors": True}
            model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32, **where)
    except Exception as error:  # one sentence for the many ways a folder or a file can be broken
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        wanted = (f"a whole GGUF file of a causal language model, {packed_file}" if packed_file else
                  "a causal language model in the hub's format (config.json, safetensors, tokenizer)")
        raise CheckpointError(f"policy {str(name)!r}: expected {wanted} at {source}, got: {reason}") from error
    if packed_file:
        forget_quantiser(model)
    _own_memory(model)
    place = _device(device, sum(p.numel() for p in model.parameters()))
    cast(model, _dtype(dtype, place))
    if lora is not None:
        model = _with_adapters(model, lora)  # peft keeps what learns in float32 where the weights are coarser
    placed: Any = model
    placed = placed.to(place)
    return Policy(str(name), placed, tokenizer, chat=bool(tokenizer.chat_template) if chat is None else chat)


def embedded() -> list[str]:
    """The names of the models that ship with the package; a folder that is being written is none yet."""
    if not EMBEDDED.exists():
        return []
    return sorted(p.name for p in EMBEDDED.iterdir() if p.name.isidentifier() and (p / "config.json").exists())


def _source(name: str) -> tuple[str, bool, str | None]:
    """The folder or hub id a name points to, whether that is on this machine, and a GGUF file's name in it."""
    if name in embedded():
        return str(EMBEDDED / name), True, None
    if name in PACKAGED:
        file = in_package(name)
        return str(file.parent), True, file.name
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").exists() and not (folder / "adapter_config.json").exists():
            raise CheckpointError(f"policy {name!r}: expected a folder with a config.json and model.safetensors, "
                                  f"got one without a model")
        return str(folder), True, None
    if folder.suffix == ".gguf":
        if not folder.is_file():
            raise CheckpointError(f"policy {name!r}: no such file")
        return str(folder.parent), True, folder.name
    if re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", name):
        return name, False, None
    if "/" in name or "\\" in name or name.startswith((".", "~")):
        raise CheckpointError(f"policy {name!r}: no such folder")
    raise unknown("policy", name, [*embedded(), *PACKAGED])


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
def _quiet(local: bool) -> Iterator[None]:
    """No progress bars of transformers for what is on this machine; a download keeps its own."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    if local:
        logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _with_adapters(model: Any, lora: Mapping[str, Any]) -> Any:
    try:
        from peft import LoraConfig, get_peft_model
    except ImportError as error:
        raise ImportError("lora: needs peft; `pip install peft` brings it") from error
    if not isinstance(lora, Mapping):
        raise TypeError(f"lora: expected settings of peft.LoraConfig such as {{'r': 8}}, got {lora!r}")
    for name in lora:
        if name not in LoraConfig.__dataclass_fields__:
            raise unknown("lora", name, LoraConfig.__dataclass_fields__)
    modules = [name for name, _ in model.named_modules()]
    targets = lora.get("target_modules")
    for target in [] if targets is None or isinstance(targets, str) else targets:  # peft is content if one is there
        if not any(f".{name}".endswith(f".{target}") for name in modules):
            linear = {name.rpartition(".")[2] for name, m in model.named_modules() if isinstance(m, torch.nn.Linear)}
            raise unknown("lora: target_modules", target, linear)
    settings = {"task_type": "CAUSAL_LM", **lora}
    try:
        with torch.random.fork_rng(devices=[]):  # the adapters' start is drawn alike each time
            torch.manual_seed(0)
            return get_peft_model(model, LoraConfig(**settings))
    except (TypeError, ValueError) as error:
        raise ValueError(f"lora: {error}") from error


def _device(device: str, parameters: int) -> torch.device:
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


def _dtype(dtype: str, device: torch.device) -> torch.dtype:
    if dtype == "auto":
        return torch.bfloat16 if device.type == "cuda" and torch.cuda.is_bf16_supported() else torch.float32
    found = getattr(torch, dtype, None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ValueError(f"dtype: expected 'auto' or the name of a float type such as 'float32', got {dtype!r}")
    return found
