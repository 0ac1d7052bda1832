"""The server of the book, built or growing: loopback only, the next port when one is taken, a clear
word when there is no book; and what a build leaves behind."""

import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from types import SimpleNamespace

import pytest

from book.build import book, html
from book.build.ext import alone
from book.build.paths import ROOT
from book.build.serve import Pages, served


@pytest.fixture
def pages(tmp_path):
    (tmp_path / "index.html").write_text("<p>book</p>", encoding="utf-8")
    return tmp_path


def test_a_port_in_use_gives_the_next_one_and_no_free_one_is_an_error(pages):
    with served(pages, ports=range(18431, 18441)) as first:
        port = int(first.rpartition(":")[2])
        with served(pages, ports=(port, port + 1)) as second:
            assert first.startswith("http://127.0.0.1:") and second.endswith(str(port + 1))
            with urllib.request.urlopen(f"{second}/index.html") as answer:
                assert answer.read() == b"<p>book</p>"
                assert answer.headers["Cache-Control"] == "no-cache"
        with (
            pytest.raises(OSError, match=f"no free port from {port} to {port}"),
            served(pages, ports=[port]),
        ):
            pass


def test_while_the_book_is_built_a_page_is_its_own_or_a_first_one_or_waited_for(
    pages, tmp_path, monkeypatch
):
    first = tmp_path / "early" / "html"
    (first / "book").mkdir(parents=True)
    for name in ("index.html", "book/index.html", "book/own.html"):
        (first / name).write_text(f"first {name}", encoding="utf-8")
    (pages / "book").mkdir()
    (pages / "book" / "own.html").write_text("own", encoding="utf-8")
    monkeypatch.setattr(book, "FIRST", first.parent)
    building = threading.Event()
    monkeypatch.setattr(book, "BUILDING", building)
    building.set()
    wanted = {
        "": "<p>book</p>",
        "book/": "first book/index.html",
        "book/own.html?a=1": "own",
        "book/later.html": "appears here by itself",
        "_static/later.js": "",
    }
    with served(pages, book.Growing) as address:
        for path, expected in wanted.items():
            try:
                with urllib.request.urlopen(f"{address}/{path}") as answer:
                    assert answer.read().decode() == expected, path
            except urllib.error.HTTPError as error:
                assert (
                    error.code == (503 if expected else 404) and expected in error.read().decode()
                ), path
        building.clear()
        (pages / "404.html").write_text("no such page", encoding="utf-8")
        with pytest.raises(urllib.error.HTTPError) as wrong:
            urllib.request.urlopen(f"{address}/book/later.html")
        assert wrong.value.code == 404 and wrong.value.read() == b"no such page"


@pytest.mark.parametrize(("terminal", "display"), [(True, ":0"), (True, None), (False, ":0")])
def test_the_first_page_opens_where_somebody_can_see_it(terminal, display, monkeypatch):
    opened = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: terminal))
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", display) if display else monkeypatch.delenv("DISPLAY", False)
    book.shown("http://127.0.0.1:8000")
    assert opened == ["http://127.0.0.1:8000/"] * (terminal and bool(display))


def test_an_address_that_no_file_can_have_is_a_wrong_one(pages, capfd):
    """A zero byte, or more letters than a name may have: no traceback in a reader's terminal."""
    for handler in (Pages, book.Growing):
        with served(pages, handler) as address:
            for path in ("%00", "a" * 5000, "%00.html"):
                with pytest.raises(urllib.error.HTTPError) as error:
                    urllib.request.urlopen(f"{address}/{path}")
                assert error.value.code == 404
    assert capfd.readouterr() == ("", "")


def test_a_place_that_cannot_be_written_is_said_before_a_build_and_after_it(
    tmp_path, monkeypatch, capsys
):
    """As root, who may write anywhere, a file stands in for a folder that is read only."""
    (tmp_path / "_build").touch()
    monkeypatch.setattr(book, "vanish", lambda: None)
    for module in (html, book):
        monkeypatch.setattr(module, "BUILD", tmp_path / "_build")
        assert module.main() == 1
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1
        assert f"for the pages that can be written, got '{tmp_path}/_build': " in err


@pytest.mark.parametrize("command", [html, book])
def test_a_full_disk_is_named_and_no_book_is_called_complete(
    command, tmp_path, monkeypatch, capsys
):
    for module in (html, book):
        monkeypatch.setattr(module, "BUILD", tmp_path)
        monkeypatch.setattr(module, "COMMAND", (sys.executable, "-c", "raise SystemExit(1)"))
    for name in ("first_pages", "vanish"):
        monkeypatch.setattr(book, name, lambda: None)
    monkeypatch.setattr(threading.Event, "wait", lambda self, timeout=None: True)
    free = [900]  # MB, which a build uses up
    usage = SimpleNamespace
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage(free=free.pop(0) * 10**6))
    free += [3]
    assert command.main() == 1
    out, err = capsys.readouterr()
    assert err.endswith(f"expected 5 MB of free disk space for '{tmp_path}', got 3 MB\n")
    assert "is complete" not in out
    free += [150]
    assert command.main() == 1
    assert "expected 200 MB of free disk space" in capsys.readouterr().err


BOOK = """
import signal, sys
from pathlib import Path
from book.build import book, html
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup the tests do not hear it, nor what they start
book.BUILD = Path(sys.argv[1])
book.COMMAND = (sys.executable, "-c", "import os, time; os.fork(); time.sleep(300)")
sys.exit(book.main())
"""


@pytest.mark.parametrize("ending", [signal.SIGHUP, signal.SIGINT, None], ids=str)
def test_a_closed_terminal_ends_the_build_with_its_workers(pages, ending):
    """None: a terminal that is gone without a word. Whoever still runs would hold the end of stderr."""
    (pages / "html").mkdir()
    (pages / "html" / "index.html").touch()
    begun = subprocess.Popen(
        [sys.executable, "-c", BOOK, str(pages)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert "shows what is built" in begun.stdout.readline()
        begun.send_signal(ending) if ending else begun.stdout.close()
        if not ending:
            begun.stdout = None
        assert begun.communicate(timeout=60)[1].strip().startswith("book: interrupted")
        assert begun.returncode == 130
    finally:
        begun.terminate()  # which takes what it has started along


def test_a_second_build_of_the_same_pages_waits_for_the_first(tmp_path, capsys):
    first, second = (SimpleNamespace(doctreedir=tmp_path / "trees") for _ in range(2))
    alone(first)
    assert not capsys.readouterr().err
    waiting = threading.Thread(target=alone, args=(second,))
    waiting.start()
    waiting.join(0.5)
    assert waiting.is_alive() and "another build" in capsys.readouterr().err
    first.lock.close()
    waiting.join(30)
    assert not waiting.is_alive()
