"""Kernels forked from one process that has already imported what every chapter imports.

Importing torch, transformers and matplotlib takes six seconds of processor time, more than most chapters need in the
`smoke` profile. A `Nursery` does it once, in a process of its own, and every kernel is a fork of that process. It holds
libraries only: what a chapter takes from the three packages is imported in its own kernel.

Three processes take part: the nursery forks a keeper for every kernel, and the keeper forks the kernel, tells the
builder its number and its exit status, and ends it when the builder is gone.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from typing import IO, Any, cast

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning import LocalProvisioner

from tools.paths import ROOT

PRELOADED = (
    "ipykernel.kernelapp",
    "matplotlib_inline.backend_inline",
    "matplotlib.backends.backend_svg",
    "torch",
    "transformers.models.llama.modeling_llama",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
    "pandas",
    "scipy.optimize",
    "scipy.stats",
    "anywidget",
)
FEW = 2
"""This many notebooks have run in kernels of their own before a nursery has imported everything."""


def pays(notebooks: int, profile: str) -> bool:
    """Whether to fork this many kernels: not where a fork would lose the GPU, and only where libraries survive a
    fork."""
    return sys.platform == "linux" and profile != "gpu" and notebooks > FEW


class Nursery:
    """The process that kernels are forked from, until `close`."""

    def __init__(self) -> None:
        self._requests, theirs = socket.socketpair()
        self._lock = threading.Lock()
        self._kernels: list[Kernel] = []
        self._closed = False
        # What libraries read when they are imported; a kernel's own environment is set when it is forked.
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tools.kernels", *PRELOADED],
                cwd=ROOT,
                stdin=theirs.fileno(),
                env=environment,
                start_new_session=True,
            )

    def fork(self, arguments: Sequence[str], environment: dict[str, str], folder: str, output: IO[str]) -> Kernel:
        """A new kernel with these arguments; its standard output and error go to `output`.

        Raises:
            OSError: the nursery has died, or was closed.
        """
        ours, theirs = socket.socketpair()
        request = json.dumps([arguments, environment, folder]).encode()
        with theirs, self._lock:
            socket.send_fds(self._requests, [len(request).to_bytes(4)], [theirs.fileno(), output.fileno()])
            self._requests.sendall(request)
        kernel = Kernel(ours)
        with self._lock:
            self._kernels.append(kernel)
            if self._closed:
                kernel.end()
                raise OSError("the process that kernels are forked from was closed")
        return kernel

    def close(self) -> None:
        """Ends the nursery and the kernels that still run, one that is being forked right now included."""
        with self._lock:
            self._closed = True
            self._requests.close()
            self._process.terminate()  # it may still be importing, and nobody needs that any more
            for kernel in self._kernels:
                kernel.end()
        self._process.wait()


class Kernel:
    """A forked kernel, with the part of `subprocess.Popen` that jupyter_client uses."""

    stdin = stdout = stderr = None

    def __init__(self, keeper: socket.socket) -> None:
        # Without a buffer, in which `poll` could not see a line.
        self._keeper = keeper.makefile("rb", buffering=0)
        keeper.close()
        line = self._keeper.readline()  # comes when all is imported
        if not line:
            raise OSError("the process that kernels are forked from has died")
        self.pid = int(line)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._keeper], [], [], 0)[0]:
            return self.wait()
        return self.returncode

    def wait(self) -> int:
        if self.returncode is None:
            self.returncode = int(self._keeper.readline() or -signal.SIGKILL)
            self._keeper.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def end(self) -> None:
        """Kills the kernel with whatever it has started, if it still runs."""
        if self.returncode is None:
            with suppress(OSError):
                os.killpg(self.pid, signal.SIGKILL)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Provisioner(LocalProvisioner):
    """Forks a kernel where `LocalProvisioner` starts a program."""

    nursery: Nursery

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        arguments = cmd[cmd.index("-f") :]  # after `python -m ipykernel_launcher`
        kernel = self.nursery.fork(arguments, kwargs["env"], str(kwargs["cwd"]), kwargs["stderr"])
        self.process, self.pid, self.pgid = cast(Any, kernel), kernel.pid, kernel.pid
        self.cwd = kwargs["cwd"]
        return self.connection_info


def manager(nursery: Nursery) -> type[AsyncKernelManager]:
    """The class of kernel managers, for `NotebookClient`, whose kernels are forked in `nursery`."""

    class Manager(AsyncKernelManager):
        async def _async_pre_start_kernel(self, **kwargs: Any) -> tuple[list[str], dict[str, Any]]:
            if self.provisioner is None:
                provisioner = Provisioner(kernel_id=self.kernel_id, kernel_spec=self.kernel_spec, parent=self)
                provisioner.nursery = nursery
                self.provisioner = provisioner
            return await super()._async_pre_start_kernel(**kwargs)

    return Manager


def _serve(requests: socket.socket, preloaded: Sequence[str]) -> None:
    """Forks a keeper for every request, until the builder closes its end."""
    for name in preloaded:
        with suppress(ImportError):  # a chapter that needs it says so itself
            import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for a keeper
    while True:
        head, descriptors, _, _ = socket.recv_fds(requests, 4, 2)
        if not head:
            return
        length, request = int.from_bytes(head), b""
        while len(request) < length:
            request += requests.recv(length - len(request))
        builder, output = descriptors
        if not os.fork():
            requests.close()
            _keep(socket.socket(fileno=builder), output, *json.loads(request))
            return
        os.close(builder)
        os.close(output)


def _keep(builder: socket.socket, output: int, arguments: list[str], environment: dict[str, str], folder: str) -> None:
    """Forks the kernel and waits for its end, or for the builder's. Returns in the kernel only, when that is over."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    keeper = os.getpid()
    number = os.fork()
    if not number:
        builder.close()
        with suppress(OSError):  # the keeper was first
            os.setpgid(0, 0)
        for descriptor, target in ((os.open(os.devnull, os.O_RDONLY), 0), (output, 1), (output, 2)):
            os.dup2(descriptor, target)
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(environment, JPY_PARENT_PID=str(keeper))  # a kernel ends when that process does
        import_module("ipykernel.kernelapp").launch_new_instance(arguments)
        return
    with suppress(OSError):  # the kernel was first
        os.setpgid(number, number)
    builder.sendall(f"{number}\n".encode())
    ended = os.pidfd_open(number)
    if ended not in select.select([builder.fileno(), ended], [], [])[0]:  # nothing is sent this way: it was closed
        os.killpg(number, signal.SIGKILL)
    _, status = os.waitpid(number, 0)
    with suppress(OSError):
        builder.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


if __name__ == "__main__":
    sys.path.pop(0)  # the repository's root: a chapter finds the packages where they are installed
    _serve(socket.socket(fileno=os.dup(0)), sys.argv[1:])
