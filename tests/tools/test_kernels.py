"""Kernels that are forks: they are kernels like any other, end with whoever asked for them, and are
ordinary ones where nobody forks."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from tools.kernels import WHERE, forking

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forks on Linux only")


@pytest.fixture(scope="module")
def variables() -> Iterator[dict[str, str]]:
    with forking({name: value for name, value in os.environ.items() if name != WHERE}) as found:
        yield found


@pytest.fixture
def kernel(variables: dict[str, str], tmp_path: Path) -> Iterator[Any]:
    """Runs code in a fork and returns what it prints; `kernel.manager` is Jupyter's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", variables["JUPYTER_PATH"])
        manager, client = start_new_kernel(env=variables, cwd=str(tmp_path))

    def run(code: str) -> str:
        printed: list[str] = []

        def note(message: dict[str, Any]) -> None:
            printed.append(message["content"].get("text", ""))

        client.execute_interactive(code, output_hook=note, timeout=60)
        return "".join(printed)

    run.manager = manager  # type: ignore[attr-defined]
    yield run
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a_fork_has_imported_and_is_otherwise_a_kernel_of_its_own(
    kernel: Any, tmp_path: Path
) -> None:
    assert kernel(
        "import sys, os, subprocess; print('torch' in sys.modules, 'trlib' in sys.modules)"
    ) == ("True False\n")
    assert kernel("print(os.getcwd(), '' in sys.path)") == f"{tmp_path} True\n"
    assert kernel("print(subprocess.run(['false']).returncode)") == "1\n"
    assert kernel("print(sys.modules['matplotlib'].get_backend())").endswith("inline\n")
    kernel.manager.interrupt_kernel()
    assert kernel("print(2)") == "2\n"


def test_a_fork_ends_with_whoever_asked_for_it(kernel: Any) -> None:
    number = int(kernel("import os; print(os.getpid())"))
    kernel.manager.provisioner.process.kill()
    with suppress(ProcessLookupError):
        for _ in range(200):
            os.kill(number, 0)
            time.sleep(0.05)
        pytest.fail("it is still there")


def test_where_nobody_forks_a_kernel_is_an_ordinary_one(
    variables: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_PATH", variables["JUPYTER_PATH"])
    gone = {**variables, WHERE: str(tmp_path / "nobody")}
    manager, client = start_new_kernel(env=gone)
    printed: list[str] = []
    client.execute_interactive(
        "import sys; print('torch' in sys.modules)",
        output_hook=lambda message: printed.append(message["content"].get("text", "")),
        timeout=60,
    )
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    assert "".join(printed) == "False\n"
