"""Every sentence of a diagnosis, once: the terminal, the JSON and the HTML page all read it here.

A sentence says how its values are written as well, `{share:.2g}` as Python does or
`{share:percent}` by a word of `trcheck.diagnose.formatting`, and takes them where they are: `f` are
the findings. The entries whose names begin with "page." are HTML; the cells of a table's head or row
are in one entry, with ¦ between them.
"""

from __future__ import annotations

import string
from typing import Any

from trcheck.diagnose.formatting import written
from trcheck.diagnose.sentences import CAUSES, WORDS

TEXTS: dict[str, str] = {
    **WORDS,
    **{f"cause.{key}": evidence for key, (evidence, _) in CAUSES.items()},
    **{f"advice.{key}": advice for key, (_, advice) in CAUSES.items()},
    # -- why is my clip ratio 0?
    "policy.logp_old": "the learner before this batch's updates (logp_old)",
    "policy.logp_rollout": "the policy that sampled (logp_rollout)",
    "answer.clips": (
        "It is not 0 here: PPO's window {window} around {policy} silences {count:,} of {total:,} "
        "tokens, {share:percent}."
    ),
    "answer.no_advantage": (
        "Because every advantage is 0: no token is pushed anywhere, so there is nothing to clip. "
        "All completions of a prompt have the same reward, or the advantages were lost on the way "
        "into this file."
    ),
    "answer.identical": (
        "Because every ratio is 1, {exact}: the policy that learns is still {policy}. With one "
        "update per batch it always is when the gradient is taken; there is no trust region until "
        "the data are older than the policy."
    ),
    "answer.exact": "to the last bit",
    "answer.rounding": "within rounding (the largest deviation is {largest:.1g})",
    "answer.inside": (
        "Because no ratio has left the window {window}: they lie from {low:.4g} to {high:.4g}. The "
        "updates so far have been too small for the clip to act."
    ),
    "answer.idle": "{tokens:tokens} {lie} outside the window {window}, but {they} no advantage, so "
    "nothing pushes there.",
    "answer.back": (
        "{tokens:tokens} {lie} outside the window {window}, but on the side where a clip does "
        "nothing: above it with A < 0 or below it with A > 0, where the update leads back{idle}."
    ),
    "answer.back_idle": " ({count:,} have no advantage)",
    "answer.one_update": (
        "If your trainer logs 0 all the time: it makes one update per batch (verl: "
        "ppo_mini_batch_size is train_batch_size and ppo_epochs is 1; TRL: num_iterations is 1 "
        "and steps_per_generation does not exceed gradient_accumulation_steps). If it makes "
        "several, this dump is from the first one: dump a later one."
    ),
    "answer.not_silenced": (
        "Of the tokens outside the window {count:,} {are} not silenced: the advantage is 0, or the "
        "update leads back and PPO's min takes the unclipped side."
    ),
    "answer.hundredth": (
        "The window is {window}; one in a hundred tokens would be silenced by a window from "
        "{low:.3g} to {high:.3g}."
    ),
    "answer.zero": (
        "With advantage 0: {count:,} of {total:,} tokens ({share:percent}). Nothing pushes them, "
        "so no clip can silence them, but they count in the denominator."
    ),
    "answer.no_old": (
        "The file has no logp_old, so the ratio is taken to the policy that sampled. A trainer "
        "that recomputes log-probs before its updates (TRL, and verl unless it bypasses that) "
        "takes it to the recomputed ones and sees less: the sampler's own deviation drops out."
    ),
    "answer.copied": (
        "logp_old and logp_rollout are equal to the last bit: the sampler is the learner, or one "
        "column was copied from the other and the sampler's own deviation was not recorded."
    ),
    "answer.anchor": (
        "The anchor decides what is seen: around {policy} the same window would silence {count:,} "
        "tokens, {share:percent}. The two anchors differ by up to a factor {factor:.3g}, which a "
        "ratio to {column} never shows."
    ),
    "answer.masked": (
        "{count:,} of {total:,} positions ({share:percent}) are masked; whatever the ratio is "
        "there, it is not counted{out}."
    ),
    "answer.masked_out": " ({count:,} of these ratios, which may be padding's, lie outside the "
    "window)",
    "answer.average": (
        "A library that averages over all positions, masked ones included, logs {all:percent} "
        "instead of {counted:percent}."
    ),
    # -- groups
    "duals.reward": "rewards",
    "duals.advantage": "mean advantages",
    "duals.whole": "{what}, the whole batch as one group",
    "duals.prompts": "{what}, prompt by prompt{warning}",
    "duals.warning": " (groups are incomplete here, so their constraints are others)",
    # -- a scale for the mismatch
    "scale.bf16": "bf16 weights and arithmetic",
    "scale.int8": "weights rounded to int8",
    "scale.fp8": "weights rounded to fp8",
    "scale.int4": "weights rounded to int4 in blocks of 64",
    "scale.dropout": "attention dropout of 0.1 left on",
    "scale.temperature": "a temperature of 0.7 that the learner forgot",
    "scale.shift": "log-probs shifted by one token",
    "scale.none": "{column} and logp_rollout are the same numbers.",
    "scale.below": (
        "{column} and logp_rollout differ by {deviation:.2g} nats per token on average, less than "
        "{above} give on {model} ({above_value:.2g})."
    ),
    "scale.between": (
        "{column} and logp_rollout differ by {deviation:.2g} nats per token on average: on {model} "
        "that lies between {below} ({below_value:.2g}) and {above} ({above_value:.2g})."
    ),
    "scale.beyond": (
        "{column} and logp_rollout differ by {deviation:.2g} nats per token on average, more than "
        "{below} give on {model} ({below_value:.2g})."
    ),
    # -- the page
    "page.document": """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="{generator}">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>Diagnosis of {f.source:shown}</title>
<style>
{style}</style>
</head>
<body>
<header>
<button type="button" hidden>Light or dark</button>
<h1>Diagnosis of {f.source:shown}</h1>
{verdict}
</header>
<main>
{body}</main>
<footer>Made by <code>trlib diagnose</code>{version}. This page loads nothing from \
anywhere.</footer>
<script>{script}</script>
</body>
</html>
""",
    "page.verdict": (
        '<p class="verdict" data-verdict="{j.verdict}" data-causes="{causes}">'
        '<span aria-hidden="true">{mark}</span> {j.headline:text}</p>'
    ),
    "page.lead": (
        '<p class="lead">{f.completions:completions}{prompts} with {f.tokens:tokens} that the '
        "loss counts{masked}. How far has the policy moved from what it wrote, and what would a "
        "trust region do about it?</p>\n"
    ),
    "page.prompts": " of {f.prompts:prompts}",
    "page.masked": ", and {count:,} positions that the mask leaves out",
    "page.glance": (
        '<dl class="glance"><div><dt>clip ratio: tokens that PPO silences</dt>'
        "<dd>{f.answer.share:percent}</dd></div>"
        "<div><dt>tokens that DPPO (TV) silences</dt><dd>{f.effects[2].share:percent}</dd></div>"
        "<div><dt>effective sample size, by token</dt><dd>{f.effective.tokens:percent}</dd></div>"
        "<div><dt>the ratio π/μ that is farthest from 1</dt><dd>{farthest}</dd></div></dl>\n"
    ),
    "page.clip_heading": "Why is my clip ratio 0?",
    "page.causes_heading": "What is wrong?",
    "page.cause": (
        "<li><strong>{cause.name}</strong>: {cause.evidence:text} {cause.advice:text}</li>"
    ),
    "page.healthy": "<p>No test accuses this dump.</p>",
    "page.unusual": "<p>No cause is named, but this is certain and no healthy engine's.</p>",
    "page.unclear": "<p>This dump {j.headline:text}.</p>",
    "page.seen": "<p>So much would have shown:</p>{list}",
    "page.unseen": "<p>Not looked at:</p>{list}",
    "page.spread_heading": "How far have the ratios spread?",
    "page.spread": (
        "<p>π is the policy that learns, μ the one that sampled, π<sub>old</sub> the learner "
        "before this batch's updates; π/μ = π/π<sub>old</sub> × π<sub>old</sub>/μ.{split}</p>"
    ),
    "page.split": (
        " Without a column <code>logp_old</code> the updates and the sampler's own deviation "
        "cannot be told apart."
    ),
    "page.histogram": (
        "The ratio π/{anchor} that PPO looks at: wide bars count what it keeps, narrow ones in "
        "front what it silences. Dashed lines bound the window; what lies beyond the axis is "
        "counted at its ends."
    ),
    "page.quantile_caption": (
        "The ratio's quantiles over tokens; KL(μ ‖ ·) by k3 and total variation by mean |r − 1| "
        "/ 2, both per token, where μ is what sampled"
    ),
    "page.quantile_heads": (
        "ratio¦least¦1 %¦median¦99 %¦most¦outside the window¦exactly 1¦KL, nats¦TV"
    ),
    "page.quantile_row": (
        "{name}¦{s.quantiles[0]:number}¦{s.quantiles[1]:number}¦{s.quantiles[3]:number}"
        "¦{s.quantiles[5]:number}¦{s.quantiles[6]:number}¦{s.outside:percent}¦{s.one:percent}"
        "¦{s.kl:number}¦{s.tv:number}"
    ),
    "page.whole": "π/μ<small>whole: now to sampled</small>",
    "page.staleness": "π/π<sub>old</sub><small>staleness: the updates</small>",
    "page.mismatch": "π<sub>old</sub>/μ<small>mismatch: learner to sampler</small>",
    "page.mismatch_heading": "Does the sampler agree with the learner?",
    "page.classes": (
        "The ratio {ratio} by how likely the sampler found the token: 1st to 99th percentile, "
        "the dot is the median. Where a token's logit is off by z, the log of its ratio is off "
        "by about (1 − p) z: rare tokens feel it in full."
    ),
    "page.mixed": (
        "<p>The file has no <code>logp_old</code>, so what follows mixes the sampler's deviation "
        "with the updates. Record the learner's log-probs before its first update to see the "
        "sampler alone.</p>"
    ),
    "page.equal": (
        "<p><code>logp_old</code> and <code>logp_rollout</code> are equal to the last bit at "
        "every token that counts.</p>"
    ),
    "page.before": (
        "<p>Before any update the learner and the sampler differ by {x.kl:number} nats per token "
        "(KL) and {x.tv:number} in total variation; the ratios lie from {x.quantiles[0]:number} "
        "to {x.quantiles[6]:number}. Over tokens that μ sampled the mean of π<sub>old</sub>/μ "
        "is 1, whatever π<sub>old</sub> is; here it is {f.unbiased.value:.4f} ± "
        "{f.unbiased.error:.4f} (one standard error).</p>"
    ),
    "page.scale_caption": (
        "What usual mismatches look like: {model} against a copy of itself that differs in one "
        "thing, over {tokens:,} tokens (<code>{command}</code>)"
    ),
    "page.scale_heads": "mismatch¦mean |log ratio|, nats¦KL, nats¦outside 0.8 to 1.2¦largest ratio",
    "page.scale_row": (
        "{name}¦{row.deviation:number}¦{row.kl:number}¦{row.outside:percent}¦{row.largest:number}"
    ),
    "page.scale_here": "this file",
    "page.logged": (
        "<p>Does your log show another ratio? A trainer that logs after its correction shows the "
        "bounded one, and its log stays calm however large the mismatch is.</p>"
    ),
    "page.logged_caption": "The sampler's ratio before and after a correction bounds it",
    "page.logged_heads": "as a trainer may log it¦mean¦largest",
    "page.logged_row": "{name}¦{row.mean:number}¦{row.largest:number}",
    "page.as it is": "as it is",
    "page.truncate": "at most {f.limits.cap:g} (TIS)",
    "page.mask": "0 above {f.limits.cap:g}",
    "page.effective_heading": "How much is the batch still worth?",
    "page.effective": (
        "<p>Weighted by π/μ, the {f.tokens:tokens} are worth {f.effective.tokens:percent} as "
        "many fresh ones (Kish's effective sample size). The heaviest 1 % of the tokens hold "
        "{f.effective.top:percent} of all weight. Weighted by the product over a whole "
        "completion, the {f.completions:,} completions are worth "
        "{f.effective.completions:percent} as many.</p>"
    ),
    "page.effects_heading": "What would each method do?",
    "page.effects_heads": (
        "method¦silenced¦of A&nbsp;&gt;&nbsp;0¦of A&nbsp;&lt;&nbsp;0¦of "
        "all&nbsp;|A|¦reweighed¦turned back"
    ),
    "page.effects_row": (
        "{e.name}<small>around {anchor}</small>¦{meter}"
        "¦{e.positive:percent}¦{e.negative:percent}¦{e.advantage:percent}"
        '¦{e.reweighed:,}¦<span class="none">never</span>'
    ),
    "page.quatro_row": (
        "{e.name}<small>around {anchor}, derived here</small>¦{meter}"
        "¦{e.positive:percent}¦{e.negative:percent}¦{e.advantage:percent}"
        '¦<span class="none">own scale</span>¦{e.turned:,}'
    ),
    "page.effects_caption": "Shares are of the tokens that the mask counts",
    "page.legend": (
        "<li>{kept} neither</li><li>{ppo} only PPO</li>"
        "<li>{dppo} only DPPO</li><li>{both} both</li>"
    ),
    "page.all_tokens": "all tokens",
    "page.some_tokens": (
        "{count:,} of {f.tokens:,} tokens, evenly picked among the silenced and among the others"
    ),
    "page.around_mu": (
        " The dashed lines are drawn around μ, while PPO looks at π<sub>old</sub>: a mark may "
        "differ from them by the mismatch."
    ),
    "page.plane": (
        "Probability before and now, {some}. Dashed: PPO's window; solid: total variation "
        "{f.limits.delta_tv:g}. Outside its border a token is silenced only where the update "
        "would carry it further.{around}"
    ),
    "page.silent": "<p>Neither PPO nor DPPO (TV) silences any token of this batch.</p>",
    "page.agreement": (
        "<p>PPO and DPPO (TV) both silence {f.agreement.both:tokens}{both_likely}. PPO alone "
        "silences {f.agreement.ppo:,}{ppo_likely}, DPPO alone "
        "{f.agreement.dppo:,}{dppo_likely}.</p>"
    ),
    "page.likely": " (median probability when sampled: {probability:number})",
    "page.terms": (
        '<dl class="terms"><dt>silenced</dt>'
        "<dd>it has an advantage, and the method's own loss gives it no gradient</dd>"
        "<dt>reweighed</dt><dd>kept, but pushed by more than 1 % more or less than the exact "
        "importance weight A π/μ</dd>"
        "<dt>turned back</dt><dd>pushed against its first direction: the completion is past its "
        "target</dd>"
        "<dt>PPO, {low:.4g} to {high:.4g}</dt>"
        "<dd>ratio left the window on the side the update pushes to</dd>"
        "<dt>TIS, cap {f.limits.cap:g}</dt><dd>{tis}</dd>"
        "<dt>DPPO, TV {f.limits.delta_tv:g}, KL {f.limits.delta_kl:g}</dt><dd>this token against "
        "all others has moved that far from μ and would move further (arXiv 2602.04879)</dd>"
        "<dt>QUATRO, {f.limits.delta_quatro:g} nats per completion</dt><dd>derived here from the "
        "published problem (arXiv 2602.04620); constraints solved from {f.duals}; it pulls instead "
        "of silencing</dd></dl>"
    ),
    "page.tis_old": (
        "π<sub>old</sub>/μ, cut at the cap, on the advantages: what lies above the cap is reweighed"
    ),
    "page.tis_none": "no logp_old: policy gradient with π/μ itself cut at the cap",
    "page.which_heading": "Which tokens?",
    "page.class_heads": "probability when sampled¦tokens¦PPO¦DPPO TV¦DPPO KL¦99 % of |π − μ|",
    "page.class_row": (
        "{name}¦{c.count:,}¦{c.silenced[ppo]:,}¦{c.silenced[dppo_tv]:,}¦{c.silenced[dppo_kl]:,}"
        "¦{c.tv:number}"
    ),
    "page.class_caption": "Silenced tokens by how likely the sampler found them",
    "page.no_text": (
        "<p>The file does not say what the tokens are: a column <code>text</code> with every "
        "token's text, or <code>tokens</code> with ids, would name them.</p>"
    ),
    "page.no_tokens": "<p>Neither PPO nor DPPO silences any.</p>",
    "page.token_heads": "token¦count¦PPO¦DPPO TV¦DPPO KL¦QUATRO turns¦median μ¦π/μ from¦to",
    "page.token_row": (
        "{w.text:token}¦{w.count:,}¦{w.silenced[ppo]:,}¦{w.silenced[dppo_tv]:,}"
        "¦{w.silenced[dppo_kl]:,}¦{w.turned:,}¦{w.probability:number}¦{w.ratio[0]:number}"
        "¦{w.ratio[1]:number}"
    ),
    "page.token_caption": "The tokens that PPO or DPPO silences most often, by their text",
    "page.context_heading": "In context",
    "page.context_legend": (
        '<ul class="legend"><li><mark class="m-ppo">only PPO silences</mark></li>'
        '<li><mark class="m-dppo">only DPPO (TV)</mark></li>'
        '<li><mark class="m-both">both</mark></li></ul>'
    ),
    "page.example_ppo": "Only PPO silences",
    "page.example_dppo": "Only DPPO (TV) silences",
    "page.example_both": "PPO and DPPO (TV) both silence",
    "page.example_turned": "No mask acts, but QUATRO turns back",
    "page.prompt": "<p>Prompt: {e.prompt:token}</p>",
    "page.example": (
        '<article class="example"><h3>{kind} {own.text:token}</h3>{prompt}'
        '<p class="context">{before}{words} {after}</p>'
        "<p>Completion {e.completion}, token {e.position}: probability {e.before:number} → "
        "{e.after:number}, ratio {ratio:number}, advantage {e.advantage:+.3g}. {quatro}</p>"
        "</article>\n"
    ),
    "page.turns": "QUATRO turns this completion back.",
    "page.turns_not": "QUATRO does not turn this completion back.",
    "page.made": (
        "<details><summary>How this was made</summary><p>The file holds {layout}. Silenced "
        "tokens and weights come from the losses of <code>trlib</code> themselves, in float64; "
        "divergences are binary (a token against all others) because a dump holds only sampled "
        "tokens; the exact ones are never smaller. Rows, completions and tokens are counted from "
        "0.</p>{unread}</details>\n"
    ),
    "page.layout_completion": "one row per completion",
    "page.layout_token": "one row per token",
    "page.recognised": "<p>Columns that were recognised: {names}.</p>",
    "page.pair": "<code>{theirs:shown}</code> as {ours}",
    "page.unread": "<p>Columns of the file that were not read: {names}.</p>",
    "page.column": "<code>{name:shown}</code>",
    # -- figures, for a reader who listens
    "figure.ratios": (
        "Histogram of the ratio of {f.tokens:,} tokens, both axes logarithmic. Nine in ten lie "
        "from {low:.3g} to {high:.3g}. PPO's window is the band from {window_low:.4g} to "
        "{window_high:.4g}; it silences {f.effects[0].silenced:,} tokens."
    ),
    "figure.plane": (
        "Scatter plot of {count:,} tokens: probability under the policy that sampled against "
        "probability now, both on a logit scale. Only PPO silences {ppo}, only DPPO (TV) {dppo}, "
        "both {both}, neither {kept}. Dashed lines bound PPO's window, solid lines the total "
        "variation {f.limits.delta_tv:g}."
    ),
    "figure.classes": (
        "For {count} classes of tokens by the sampler's probability, the 1st to 99th percentile of "
        "{ratio}. It is widest for probability {widest}: from {row.ratio[0]:.3g} to "
        "{row.ratio[2]:.3g}."
    ),
    "figure.ratio_axis": "ratio (log scale)",
    "figure.class_axis": "{ratio} (log scale)",
    "figure.before_axis": "probability when sampled, μ",
    "figure.after_axis": "probability now, π",
    "figure.below": "below {row.high:g}",
    "figure.from": "{row.low:g} to {row.high:g}",
}


class _Sentence(string.Formatter):
    def format_field(self, value: Any, spec: str) -> str:
        return written(value, spec)


def say(key: str, **values: object) -> str:
    """The text of that name with its values in place, each written as the text asks for it."""
    return _Sentence().vformat(TEXTS[key], (), values)
