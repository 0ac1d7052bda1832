"""What the files of a model may ask for: settings that would compute for hours are refused before
anything is built from them."""

import json
import re
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LAYERS = 1000
"""The largest published models have some hundred."""
GROWTH = 10_000
"""By how much the rules of a normaliser may lengthen a text, all together."""
SECONDS = 20
"""A chat template takes milliseconds."""


def layers(config: Any) -> str | None:
    """What is wrong with a model's number of layers."""
    count = getattr(config.get_text_config(), "num_hidden_layers", 0)
    return f"num_hidden_layers {count:,}" if isinstance(count, int) and count > LAYERS else None


def parts(folder: Path) -> str | None:
    """The part of a model that an index names and that is no safetensors file."""
    try:
        named = json.loads((folder / "model.safetensors.index.json").read_text(encoding="utf-8"))
        files = dict(named["weight_map"]).values()
    except FileNotFoundError:
        return None
    return next((str(name) for name in files if not str(name).endswith(".safetensors")), None)


def adapters(settings: Mapping[str, Any]) -> str | None:
    """The setting of adapters that could compute without an end: a regular expression that repeats a
    group, or a long iteration before the weights are read."""
    texts = [(name, settings.get(name)) for name in ("target_modules", "exclude_modules")]
    for name in ("rank_pattern", "alpha_pattern"):
        texts += [(name, pattern) for pattern in settings.get(name) or ()]
    for name, text in texts:
        if isinstance(text, str) and (re.search(r"\)[*+{]", text) or len(text) > 1000):
            return f"{name} {text[:60]!r}, a regular expression that repeats a group"
    start = settings.get("init_lora_weights")
    if isinstance(start, str) and re.search(r"\d{3}", start):
        return f"init_lora_weights {start[:60]!r}"
    return None


def growth(file: Path) -> str | None:
    """What is wrong with a tokenizer's normaliser, of which every rule may replace a letter by many."""

    def of(rule: Any) -> float:
        if not isinstance(rule, dict):
            return 1.0
        made = 1.0
        for inner in rule.get("normalizers") or ():
            made *= of(inner)
        if rule.get("type") == "Replace":
            found = rule["pattern"].get("String", "x")
            made *= max(1.0, len(rule["content"]) / max(len(found), 1))
        return made

    rules = json.loads(file.read_text(encoding="utf-8")).get("normalizer")
    times = of(rules)
    return f"a normaliser that lengthens it {times:.0e} times" if times > GROWTH else None


@contextmanager
def limited(seconds: int, what: str) -> Iterator[None]:
    """Inside a `with` block of the main thread, Python code that takes longer is ended.
    Raises TimeoutError: it did."""
    here = threading.current_thread() is threading.main_thread()
    if not here or not hasattr(signal, "setitimer") or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return

    def end(*_: Any) -> None:
        raise TimeoutError(f"{what} takes longer than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
