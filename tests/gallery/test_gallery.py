"""The map of a branch is the cards', and the rows of the bandit are its steps."""

import html

from book.build.cards import CARDS, GALLERY
from trbook.bandit import bandit_step
from trbook.figures import described
from trbook.gallery import ADVANTAGES, MU, _variants, branch_map, foretold, on_dial, steps
from trlab.outcomes import MEASURES, judged
from trlab.sweep import load_sweep
from trlib.algorithms import PGIS, PPO


def test_a_map_says_what_the_cards_say():
    shown = branch_map("ratios")
    cards = [card for card in CARDS.values() if card.family == "ratios"]
    assert shown.values.tolist() == [[card.what, card.to, card.how] for card in cards]
    assert all(words in html.unescape(shown._repr_html_()) for words in shown.values.flat), (
        "in full"
    )
    assert shown.index.tolist() == [
        f"{card.title} (formula ours)" if card.is_reading else card.title for card in cards
    ]


def test_rows_are_steps():
    shown = steps({"none": PGIS(), "clip": PPO()}, uses=8)
    one = bandit_step(PPO(), MU, ADVANTAGES, uses=8)
    assert shown.loc["clip"].tolist() == [
        round(x, 3) for x in (one.gain, one.kl, one.tv, one.ratio, one.entropy)
    ]
    assert shown.loc["clip", "gain"] < shown.loc["none", "gain"]


def test_recorded_runs_stand_beside_their_controls():
    text = described(on_dial("regression"))
    names = ("unclipped", "PPO", "REBEL", "LCO", "LCO-mse", "ROVER")
    assert all(text.count(f"; {name} lr ") + text.count(f": {name} lr ") == 2 for name in names)
    assert "DPO" not in text


def test_what_was_foretold_is_counted_and_told_in_full():
    shown = foretold("values")
    lines = html.unescape(shown).splitlines()
    summary, *items = [line for line in lines if line.startswith(("<summary>", "<tr>"))]
    labels = {variant.name for variant in _variants("values")} - {"pg_is", "ppo"}
    own = [f for f in judged("gallery_best") if {f.prediction.higher, f.prediction.lower} & labels]
    assert summary.startswith(f"<summary>{len(own)} predictions")
    assert len(items) == len(own) > 0
    for item, finding in zip(items, own, strict=True):
        assert all(
            words in item for words in (finding.prediction.in_full, *finding.plain(MEASURES))
        )


def test_every_variant_of_the_sweep_belongs_to_a_branch():
    branches = [
        branch for branch in GALLERY if branch not in ("transport", "classical", "asynchrony")
    ]
    shown = {variant.name for branch in branches for variant in _variants(branch)}
    assert shown == {variant.name for variant in load_sweep("gallery_best").variants}
