"""Your own rollouts in the page: files chosen, dropped and broken, what is said of them, what is
saved, what leaves."""

import json
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import expect

from book.build.archive import for_files
from book.build.browser import settle
from tests.book.browser.explorable import violations
from tests.instruments.diagnose.test_page import batch, jsonl, parquet, shifted, without
from tests.typed import typed
from trbook.explorables import Diagnose
from trbook.explorables.modules import link_modules
from trbook.explorables.publish import publish
from trcheck.diagnose import diagnose, read

POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' blob:; style-src 'unsafe-inline'; "
    "connect-src 'self'; worker-src blob:; img-src data:"
)
PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<title>Diagnose</title>
<style>body {{ margin: 16px; background: #fff; color: #111 }}
[data-theme=dark] body {{ background: #14181d; color: #eee }}
</style></head><body><main><h1>Is my run fine?</h1>{body}</main></body></html>"""
HOME = '[data-explorable="diagnose"]'
FILE, VERDICT, ALERT = (
    f"{HOME} {part}" for part in ("input[type=file]", "[data-verdict]", "[role=alert]")
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The explorable as the book links it, and as the zipped book carries it; and dumps."""
    path = tmp_path_factory.mktemp("diagnose")
    publish(path / "_static" / "explorables")
    html = Diagnose().html()
    linked = PAGE.format(policy=POLICY, body=link_modules(html, "_static/explorables"))
    (path / "linked.html").write_text(linked, encoding="utf-8")
    (path / "zipped.html").write_text(for_files(linked), encoding="utf-8")
    (path / "whole.html").write_text(PAGE.format(policy=POLICY, body=html), encoding="utf-8")
    jsonl(path / "good.jsonl", batch(0))
    parquet(path / "good.parquet", batch(0), compression="zstd")
    jsonl(path / "shifted.jsonl", without(shifted(batch(1, 12)), "logp_old"))
    bad = "<img src=x onerror='window.caught = 1'><script>window.caught = 1</script>"
    hostile = {**batch(2, moved=1.0), "prompt": [bad] * 24, "group": [bad] * 24}
    jsonl(
        path / "a<b>&.jsonl",
        {**hostile, "text": [[bad] * len(row) for row in hostile["logp"]], bad: [1] * 24},
    )
    (path / "broken.jsonl").write_text(
        '{"logp": [-1, -2], "logp_rollout": [-1], "advantage": 1, "mask": [1, 1]}\n'
    )
    for i, at in enumerate((slice(None, None, 2), slice(1, None, 2))):
        jsonl(path / f"rank_{i}.jsonl", {name: values[at] for name, values in batch(3).items()})
    (path / "ranks").mkdir()
    for name in ("rank_0.jsonl", "rank_1.jsonl"):
        shutil.copyfile(path / name, path / "ranks" / name)
    (path / "ranks" / ".rank_2.jsonl").write_text("half written")
    (path / "ranks" / "readme.txt").write_text("no dump")
    (path / "empty").mkdir()
    return path


@pytest.fixture(scope="module")
def address(folder, serving):
    with serving(folder) as url:
        yield url


@pytest.fixture
def view(chromium, address):
    """The page, whose every request and complaint is kept."""
    context = chromium.new_context(
        viewport={"width": 1000, "height": 900}, accept_downloads=True, bypass_csp=False
    )
    page = context.new_page()
    complaints = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(f"{address}/linked.html")
    expect(page.locator(FILE)).to_be_visible()
    yield page
    assert page.evaluate("window.caught") is None
    context.close()
    assert complaints == []


def choose(page, *files):
    page.locator(FILE).set_input_files([str(path) for path in files])


def temperature(page, value):
    field = page.get_by_label("The sampler's temperature")
    field.fill(value)
    field.blur()


def test_a_file_gets_the_verdict_of_the_command_and_nothing_leaves(view, folder, tmp_path, capsys):
    requests = []
    view.on("request", lambda request: requests.append(request.url))
    for name, word, status in (("good.jsonl", "healthy", 0), ("shifted.jsonl", "found", 1)):
        choose(view, folder / name)
        verdict = view.locator(VERDICT)
        expect(verdict).to_have_attribute("data-verdict", word)
        expect(verdict).to_have_attribute("data-causes", "shift" if status else "")
        out = tmp_path / f"{name}.html"
        assert typed(f"diagnose {folder / name} --json --out {out}") == status
        found = json.loads(capsys.readouterr().out)
        assert found["verdict"] == word
        expect(verdict).to_contain_text(found["headline"])
        assert f'data-verdict="{word}"' in out.read_text(encoding="utf-8")
        expect(view.locator(f"{HOME} .findings")).to_contain_text(found["answer"]["verdict"])
    with view.expect_download() as saved:
        view.get_by_role("button", name="Save as one page").click()
    html = Path(saved.value.path()).read_text(encoding="utf-8")
    assert saved.value.suggested_filename == "shifted.html"
    assert (
        html.startswith("<!DOCTYPE html>")
        and "found: shift" in html
        and "default-src 'none'" in html
    )
    assert [url for url in requests if not url.startswith("blob:")] == []


def test_samples_settings_ranks_and_what_is_dropped(view, folder):
    verdict, findings = view.locator(VERDICT), view.locator(f"{HOME} .findings")
    view.get_by_role("button", name="Try a sample").click()
    expect(verdict).to_have_attribute("data-verdict", "healthy")
    expect(findings).to_contain_text("2,334 tokens")
    view.get_by_role("button", name="The same, shifted by one token").click()
    expect(verdict).to_have_attribute("data-causes", "shift")
    expect(verdict).to_contain_text("found: shift")

    # What the file does not say can be said; the same file is read again.
    choose(view, folder / "good.jsonl")
    expect(findings).to_contain_text("not said whether the sampler's log-probs are raw")
    view.get_by_text("What the file does not say").click()
    temperature(view, "1")
    expect(findings).not_to_contain_text("not said whether")
    temperature(view, "-1")
    expect(view.locator(ALERT)).to_contain_text("temperature: expected a number above 0")
    expect(verdict).to_have_count(0)
    temperature(view, "")

    choose(view, folder / "rank_0.jsonl")
    expect(verdict).to_have_attribute("data-causes", "half-groups")
    choose(view, folder / "rank_1.jsonl", folder / "rank_0.jsonl")
    expect(findings).to_contain_text("24 completions of 6 prompts")
    expect(verdict).to_have_attribute("data-verdict", "healthy")
    wanted = diagnose(read(folder / "rank_0.jsonl", folder / "rank_1.jsonl"))
    expect(findings).to_contain_text(wanted.answer.verdict)

    drop = """(home, text) => {
        const carried = new DataTransfer();
        carried.items.add(new File([text], "dropped.jsonl"));
        home.dispatchEvent(new DragEvent("drop", { dataTransfer: carried, bubbles: true, cancelable: true }));
    }"""
    text = (folder / "shifted.jsonl").read_text(encoding="utf-8")
    view.locator(f"{HOME} .drop").evaluate(drop, text)
    expect(verdict).to_have_attribute("data-causes", "shift")


def test_parquet_is_read_by_a_script_that_comes_only_for_it(view, folder, chromium):
    scripts = []
    view.on("request", lambda request: scripts.append(request.url.rsplit("/", 1)[1]))
    choose(view, folder / "good.jsonl")
    expect(view.locator(VERDICT)).to_be_visible()
    assert [name for name in scripts if name.endswith(".js")] == []
    choose(view, folder / "good.parquet")
    wanted = diagnose(read(folder / "good.parquet"))
    for page in (view, chromium.new_page()):  # of a server, and of the zipped book
        if page is not view:
            page.goto((folder / "zipped.html").as_uri())
            choose(page, folder / "good.parquet")
        expect(page.locator(VERDICT)).to_contain_text(wanted.judgement.headline)
        expect(page.locator(f"{HOME} .findings")).to_contain_text(wanted.answer.verdict)
    page.close()
    assert [name for name in scripts if name.endswith(".js")] == ["parquet.js"]


def drop_on(page, path):
    """As a hand drops it: what a browser makes of a folder, no script can make."""
    box = page.locator(f"{HOME} .drop").bounding_box()
    assert box is not None
    line = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        carried = {"items": [], "files": [str(path)], "dragOperationsMask": 1}
        at = {"x": box["x"] + 20, "y": box["y"] + 20}
        line.send("Input.dispatchDragEvent", {"type": kind, **at, "data": carried})


def test_a_folder_is_read_as_ranks_and_what_changes_is_named(view, folder, tmp_path):
    drop_on(view, folder / "ranks")
    expect(view.locator(f"{HOME} .findings")).to_contain_text("24 completions of 6 prompts")
    drop_on(view, folder / "empty")
    expect(view.locator(ALERT)).to_contain_text(
        "The folder empty holds no dump that this page reads (.jsonl, .json"
    )

    growing = shutil.copyfile(folder / "good.jsonl", tmp_path / "growing.jsonl")
    choose(view, growing)
    expect(view.locator(VERDICT)).to_be_visible()
    with growing.open("a") as file:  # the browser then refuses to read what was chosen
        file.write("{}\n")
    view.get_by_text("What the file does not say").click()
    temperature(view, "1")
    expect(view.locator(ALERT)).to_contain_text("'growing.jsonl' changed while it was read")


def test_bad_files_are_named_and_their_texts_stay_texts(view, folder):
    choose(view, folder / "good.jsonl")
    expect(view.locator(VERDICT)).to_be_visible()
    choose(view, folder / "broken.jsonl")
    expect(view.locator(ALERT)).to_contain_text(
        "Column 'logp_rollout': expected a list of 2 values in row 0"
    )
    expect(view.locator(VERDICT)).to_have_count(0)
    choose(view, folder / "a<b>&.jsonl")
    expect(view.locator(VERDICT)).to_be_visible()
    expect(view.locator(ALERT)).to_be_hidden()
    expect(view.locator(f"{HOME} .findings")).to_contain_text("<script>window.caught = 1</script>")
    assert view.locator(f"{HOME} .findings img, {HOME} .findings script").count() == 0


@pytest.mark.nightly("seconds of rules, in both themes and widths")
def test_accessible_by_keys_and_on_a_phone(chromium, folder):
    """From the file system, where the zipped book is read."""
    context = chromium.new_context(viewport={"width": 360, "height": 780}, bypass_csp=True)
    page = context.new_page()
    page.goto((folder / "whole.html").as_uri())
    expect(page.locator(FILE)).to_be_visible()
    page.locator(FILE).focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the sample
    expect(page.locator(VERDICT)).to_have_attribute("data-verdict", "healthy")
    for theme in ("light", "dark"):
        page.evaluate("theme => { document.documentElement.dataset.theme = theme; }", theme)
        settle(page)
        assert violations(page) == [], theme
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    small = page.locator(f"{HOME} button").evaluate_all(
        "all => all.filter(b => b.getBoundingClientRect().height < 44)"
    )
    assert small == []
    context.close()
