"""The book's conformance page, from a recorded run.

python -m trlib.lab.conformance.page --run > book/conformance.md   runs every library, rewrites the record, then the page
python -m trlib.lab.conformance.page > book/conformance.md         the page from the record as it is
"""

from __future__ import annotations

import json
import platform
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

from trlib.lab.conformance import libraries
from trlib.lab.conformance.report import AGREES, Finding
from trlib.lab.conformance.vectors import load

PATH = Path(__file__).with_name("record.json")
NAMES = {"verl": "verl", "trl": "TRL"}

HEAD = """\
# What the libraries compute

:::{{div}} lead
Two losses of one name need not be one loss. Here the losses of {libraries} are run on the same numbers as ours, and each difference is named: whose log-probabilities, which bound, which constant, which mean.
:::

A line says *agrees* when value and gradient agree to 10⁻⁶ relative in float64 on every batch of the {{ref}}`golden vectors <the-vectors>`, and otherwise which definition does give the library's numbers: choices are changed one by one and together until value and gradient agree on every batch. So each line was found by running, not by reading. Recorded with {versions}.

A difference is not a fault. Some are guards that never act in a healthy run (a log-ratio clamped at ±20), some are choices a paper leaves open, and a few change what you train:

- **DPPO in verl** draws its region around the recomputed old policy. Its purpose, drift between sampler and learner, is then out of its sight. A setting puts the sampler's log-probabilities in that place, `algorithm.rollout_correction.bypass_mode=True` (read, not run: see the last table).
- **`clip_ratio` alone does nothing in verl**: `clip_ratio_low` and `clip_ratio_high` have a default of 0.2 and win. A DPPO threshold has to be set in those two.
- **With one update a rollout TRL's ratio is identically 1.** No token is ever clipped, and the clip ratio you log is 0: there is nothing to clip before the policy has moved.
- **CISPO's ε in TRL is the bound itself.** A value of 0.2 multiplies every token by at most 0.2.
- **TRL multiplies its KL term by the ratio** unless `use_bias_correction_kl=False`: another gradient than GRPO's, on the first update too.
"""
TAIL = """\
## Read, not run

Not installed beside this package, so these lines come from reading their code and stand here with that caveat.

| who | what |
|---|---|
| DPPO's authors, SkyRL, prime-rl | draw DPPO's region around the policy that sampled |
| thresholds in examples | DPPO's authors and verl .15 (TV) and .05 (KL); SkyRL .2 and .05; prime-rl .2 and a penalty of 10⁻³ on the squared log-ratio |
| the weight's bound in DPPO | the authors' example 10⁴, which switches it off; verl's function 20, but its actor's configuration says 3 and wins |
| verl's `bypass_mode` | the default trainer puts the sampler's log-probabilities in the place of the old ones and keeps the loss; with `trainer.use_v1=False` it also replaces the loss by PPO's clip, whatever `loss_mode` says |
| prime-rl | documents a bound on the ratio that its code does not have |

(the-vectors)=
## The vectors

`trlib conformance --vectors` prints where they lie: one JSON file of inputs, values and gradients, and a page that specifies it, so that they can be used without this package. Batches are small and each is there to tell definitions apart: two anchors, rare tokens, extreme ratios, tokens next to probability 1, advantages of 0, rows with nothing unmasked.

Your own loss:

```
trlib conformance --function my.losses:clip --loss ppo
trlib conformance --function my.losses:clip                 # which loss is it?
trlib conformance --function my.verl:loss --signature verl --loss dppo_tv --anchor rollout
trlib conformance --function my.trainers:Mine --signature trl --loss cispo
```

A plain function takes `logp`, `logp_old`, `advantages`, `mask` and returns a value per token or one number. The exit status is 0 when all agrees and 3 when something differs, for a test of your own. The same comparisons in Python, to the digit, are in `tests/parity`.
"""


def record() -> dict[str, Any]:
    """Run every library and keep what was found."""
    vectors = load()
    found = []
    for library in libraries.WRITTEN_FOR:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            findings = [f.as_dict() for f in libraries.hold(vectors, library)]
        found.append({"library": library, "version": libraries.installed(library), "findings": findings})
    return {"vectors": vectors.version, "python": platform.python_version(), "torch": version("torch").split("+")[0],
            "libraries": found}


def page(document: dict[str, Any]) -> str:
    """The page as MyST markdown."""
    found = document["libraries"]
    named = [f"{NAMES[entry['library']]} {entry['version']}" for entry in found]
    versions = f"{', '.join(named)}, torch {document['torch']} and Python {document['python']}, on a CPU"
    parts = [HEAD.format(libraries=" and ".join(named), versions=versions)]
    for entry in found:
        findings = [Finding.from_dict(f) for f in entry["findings"]]
        parts.append(f"## {NAMES[entry['library']]} {entry['version']}\n\n{_table(findings)}")
    return "\n".join([*parts, TAIL])


def _table(findings: list[Finding]) -> str:
    rows = ["| function | held against | |", "|---|---|---|"]
    for finding in findings:
        status = "agrees" if finding.status == AGREES else f"**{finding.status}**"
        words = finding.words.replace("|", "\\|")
        join = ("; " if finding.status == AGREES else ": ") if words else ""
        rows.append(f"| `{finding.subject}` | `{finding.reference}` | {status}{join}{words} |")
    return "\n".join(rows) + "\n"


def main(arguments: list[str]) -> None:
    """Write the page to standard output."""
    if "--run" in arguments:
        PATH.write_text(json.dumps(record(), indent=1, ensure_ascii=False) + "\n")
    sys.stdout.write(page(json.loads(PATH.read_text())))


if __name__ == "__main__":
    main(sys.argv[1:])
