"""A headless Chromium for the tests and the screenshots: found, or installed where that is
allowed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from filelock import FileLock

from book.build.paths import BUILD

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
UNUSED = (
    *("WebUIOmniboxPopup", "WebUIOmniboxAimPopup", "WebUIOmniboxFullPopup"),
    *("AimEnabled", "AvoidCorsURLLoaderRestartOnRedirect", "AvoidUnnecessaryBeforeUnloadCheckSync"),
    *("DestroyProfileOnBrowserClose", "HttpsFirstBalancedModeAutoEnable", "HttpsUpgrades"),
    *("LensOverlay", "MediaRouter", "NetworkTimeServiceQuerying", "OptimizationHints"),
    *("PaintHolding", "PreconnectToSearch", "ThirdPartyStoragePartitioning"),
)
"""Chromium's features that are switched off. The first three are pages of the address bar: every new
window would load them, at more processor time than a page of ours. The others are those that
Playwright 1.65 switches off, because this list takes the place of its own."""
FLAGS = (
    f"--disable-features={','.join(UNUSED)}",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
)
PACKAGES = ("chromium", "fonts-dejavu-core", "libatomic1")
"""Debian's names; playwright's own program needs the last, which a slim image lacks."""
NO_APT = "TRLIB_APT"
"""0 in this variable of the environment: nothing is installed."""
HOW = (
    f"no Chromium found: install it (Debian, Ubuntu: `apt-get install {' '.join(PACKAGES)}`; "
    "elsewhere: `.venv/bin/playwright install chromium`), or name one in TRLIB_CHROMIUM"
)

ANNOUNCED = (
    "no Chromium found, which tests of pages and link previews of drawings need. You are root, so "
    f"apt-get installs {', '.join(PACKAGES)}; {NO_APT}=0 prevents that"
)


class NoChromium(RuntimeError):
    """There is no Chromium and none could be installed; the message says how to get one."""


def chromium() -> str:
    """The path of a Chromium: the one named in TRLIB_CHROMIUM, the system's, playwright's own, or a
    fresh install.

    Raises:
        NoChromium: none of these.
    """
    named = os.environ.get("TRLIB_CHROMIUM")
    if named:
        if not Path(named).exists():
            raise NoChromium(f"TRLIB_CHROMIUM: expected the path of a Chromium, got {named!r}")
        return named
    path = _installed()
    if path is None and _may_install():
        BUILD.mkdir(exist_ok=True)
        with FileLock(BUILD / "browser.lock"):  # several test workers come here at once
            path = _installed() or _install()
    if path is None:
        raise NoChromium(HOW)
    return path


def announced() -> str:
    """What will be installed on this machine once a browser is needed, and how to prevent it; empty:
    nothing."""
    if find_spec("playwright") and not os.environ.get("TRLIB_CHROMIUM") and _may_install():
        return "" if _installed() else ANNOUNCED
    return ""


def _may_install() -> bool:
    """Whether this process may install packages of the system, and nobody has forbidden it."""
    return bool(os.environ.get(NO_APT) != "0" and shutil.which("apt-get") and os.geteuid() == 0)


def _install() -> str | None:
    print(f"browser: {ANNOUNCED}", file=sys.stderr, flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["update"],
        ["install", "-y", "--no-install-recommends", *PACKAGES],
    ):
        # Another apt may be at work, on a machine that has just started: wait for it.
        command = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=300", *command]
        done = subprocess.run(
            command, env=environment, check=False, capture_output=True, text=True, errors="replace"
        )
        if done.returncode:
            message = (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2]
            print(f"browser: {' '.join(command)} failed: {message}", file=sys.stderr, flush=True)
    return _installed()


def _installed() -> str | None:
    for name in NAMES:
        path = shutil.which(name)
        if path:
            return path
    for path in APPLICATIONS:
        if Path(path).exists():
            return path
    with suppress(NoChromium), _playwright() as playwright:
        bundled: str = playwright.chromium.executable_path
        if Path(bundled).exists():
            return bundled
    return None


@contextmanager
def _playwright() -> Iterator[Any]:
    """Playwright, with its own program running.

    Raises:
        NoChromium: that program does not start here.
    """
    import playwright
    from playwright.sync_api import sync_playwright

    # A missing library would be printed into a reader's terminal, as if it were an error.
    node = Path(str(playwright.__file__)).parent / "driver" / "node"
    if node.exists():
        done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
        if done.returncode:
            message = done.stderr.strip().rpartition("\n")[2]
            raise NoChromium(f"playwright's own program does not start ({message}): {HOW}")
    manager = sync_playwright()
    try:
        running = manager.__enter__()
    except Exception as error:  # it says only that a connection was closed
        raise NoChromium(HOW) from error
    try:
        yield running
    finally:
        manager.__exit__()


@contextmanager
def browser() -> Iterator[Any]:
    """A playwright browser with a profile of its own, closed at the end.

    Raises:
        NoChromium: there is none, or no playwright; for nobody without it a Chromium is installed.
    """
    if find_spec("playwright") is None:
        raise NoChromium("no playwright found, which drives Chromium: `make dev` installs it")
    path = chromium()
    with _playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        try:
            yield launched
        finally:
            launched.close()


def settle(page: Any) -> None:
    """Waits until fonts have loaded and two frames have been drawn."""
    page.evaluate("""async () => {
        await document.fonts.ready;
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    }""")
