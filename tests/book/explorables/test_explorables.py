"""Explorables outside the browser: what a notebook stores, what a page carries, and that the built
files are fresh."""

import json
import re
import subprocess
import sys
import types

import ipywidgets
import pytest
import torch
from IPython.core.formatters import DisplayFormatter

from book.build.ext.stored import code_cells, unpacked
from book.build.paths import ROOT
from trbook import explorables
from trbook.explorables import Basin, RatioMap, files
from trbook.explorables.batch import token_batch
from trbook.explorables.files import BUILT, PAGE, SOURCES, built_files, digest_of, source_of
from trbook.explorables.modules import fragment, link_modules, preloads
from trbook.explorables.publish import publish
from trlib.model.policy import load_policy
from trlib.model.rollout import sample

WIDGET = "application/vnd.jupyter.widget-view+json"
PART = r'<script type="application/json" class="trlib-{}"[^>]*>(.*?)</script>'


def part(html, name):
    return json.loads(re.search(PART.format(name), html, re.DOTALL)[1])


def test_bundle_holds_the_live_view_and_a_page_that_needs_nothing():
    explorable = RatioMap(eps_high=0.28, axes="linear", show=["ppo", "dppo_tv"])
    data, _ = explorable._repr_mimebundle_()
    assert data[WIDGET]["model_id"] == explorable.model_id
    html = data["text/html"]
    wanted = {"eps_low": 0.2, "eps_high": 0.28, "axes": "linear", "show": ["ppo", "dppo_tv"]}
    assert wanted.items() <= part(html, "traits").items()
    assert part(html, "module") == source_of("ratio_map")
    assert str(explorable._esm) == part(html, "module"), "both hosts drive the same module"
    assert html.count("<script") == html.count("</script>") == 3
    fetched = re.search(r"""(src|href)=|https?://(?!www\.w3\.org/)|from ?["']|import ?["']""", html)
    assert fetched is None, "the fragment needs no network"


def test_tokens_of_a_batch_that_are_pushed_are_packed_as_logits():
    drawn = sample(load_policy("dial"), ["7 : -1 +4 +3 flip sq ="], group=6, max_tokens=10, seed=2)
    advantages = torch.tensor([1.0, 0, -1, -1, 1, 1])
    packed = token_batch(drawn, advantages, {0: drawn.logp}, prompts=["a prompt"], most=3)
    kept = drawn.rows(torch.tensor([0, 3, 5]))
    assert [one["sign"] for one in packed["completions"]] == [1, -1, 1]
    words = [" ".join(one["words"]) for one in packed["completions"]]
    assert all(text in words_of for text, words_of in zip(kept.texts(), words, strict=True))
    logits = 1000 * kept.logp[kept.mask].double().exp().logit(eps=1e-7)
    assert packed["old"] == packed["new"][0] == pytest.approx(logits.tolist(), abs=1)


def test_an_opener_has_its_own_settings_and_takes_others():
    opener = explorables.Staleness(opener="promise", update=3)
    assert (
        part(opener.html(), "traits").items()
        >= {"opener": "promise", "run": "none", "update": 3}.items()
    )
    assert "opener" not in part(explorables.Staleness().html(), "traits")
    with pytest.raises(ValueError, match="promise"):
        explorables.Staleness(opener="promises")


def test_colab_gets_the_page_alone(monkeypatch):
    explorable = RatioMap()
    monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
    data, _ = explorable._repr_mimebundle_()
    assert set(data) == {"text/plain", "text/html"}


def test_ipywidgets_of_colab_shows_the_page_too(monkeypatch):
    """Its version 7 would show the widget by itself, and no page."""
    monkeypatch.setattr(ipywidgets.Widget, "_ipython_display_", print, raising=False)
    data, _ = DisplayFormatter().format(RatioMap())
    assert "trlib-explorable" in data["text/html"]


def test_page_can_link_its_modules():
    html = f"<p>before</p>{RatioMap().html()}<p>between</p>{RatioMap(sign=-1).html()}<p>after</p>"
    linked = link_modules(html, "../_static/explorables/")
    assert linked.count('data-src="../_static/explorables/ratio_map.js"') == 2
    assert len(linked) < len(html) - 2 * len(source_of("ratio_map"))
    assert (
        all(text in linked for text in ("before", "between", "after"))
        and linked.count('class="trlib-traits"') == 2
    )
    assert link_modules(linked, "../_static/explorables") == linked
    assert 'data-src="./_static/ratio_map.js"' in link_modules(html, "_static")
    assert 'data-src="https://pages.example/x/ratio_map.js"' in link_modules(
        html, "https://pages.example/x"
    )


