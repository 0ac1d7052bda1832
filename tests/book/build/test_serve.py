"""The server of the built book: loopback only, the next port when one is taken, a clear word when
there is no book."""

import threading
import urllib.error
import urllib.request

import pytest

from book.build.serve import listen


@pytest.fixture
def pages(tmp_path):
    (tmp_path / "index.html").write_text("<p>book</p>", encoding="utf-8")
    return tmp_path


def test_a_port_in_use_gives_the_next_one(pages):
    first = listen(pages, port=18431)
    try:
        second = listen(pages, port=first.server_port)
        try:
            assert first.server_address[0] == second.server_address[0] == "127.0.0.1"
            assert second.server_port > first.server_port
            threading.Thread(target=second.serve_forever, daemon=True).start()
            with urllib.request.urlopen(
                f"http://127.0.0.1:{second.server_port}/index.html"
            ) as answer:
                assert answer.read() == b"<p>book</p>"
            second.shutdown()
        finally:
            second.server_close()
    finally:
        first.server_close()


def test_no_free_port_is_an_error_that_names_the_range(pages):
    first = listen(pages, port=18531)
    try:
        with pytest.raises(
            OSError, match=f"no free port from {first.server_port} to {first.server_port}"
        ):
            listen(pages, port=first.server_port, tries=1)
    finally:
        first.server_close()


def test_a_folder_without_a_book_says_how_to_build_it(tmp_path):
    with pytest.raises(FileNotFoundError, match="no book here; `make html` builds it"):
        listen(tmp_path)


def answer(address):
    try:
        with urllib.request.urlopen(address) as found:
            assert found.headers["Cache-Control"] == "no-cache"
            return found.status, found.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_while_a_book_is_built_a_missing_page_says_so_and_reloads_itself(pages, tmp_path):
    server = listen(pages, port=18631, waiting="3 of 22 chapters <are executed>.")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        assert answer(f"{address}/index.html?x=1") == (200, "<p>book</p>")
        status, page = answer(f"{address}/notebooks/05_grpo.html")
        assert status == 503
        assert "3 of 22 chapters &lt;are executed&gt;." in page
        assert '<meta http-equiv="refresh" content="5">' in page
        assert (
            "default-src 'none'" in page
            and "<script" not in page
            and "http" not in page.replace("http-equiv", "")
        )
        assert answer(f"{address}/missing.js")[0] == 404, "only pages wait"
        better = tmp_path / "better"
        (better / "notebooks").mkdir(parents=True)
        (better / "notebooks" / "05_grpo.html").write_text("GRPO", encoding="utf-8")
        server.folder = better
        assert answer(f"{address}/notebooks/05_grpo.html") == (200, "GRPO")
        server.waiting = None
        assert answer(f"{address}/notebooks/never.html")[0] == 404
    finally:
        server.shutdown()
        server.server_close()
