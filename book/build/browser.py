"""A headless Chromium for tests, previews and pictures."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

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
HOW = (
    "no Chromium found: install it (Debian, Ubuntu: `apt-get install chromium fonts-dejavu-core libatomic1`; "
    "elsewhere: `.venv/bin/playwright install chromium`), or name one in TRLIB_CHROMIUM"
)


class NoChromium(RuntimeError):
    """There is no Chromium, or none that starts; the message says how to get one."""


@contextmanager
def browser() -> Iterator[Any]:
    """A playwright browser with a profile of its own, closed at the end: the one named in
    TRLIB_CHROMIUM, the system's, or playwright's own.

    Raises:
        NoChromium: there is none, or no playwright.
    """
    if find_spec("playwright") is None:
        raise NoChromium("no playwright found, which drives Chromium: `make dev` installs it")
    from playwright.sync_api import sync_playwright

    paths = (os.environ.get("TRLIB_CHROMIUM"), *map(shutil.which, NAMES), *APPLICATIONS)
    path = next((one for one in paths if one and Path(one).exists()), None)
    try:
        playwright = sync_playwright().start()
        launched = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
    except (
        Exception
    ) as error:  # where a library is missing, it says only that a connection was closed
        raise NoChromium(HOW) from error
    try:
        yield launched
    finally:
        launched.close()
        playwright.stop()


def settle(page: Any) -> None:
    """Waits until fonts have loaded and two frames have been drawn."""
    page.evaluate("""async () => {
        await document.fonts.ready;
        await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
    }""")
