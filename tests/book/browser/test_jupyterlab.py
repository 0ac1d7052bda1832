"""In JupyterLab with a kernel: the live view is shown, keys stay in the explorable, and Python
reads and sets it."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[3]
CELLS = (
    "from trbook.explorables import RatioMap\nshown = RatioMap(eps_low=1.7, axes='linear', "
    "old_p=.5, new_p=.5, show=['ppo', 'dppo_tv', 'dppo_kl'])\nshown",
    "print('read', shown.old_p, shown.new_p, shown.delta_tv, shown.eps_low)",
    "shown.sign, shown.delta_kl = -1, .3",
)

CHAPTER = "03_trpo.ipynb"
KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}


@pytest.fixture
def place(tmp_path):
    """A folder with a notebook of its own and a chapter, and what JupyterLab writes."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(source) for source in CELLS],
        metadata={"kernelspec": KERNEL},
    )
    nbformat.write(notebook, tmp_path / "page.ipynb")
    shutil.copy(ROOT / "notebooks" / CHAPTER, tmp_path)
    return tmp_path


@pytest.fixture
def lab(place):
    """A JupyterLab on loopback, dark, as `make lab` starts it in the repository's root, but with its own
    settings."""
    themes = place / "config" / "lab" / "user-settings" / "@jupyterlab" / "apputils-extension"
    themes.mkdir(parents=True)
    (themes / "themes.jupyterlab-settings").write_text('{"theme": "JupyterLab Dark"}')
    (themes / "notification.jupyterlab-settings").write_text(
        '{"fetchNews": "false", "checkForUpdates": false}'
    )
    lab_page = {
        "disabledExtensions": {"@jupyterlab/apputils-extension:splash": True}
    }  # if slow, it opens a dialog
    (place / "config" / "labconfig").mkdir()
    (place / "config" / "labconfig" / "page_config.json").write_text(json.dumps(lab_page))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "book")]),
        "OMP_NUM_THREADS": "1",
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_CONFIG_DIR": str(place / "config"),
        "JUPYTER_RUNTIME_DIR": str(place / "runtime"),
        "JUPYTER_DATA_DIR": str(place / "data"),
        "IPYTHONDIR": str(place / "ipython"),
    }
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        "--IdentityProvider.token=",
        *[one for one in recipe() if "root_dir" not in one],
        f"--ServerApp.root_dir={place}",
    ]
    with (place / "log.txt").open("w") as log:
        server = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(480):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=1).close()
                break
            except OSError:
                assert server.poll() is None, (place / "log.txt").read_text()
                time.sleep(0.25)
        yield address
    finally:
        server.terminate()
        server.wait(60)


def recipe():
    """What `make lab` gives JupyterLab."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.search(r"-m jupyterlab (.*)\$\$root \$\(LAB_FLAGS\)$", makefile, re.MULTILINE)
    assert found, "expected a recipe `lab` that starts JupyterLab"
    return found[1].split()


def opened(page, address):
    """A notebook in JupyterLab, whose kernel is ready."""
    page.add_locator_handler(page.locator(".jp-Dialog"), lambda: page.keyboard.press("Escape"))
    page.goto(address)
    page.wait_for_selector(".jp-Notebook .cm-content >> visible=true")
    page.wait_for_selector(
        ".jp-NotebookPanel-toolbar >> text=Python 3"
    )  # "idle" is also said before there is a kernel
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")


def save(page, file):
    """Saves a notebook, and waits until that is done."""
    before = file.stat().st_mtime_ns
    page.locator('[data-command="docmanager:save"]').first.click()
    end = time.monotonic() + 120
    while file.stat().st_mtime_ns == before:
        assert time.monotonic() < end, "it is not saved"
        page.wait_for_timeout(250)


def run(page, number):
    """Runs a code cell."""
    cell = page.locator(".jp-CodeCell .cm-content").nth(number)
    prompt = page.locator(".jp-CodeCell .jp-InputPrompt").nth(number)
    before = prompt.inner_text()
    end = time.monotonic() + 120
    while prompt.inner_text() in (before, "[*]:"):
        assert time.monotonic() < end, f"cell {number + 1} does not run"
        if (
            prompt.inner_text() == before
        ):  # a notebook that is still settling may take the focus away again
            cell.click()
            page.keyboard.press("Control+Enter")
        page.wait_for_timeout(500)


@pytest.mark.nightly("starts a JupyterLab")
def test_live_in_jupyterlab(chromium, lab):
    page = chromium.new_page(viewport={"width": 1200, "height": 1000})
    page.set_default_timeout(120_000)
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    opened(page, f"{lab}/lab/tree/page.ipynb")
    run(page, 0)
    page.wait_for_selector(".trx:not(.still) .live[d]", state="attached")
    assert page.locator(".trlib-explorable").count() == 0, "the live view, not the page's host"
    assert page.locator(".trx[data-dark]").count() == 1
    assert "ε low = 1.7 is impossible" in page.locator(".trx .notes").inner_text()
    page.get_by_role("application", name="Cursor on the map").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowUp"):
        page.keyboard.press(key)
    page.locator(".trx").get_by_text("More settings").click()
    page.get_by_role("slider", name="DPPO-TV, delta").focus()
    page.keyboard.press("ArrowRight")
    focused = page.evaluate(
        "document.activeElement.shadowRoot.activeElement.getAttribute('aria-label')"
    )
    assert focused == "DPPO-TV, delta"
    # What was set here reaches the kernel when it has a moment: ask until it is there.
    end = time.monotonic() + 120
    values = []
    while values != pytest.approx([0.52, 0.51, 0.17, 1.0]):
        assert time.monotonic() < end, values
        run(page, 1)
        page.wait_for_selector(".jp-OutputArea-output pre")
        values = [
            float(word)
            for word in page.locator(".jp-OutputArea-output pre").last.inner_text().split()[1:]
        ]
    run(page, 2)
    slider = page.get_by_role("slider", name="DPPO-KL, delta")
    page.wait_for_function(
        "node => node.getAttribute('aria-valuetext') === '0.30'", arg=slider.element_handle()
    )
    assert (
        page.locator(".trx input[type=radio]:checked + span").first.text_content()
        == "A < 0 ↓ decrease p"
    )
    assert [url for url in requests if not url.startswith((lab, "data:", "blob:"))] == []
    page.close()


@pytest.mark.nightly("starts a JupyterLab")
def test_a_chapter_is_unchanged_when_it_is_opened_and_saved_as_it_was(chromium, lab, place):
    page = chromium.new_page(viewport={"width": 1200, "height": 1000})
    opened(page, f"{lab}/lab/tree/{CHAPTER}")
    page.wait_for_timeout(2000)  # until the kernel has told its language
    save(page, place / CHAPTER)
    page.close()
    assert (place / CHAPTER).read_bytes() == (ROOT / "notebooks" / CHAPTER).read_bytes()
