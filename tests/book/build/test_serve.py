"""The server of the built book: loopback only, the next port when one is taken, a clear word when
there is no book."""

import threading
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
                assert answer.headers["Cache-Control"] == "no-cache"
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