def test_a_page_carries_its_data_or_links_them(tmp_path):
    data, html = str(files.data_of("basin")), Basin().html()
    assert html.count('class="trlib-data"') == 1 and '"panels":[{' in html
    assert "_data" not in Basin().settings() and Basin()._data == data
    linked = link_modules(html, "../_static/explorables")
    assert 'data-src="../_static/explorables/basin.data.json"></script>' in linked
    assert len(linked) < len(html) - len(data)
    publish(tmp_path)
    assert (tmp_path / "basin.data.json").read_text(encoding="utf-8").strip() == data
    assert (tmp_path / "basin.js").is_file() and (tmp_path / "common.js").is_file()


def test_settings_cannot_end_the_script():
    html = fragment(
        "ratio_map", {"text": "</script><b>"}, fallback="a < b", placeholder_heights=(16, 16)
    )
    assert part(html, "traits") == {"text": "</script><b>"}
    assert html.count("</script>") == 3 and "a &lt; b" in html


def test_a_page_with_explorables_fetches_their_modules_at_once():
    html = RatioMap().html() + RatioMap(sign=-1).html()
    links = preloads(html, "../_static/explorables/")
    assert re.findall(r'<link rel="modulepreload" href="([^"]+)">', links) == [
        "../_static/explorables/common.js",
        "../_static/explorables/ratio_map.js",
    ]
    assert preloads(link_modules(html, "x"), "x").count("modulepreload") == 2, (
        "linked or carried, the same"
    )
    assert preloads("<p>no figure</p>", "x") == ""


def test_pages_import_no_torch():
    code = (
        "import sys, trbook, trbook.explorables; print('torch' in sys.modules, 'anywidget' in "
        "sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_built_files_are_of_these_sources():
    made = built_files()
    assert {path.relative_to(BUILT).as_posix() for path in BUILT.rglob("*.js")} == set(made)
    for name, entry in made.items():
        text = (BUILT / name).read_text(encoding="utf-8")
        sources = re.search(r"Sources: (\w+)\.", text.partition("\n")[0])
        assert sources and sources[1] == digest_of(entry), (
            f"{name}: its sources changed: `npm ci && npm run build` in explorables/js"
        )
        if "/" in name:
            continue
        assert ('"./common.js"' in text) == (name != "common.js")
        assert "Permission to use, copy, modify" in text[:400]
    lock = (SOURCES / "package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in lock and '"integrity"' in lock, (
        "the lock file fixes every byte and names no server"
    )


@pytest.mark.parametrize(
    "path",
    sorted(set(SOURCES.glob("*.js")) - {SOURCES / "predict.js"}),  # that one is for pages alone
    ids=lambda path: path.stem,
)
def test_a_module_and_the_shared_chunk_become_one_module_that_imports_nothing(path):
    whole, entry = source_of(path.stem), (BUILT / path.name).read_text(encoding="utf-8")
    assert "common.js" not in whole and not re.search(r"""^import\b|[;}]import[{*"'\s]""", whole)
    assert len(re.findall(r"\bexport\{", whole)) == len(re.findall(r"\bexport\{", entry)) == 1
    assert whole.count("Permission to use, copy, modify") == 1 and whole.startswith(
        "/* trust-region-book, MIT."
    )
    common = (BUILT / "common.js").read_text(encoding="utf-8")
    assert len(whole) == pytest.approx(len(entry) + len(common), abs=3000), (
        "the chunk is in it once"
    )


def test_an_explorable_of_a_notebook_has_a_picture_before_anybody_scrolls_there():
    """Otherwise a print of its page has a hole."""
    shown, without = 0, []
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in code_cells(json.loads(path.read_text(encoding="utf-8"))).values():
            for held in (output.get("data", {}).get(PAGE) for output in cell["outputs"]):
                html = unpacked(held) if held else ""
                if "trlib-view" in html:
                    shown += 1
                    without += [] if "shadowrootmode" in html else [f"{path.stem}, {cell['id']}"]
    assert shown > 20 and without == []
