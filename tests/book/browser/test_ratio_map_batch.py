"""The map with a real batch in it: counted as trlib counts, read by mouse and by keyboard,
scrubbed."""

import json

import pytest
import torch

import trlib
from trbook.explorables import RatioMap
from trbook.explorables.batch import token_batch
from trbook.explorables.ratio_map import METHODS
from trlib.model.rollout import sample

MODEL = "document.querySelector('.trlib-explorable').model"
PAGE = '<!doctype html><html lang="en"><meta charset="utf-8"><body style="margin: 0">{}'


@pytest.fixture(scope="module")
def moved():
    """Completions of `dial`, an advantage each, and log-probs before and after a move that was made
    up."""
    policy = trlib.load_policy("dial")
    prompts = [prompt.text for prompt in trlib.load_task("dial").prompts(3, seed=1)]
    drawn = sample(policy, prompts, group=6, max_tokens=10, seed=2)
    shift = 2.5 * torch.randn(drawn.mask.shape, generator=torch.Generator().manual_seed(0))
    logit = drawn.logp - torch.log(-torch.expm1(drawn.logp.clamp(max=-1e-6))) + shift
    after = torch.nn.functional.logsigmoid(logit).masked_fill(~drawn.mask, 0.0)
    advantages = torch.tensor([1.0, -1.0, 0.0] * 6)
    return drawn, advantages, {0: drawn.logp, 4: after}, prompts


@pytest.fixture
def page(chromium, moved):
    completions, advantages, logp, prompts = moved
    packed = token_batch(completions, advantages, logp, prompts=prompts)
    drawn = RatioMap(show=list(METHODS), batch=packed)
    context = chromium.new_context(viewport={"width": 820, "height": 1000}, reduced_motion="reduce")
    page = context.new_page()
    page.set_content(PAGE.format(drawn.html()))
    page.wait_for_selector(".trx:not(.still) .live[d]", state="attached")
    yield page
    context.close()


def frames(page, **traits):
    page.evaluate(
        f"""async traits => {{
        for (const [key, value] of Object.entries(traits)) {MODEL}.set(key, value);
        for (let i = 0; i < 2; i++) await new Promise(requestAnimationFrame);
    }}""",
        traits,
    )


def test_pointing_at_a_dot_reads_its_completion_and_a_press_chooses_it(page):
    frames(page, update=1, axes="linear", token=0)
    q, p = (page.evaluate(f"{MODEL}.get('{name}')") for name in ("old_p", "new_p"))
    frames(page, token=-1, old_p=0.9, new_p=0.1)
    frame = page.locator(".trx rect.dead").bounding_box()
    page.mouse.move(frame["x"] + q * frame["width"], frame["y"] + (1 - p) * frame["height"])
    frames(page)
    assert (
        page.locator(".trx .line mark").count() == 1
        and page.evaluate(f"{MODEL}.get('token')") == -1
    )
    page.mouse.down()
    page.mouse.up()
    frames(page)
    assert page.evaluate(f"{MODEL}.get('token')") >= 0 and page.evaluate(
        f"{MODEL}.get('old_p')"
    ) == pytest.approx(q)


def test_a_batch_is_packed_small_and_checked(moved):
    completions, advantages, logp, prompts = moved
    packed = token_batch(completions, advantages, logp, prompts=prompts, most=5)
    assert [one["sign"] for one in packed["completions"]] == [1, -1, 1, -1] and packed[
        "updates"
    ] == [0, 4]
    assert packed["old"] == packed["new"][0] and len(packed["old"]) == sum(
        len(one["words"]) for one in packed["completions"]
    )
    assert len(json.dumps(packed)) < 2000
