"""Kernels that need not import: one process imports what every notebook begins with, and each
kernel is a fork of it.

To import torch and transformers takes as much processor time as a short chapter. Jupyter starts
this file as its kernel: it asks that process for a fork, lends it its folder, variables and output,
and ends when the fork does. Where nobody forks it becomes an ordinary kernel: on anything but
Linux, and beside a GPU, whose driver does not outlive a fork.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

WHERE = "TRLIB_KERNELS"
"""The variable that holds the address of the process that forks."""
IMPORTED = (
    "torch",
    "transformers.models.llama.modeling_llama",
    "pandas",
    "scipy.stats",
    "matplotlib.figure",
    "ipykernel.kernelapp",
)
KERNEL_ITSELF = [sys.executable, "-m", "ipykernel_launcher"]
MOST = 1 << 18
"""Bytes of a kernel's variables."""


@contextmanager
def forking(variables: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """`variables` with those by which Jupyter's kernels are forks inside a `with` block."""
    import subprocess
    import tempfile

    if sys.platform != "linux" or WHERE in variables:
        yield dict(variables)
        return
    with tempfile.TemporaryDirectory(prefix="kernels-", ignore_cleanup_errors=True) as folder:
        spec = {
            "argv": [sys.executable, "-IS", __file__, "-f", "{connection_file}"],
            "display_name": "Python 3",
            "language": "python",
            "interrupt_mode": "message",
        }
        path = Path(folder, "kernels", "python3", "kernel.json")
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(spec), encoding="utf-8")
        address = str(Path(folder, "socket"))
        process = subprocess.Popen(
            [sys.executable, "-m", "tools.kernels", "--serve", address],
            cwd=Path(__file__).parents[1],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**variables, "MPLBACKEND": "module://matplotlib_inline.backend_inline"},
        )
        found = os.pathsep.join(filter(None, [folder, variables.get("JUPYTER_PATH")]))
        try:
            yield {**variables, WHERE: address, "JUPYTER_PATH": found}
        finally:
            process.kill()
            process.wait()


def serve(address: str) -> None:
    """Forks kernels until its standard input ends, which its maker holds."""
    import gc
    import select
    import signal
    from importlib import import_module

    del sys.path[0]  # the repository, which is no kernel's
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(address)
        listening.listen(64)
        for name in IMPORTED:
            import_module(name)
        if sys.modules["torch"].cuda.is_available():
            return
        gc.freeze()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        while listening in select.select([listening, sys.stdin], [], [])[0]:
            link, _ = listening.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                listening.close()
                become(link)
                return
            link.close()


def become(link: socket.socket) -> None:
    """Turns a fork into the kernel that the other end of `link` asks for; it ends when that end
    does."""
    import threading

    from ipykernel.kernelapp import launch_new_instance

    message, files, _, _ = socket.recv_fds(link, MOST, 3)
    folder, variables, arguments = json.loads(message)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    link.sendall(b"1")

    def watch() -> None:
        link.recv(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    launch_new_instance(argv=[f"--IPKernelApp.parent_handle={os.getppid()}", *arguments])


def ask(arguments: list[str]) -> None:
    """What Jupyter starts: lives as long as its fork and its parent, or becomes a kernel itself."""
    parent, forked = os.getppid(), False
    if WHERE in os.environ:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
            link.settimeout(1)
            try:
                link.connect(os.environ[WHERE])
                wanted = json.dumps([os.getcwd(), dict(os.environ), arguments]).encode()
                socket.send_fds(link, [wanted], [0, 1, 2])
                while os.getppid() == parent:
                    try:
                        if not link.recv(1):
                            break
                        forked = True
                    except TimeoutError:
                        pass
            except OSError:  # nobody forks there (any more)
                pass
    if not forked and os.getppid() == parent:
        os.execv(sys.executable, [*KERNEL_ITSELF, *arguments])


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(sys.argv[2])
    else:
        ask(sys.argv[1:])
