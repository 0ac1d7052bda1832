"""The engine of the playground: the embedded policy learns inside a page.

`c/` computes the model forwards and backwards, AdamW, and draws tokens; it is compiled to
WebAssembly with SIMD by `python -m book.build.pack.engine`, and what comes out stands in `built/` with a
record of its sources and its compiler. `js/` is its face and the loop. Here is what Python does for
it: checkpoints in the engine's order of parameters.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from trlib.model.policy import Policy

HERE = Path(__file__).parent
C, JS, BUILT = HERE / "c", HERE / "js", HERE / "built"
BUILDS = {"engine": (), "checked": ("-DCHECKED",)}
"""The builds and their extra compiler flags. In `checked.wasm` every index is compared with its
array's length."""
FLAGS = (
    "--target=wasm32",
    "-O2",
    "-msimd128",
    "-mbulk-memory",
    "-nostdlib",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wl,--no-entry",
    "-Wl,-z,stack-size=65536",
    "-Wl,--strip-all",
)
"""-Os halves the speed; -ffast-math would change the order of sums, and so single runs."""

SHAPE = {
    "hidden_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 16,
    "intermediate_size": 192,
    "rms_norm_eps": 1e-6,
    "hidden_act": "silu",
    "tie_word_embeddings": True,
}
"""What `c/shape.h` computes; a checkpoint of another shape is refused."""


@dataclass(frozen=True)
class Card:
    """What a page has to know of a checkpoint besides its weights."""

    name: str
    words: list[str]
    """Every token of the vocabulary; the place is the id."""
    sha256: str
    """Of the packed weights."""

    def json(self) -> dict[str, Any]:
        """The same for the page."""
        return asdict(self)


def order(layers: int) -> list[str]:
    """The names of a Llama's parameters in the order of `c/shape.h`."""
    names = ["model.embed_tokens.weight"]
    for i in range(layers):
        names += [
            f"model.layers.{i}.{part}.weight"
            for part in (
                "input_layernorm",
                "self_attn.q_proj",
                "self_attn.k_proj",
                "self_attn.v_proj",
                "self_attn.o_proj",
                "post_attention_layernorm",
                "mlp.gate_proj",
                "mlp.up_proj",
                "mlp.down_proj",
            )
        ]
    return [*names, "model.norm.weight"]


def flat(tensors: dict[str, Any], layers: int = 2) -> np.ndarray:
    """One vector, float32, of tensors by their names in the model, in the engine's order."""
    return np.concatenate(
        [tensors[name].detach().cpu().float().numpy().ravel() for name in order(layers)]
    )


def packed(policy: Policy) -> tuple[Card, bytes]:
    """A policy's weights as the page gets them, in half precision and little-endian, and their
    card.

    Raises:
        ValueError: a model of another shape than the engine's.
    """
    config = policy.model.config
    for name, value in SHAPE.items():
        if getattr(config, name, None) != value:
            raise ValueError(
                f"policy: expected {name} = {value}, got {getattr(config, name, None)} of "
                f"{policy.name!r}"
            )
    data = flat(dict(policy.model.named_parameters())).astype("<f2").tobytes()
    words = policy.tokenizer.convert_ids_to_tokens(range(policy.vocabulary))
    return Card(policy.name, words, hashlib.sha256(data).hexdigest()), data


def record() -> dict[str, Any]:
    """What `built/record.json` says of the built files: hash of the sources, compiler, hash of
    each."""
    return json.loads((BUILT / "record.json").read_text(encoding="utf-8"))


def sources_hash() -> str:
    """What the C sources and the flags are now."""
    digest = hashlib.sha256(
        "\n".join([*FLAGS, *(flag for flags in BUILDS.values() for flag in flags)]).encode()
    )
    for path in sources():
        digest.update(f"{path.name}\n{path.read_text(encoding='utf-8')}\n".encode())
    return digest.hexdigest()


def sources() -> list[Path]:
    """Every C source and header, by name.

    Raises:
        FileNotFoundError: they come with the repository, not with the package.
    """
    files = sorted(path for path in C.glob("*") if path.suffix in (".c", ".h"))
    if not files:
        raise FileNotFoundError(
            f"{C}: the C sources come with the repository, not with the package"
        )
    return files
