"""Runs the references of the contest on *Write your own*: `python -m tools.pack.contest` (seven
minutes of one core).

The contest lets a reader's formula learn in the page, at `RATES` with `SEEDS` that nothing else of
the playground uses, and sets it beside PPO in the same engine and over the recorded runs of the
sweep `basin`. Here PPO and the page's own entry learn in that engine, in Chromium;
`book/trbook/explorables/contest.json` keeps their runs beside what the record says, so that the
page can print them, and how far the two engines agree. With names, as `own`, only these learn
again, and with `--record` none.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

from tools.browser import NoChromium, browser
from tools.serve import served
from trbook.explorables.basin import METHODS
from trbook.explorables.engine import HERE as ENGINE
from trbook.explorables.engine import packed
from trbook.explorables.files import CONTEST, data_of

RATES = (3e-5, 1e-4, 3e-4)
SEEDS = range(5000, 5008)
RULES = {
    "rates": RATES,
    "seeds": [*SEEDS],
    "uses": 16,
    "group": 8,
    "batches": 24,
    "prompts": 512,
    "samples": 4,
}
"""As the recorded runs of the sweep `basin`, but for the seeds and the prompts at the end (there
2,048)."""
FORMULA, CONSTANTS = "r*(A - c*l)", {"c": 1}
"""The page's fifth step."""
HERE: dict[str, dict[str, Any]] = {
    "ppo": {"method": "ppo"},
    "own": {"method": "own", "thresholds": {"formula": FORMULA, "constants": CONSTANTS}},
}
"""What learns in the page's engine: the reference, and the page's own entry."""
TEN = 10
"""Batches of take-off."""

RUN = """async ({ card, weights, settings, rules }) => {
    const { Engine } = await import("/js/engine.js"), { Lane } = await import("/js/lane.js");
    const { TASKS } = await import("/js/tasks.js"), { Vocabulary } = await import("/js/vocabulary.js");
    const { open } = await import("/js/checkpoint.js");
    const bytes = Uint8Array.from(atob(weights), (c) => c.charCodeAt(0)), opened = await open(bytes, card);
    const wasm = await (await fetch("/built/engine.wasm")).arrayBuffer();
    const checkpoint = { vocabulary: new Vocabulary(card.words), weights: opened.weights };
    const lane = new Lane(await Engine.create(wasm), checkpoint, new TASKS.dial.kind({}), settings);
    const rewards = [];
    for (let k = 0; k < rules.batches; k++) rewards.push(lane.run().reward);
    return { rewards, end: lane.examine({ prompts: rules.prompts, samples: rules.samples }) };
}"""


def recorded() -> dict[str, Any]:
    """The recorded ends and take-offs over rates: the panel of the sweep `basin` at 16 uses,
    default thresholds."""
    panels = json.loads(data_of("basin") or "")["panels"]
    panel = next(one for one in panels if one["sweep"] == "basin" and one["uses"] == "16")
    methods = {
        name: {
            **{key: one[key]["curve"] for key in ("end", "take_off")},
            "bands": {key: [one[key]["low"], one[key]["high"]] for key in ("end", "take_off")},
        }
        for name, one in panel["methods"].items()
    }
    return {"rates": panel["rates"], "seeds": len(panel["seeds"]), "methods": methods}


def here(names: list[str]) -> dict[str, list[dict[str, Any]]]:
    """The runs in the page's engine of these names of `HERE`."""
    import trlib

    card, data = packed(trlib.load_policy("dial"))
    checkpoint = {"card": card.json(), "weights": base64.b64encode(data).decode()}
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    with served(ENGINE) as address, browser() as chromium:
        page = chromium.new_page()
        page.goto(f"{address}/js/")
        for name in names:
            for seed in SEEDS:
                for rate in RATES:
                    settings = {
                        **HERE[name],
                        "lr": rate,
                        "epochs": RULES["uses"],
                        "group": RULES["group"],
                        "seed": seed,
                        "probe": 0,
                    }
                    run = page.evaluate(RUN, {**checkpoint, "settings": settings, "rules": RULES})
                    take_off = sum(run["rewards"][:TEN]) / TEN
                    found[name].append(
                        {"rate": rate, "seed": seed, "take_off": take_off, "end": run["end"]}
                    )
                    print(
                        f"  {name:<6} {rate:g} {seed}: {take_off:.3f}, {run['end']:.3f}",
                        flush=True,
                    )
    return found


def main() -> int:
    names = [] if "--record" in sys.argv[1:] else sys.argv[1:] or [*HERE]
    before = json.loads(CONTEST.read_text(encoding="utf-8")) if CONTEST.exists() else {}
    try:
        reference = {**before.get("reference", {}), **(here(names) if names else {})}
    except NoChromium as error:
        print(error, file=sys.stderr)
        return 1
    record = recorded()
    titles = {name: METHODS[name] for name in record["methods"]}
    made = {"rules": RULES, "names": titles, "record": record, "reference": reference}
    CONTEST.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
