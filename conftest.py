"""Shared by all tests, the annex's too: one thread, nothing from the hub, a fresh embedded policy and
small folders in its format. Torch is imported where it is used: the process that hands out the tests
runs none."""

from __future__ import annotations

import os
import signal
import sys
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import pytest
from hypothesis import settings

import trlib
from book.build.browser import HOW
from tests.browser import chromium, press_until, serving, until  # noqa: F401  (fixtures)

if TYPE_CHECKING:
    from trlib.model.policy import Policy

# jsonschema, which reads notebooks, imports a parser of international addresses that takes a second to
# build and that no notebook needs. nbmake is loaded from here, because it would import it earlier.
sys.modules.setdefault("rfc3987_syntax", None)
pytest_plugins = ["nbmake.pytest_plugin"]

# The same examples in every run, so that a rare draw never ends `make test`; `make nightly` draws others.
settings.load_profile("ci")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("the book")
    group.addoption(
        "--book",
        choices=("some", "all"),
        default="some",
        help="what is opened in a browser: a page of each kind, or the whole book",
    )
    group.addoption(
        "--chromium",
        choices=("needed", "optional"),
        default="needed",
        help="without a Chromium, what needs one fails, or is left out (`make test`)",
    )


def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means here: a worker more than there are cores, because one that waits for a
    browser or another process leaves its core to the others."""
    mine = getattr(os, "sched_getaffinity", None)
    return 1 + (len(mine(0)) if mine else os.cpu_count() or 1)


def pytest_report_header(config: pytest.Config) -> list[str]:
    return [f"book: {config.getoption('book')}"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Says what was left out for want of a browser, and how to get one."""
    left_out = [
        report for report in terminalreporter.getreports("skipped") if HOW in str(report.longrepr)
    ]
    if left_out:
        terminalreporter.write_line(f"left out: {len(left_out)} tests in a browser; {HOW}")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]):
    yield
    # What takes longest begins first, and on every worker: xdist gives each a stretch of the list, of
    # equal number, and whoever is done takes over from the end of another's. The first begins with
    # what needs the built book, and builds it; the others with the chapters.
    others = max(1, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) - 1)
    kinds: dict[str, list[pytest.Item]] = {"book": [], "chapter": [], "short": []}
    for item in items:
        kind = "short"
        if "book" in getattr(item, "fixturenames", ()):
            kind = "book"
        elif hasattr(item, "nbmake"):
            kind = "chapter"
        kinds[kind].append(item)
    heads = [kinds["chapter"][k::others] for k in range(others)]
    heads = [kinds["book"], *heads]
    short, share = iter(kinds["short"]), len(items) // (others + 1)
    dealt = [[*head, *islice(short, max(0, share - len(head)))] for head in heads]
    items[:] = [*chain(*dealt), *short]


@pytest.fixture(autouse=True, scope="session")
def _ctrl_c() -> None:
    """Ctrl-C is heard, as in a terminal: a shell starts background jobs with it ignored, and
    children inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture
def policy() -> Policy:
    """The embedded policy of `dial`, as it ships."""
    return trlib.load_policy("dial")


@pytest.fixture
def task():
    return trlib.load_task("dial")


def _small_model(kind: str = "llama", **settings):
    """A randomly initialised causal language model over the embedded vocabulary."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    from trlib.model.loading import EMBEDDED

    vocabulary = len(AutoTokenizer.from_pretrained(EMBEDDED / "dial"))
    common = {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "intermediate_size": 48,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
    }
    if kind == "gpt2":
        common = {
            "vocab_size": vocabulary,
            "n_embd": 32,
            "n_layer": 2,
            "n_head": 4,
            "n_positions": 64,
            "resid_pdrop": 0.3,
        }
    else:
        common["num_key_value_heads"] = 2
    torch.manual_seed(0)
    config = AutoConfig.for_model(kind, **{**common, **settings})
    model = AutoModelForCausalLM.from_config(config)
    for p in (
        model.parameters()
    ):  # larger weights than at initialisation, so that distributions are far from uniform
        torch.nn.init.normal_(p, std=0.4)
    return model


@pytest.fixture
def small_model():
    """A maker of randomly initialised models: `small_model("qwen2")`."""
    return _small_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small random model saved as the hub would hold it."""
    from transformers import AutoTokenizer

    from trlib.model.loading import EMBEDDED

    path = tmp_path / "model"
    _small_model().save_pretrained(path)
    AutoTokenizer.from_pretrained(EMBEDDED / "dial").save_pretrained(path)
    return path


def _alone(policy: Policy, completions, tolerance: float, temperature: float = 1.0) -> None:
    """Assert that the sampler's and the learner's log-probs are those of a forward pass over each
    row by itself: its own prompt and tokens, without padding, cache or packing."""
    import torch

    c, scored = completions, policy.score(completions, temperature=temperature).logp.detach()
    for row, group in enumerate(c.group.tolist()):
        prompt, present = c.prompt_ids[group][c.prompt_mask[group]], c.present[row]
        tokens = c.tokens[row][present]
        with torch.no_grad():
            logits = policy.model(input_ids=torch.cat([prompt, tokens])[None]).logits[0].float()
        expected = (
            torch.log_softmax(logits / temperature, -1)[len(prompt) - 1 : -1]
            .gather(-1, tokens[:, None])
            .squeeze(-1)
        )
        torch.testing.assert_close(c.logp[row][present], expected, atol=tolerance, rtol=0)
        torch.testing.assert_close(scored[row][present], expected, atol=tolerance, rtol=0)


@pytest.fixture
def alone():
    """`alone(policy, completions, tolerance, temperature=1.0)` asserts that sampling and scoring give what each row
    by itself gives."""
    return _alone
