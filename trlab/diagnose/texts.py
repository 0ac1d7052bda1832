"""Every sentence of a diagnosis, once: the terminal, the HTML page and the book's page in the browser all read it here.

`python -m tools.diagnose_page` hands this table to the JavaScript side, so a sentence is never written twice. Numbers
arrive in a sentence as text, already formatted. The entries whose names begin with "page." are HTML; the heads of a
table are in one entry, with ¦ between them.
"""

from __future__ import annotations

TEXTS: dict[str, str] = {
    # -- the verdict ---------------------------------------------------------------------------------------------------
    "headline.true": "These findings hold: nothing in the numbers speaks against them.",
    "headline.unknown": (
        "These findings hold only if logp_rollout is what the sampler drew from, which the file does not say."
    ),
    "headline.raw": "These findings do not hold: logp_rollout is not what the sampler drew from.",
    "headline.shift": "These findings do not hold: the log-probs are shifted by one token.",
    "headline.biased": "These findings do not hold: the mean of {ratio} should be 1 and is {mean}.",
    "headline.gross": "These findings do not hold: learner and sampler differ by {deviation} nats per token.",
    "meaning.processed": (
        "They are processed{details}: logp_rollout is the log-prob of the distribution that sampled. The findings hold."
    ),
    "meaning.same": (
        "They are the same, raw or processed{details}: at temperature 1 nothing is divided. The findings hold, as long "
        "as no top-p, top-k or penalty changed the distribution."
    ),
    "meaning.learner": (
        "The learner has to score at the sampler's temperature, too: check that logp was computed at {at}. Where it "
        "was not, it shows below as a mismatch."
    ),
    "meaning.that": "that temperature",
    "meaning.temperature": "temperature {temperature}",
    "meaning.top_p": (
        "With top-p {top_p} the sampler never draws from the rest, to which the learner gives a probability: the mean "
        "of a ratio to μ lies below 1 by as much."
    ),
    "meaning.raw": (
        "They are raw, and the sampler changed the distribution{details}: logp_rollout is not the log-prob of the "
        "distribution that sampled."
    ),
    "meaning.lost": (
        "What takes logp_rollout for log μ does not hold: π/μ, the mismatch, the effective sample size, and what TIS, "
        "DPPO and QUATRO would do."
    ),
    "meaning.free_old": (
        "What compares two passes of the learner holds: the clip ratio around logp_old and the staleness π/π_old."
    ),
    "meaning.free_none": (
        "The file has no logp_old, so even the clip ratio is taken to logp_rollout: none of the findings is free of it."
    ),
    "meaning.not_back": (
        "It cannot be recovered. A log-prob divided by the temperature is not the log-prob at that temperature: "
        "the sum over the vocabulary is missing. Record it again, after the processors (vLLM: "
        "logprobs_mode=processed_logprobs)."
    ),
    "meaning.shift": (
        "They are shifted by one token: logp_rollout agrees with {column} of the token {where} (correlation {best}) "
        "and not with that of its own token (correlation {same}). The findings below do not hold until this is mended."
    ),
    "meaning.shift_before": "before it",
    "meaning.shift_after": "after it",
    "meaning.shift_cause": (
        "Position t of a model's output scores token t + 1. Cut the last position off the log-probs and the first "
        "off the tokens, in the sampler's column and in the learner's alike."
    ),
    "meaning.biased": (
        "The numbers speak against them: over tokens that the sampler drew, the mean of {ratio} should be 1 and is "
        "{mean} ± {error}{capped}.{kind} The findings below do not hold until this is explained."
    ),
    "meaning.capped": " ({capped} with every ratio cut at {cap})",
    "meaning.stated": " They are said to be {logprobs}{details}.",
    "meaning.gross": (
        "The numbers speak against them: {column} and logp_rollout differ by {deviation} nats per token on average, "
        "more than any rounding or usual batch of updates gives.{kind} The findings below do not hold until this is "
        "explained."
    ),
    "meaning.causes": (
        "Look for log-probs shifted by one token, recorded before temperature, top-p or top-k were applied, or of a "
        "text that was tokenized again."
    ),
    "meaning.updates": (
        "Many updates on the same tokens also raise the mean of π/μ. Record the learner's log-probs before its first "
        "update as logp_old: their mean ratio must be 1 whatever the updates did."
    ),
    "meaning.unknown": (
        "It is not known whether logp_rollout is the log-prob of the distribution that sampled: {how}. The findings "
        "below take it for that."
    ),
    "meaning.how_temperature": "say --temperature",
    "meaning.how_both": "say --logprobs raw or --logprobs processed, and --temperature",
    "meaning.known_raw": "They are raw",
    "meaning.known_not": "vLLM records raw log-probs unless it is told otherwise; TRL, verl and prime-rl tell it to "
    "record processed ones",
    "meaning.differ": (
        "{known}. Raw and processed log-probs are the same at temperature 1 without top-p, top-k and penalties, and "
        "differ otherwise."
    ),
    # -- why is my clip ratio 0? ---------------------------------------------------------------------------------------
    "policy.logp_old": "the learner before this batch's updates (logp_old)",
    "policy.logp_rollout": "the policy that sampled (logp_rollout)",
    "answer.clips": (
        "It is not 0 here: PPO's window {window} around {policy} silences {count} of {total} tokens, {share}."
    ),
    "answer.no_advantage": (
        "Because every advantage is 0: no token is pushed anywhere, so there is nothing to clip. All completions of a "
        "prompt have the same reward, or the advantages were lost on the way into this file."
    ),
    "answer.identical": (
        "Because every ratio is 1, {exact}: the policy that learns is still {policy}. With one update per batch it "
        "always is when the gradient is taken; there is no trust region until the data are older than the policy."
    ),
    "answer.exact": "to the last bit",
    "answer.rounding": "within rounding (the largest deviation is {largest})",
    "answer.inside": (
        "Because no ratio has left the window {window}: they lie from {low} to {high}. The updates so far have been "
        "too small for the clip to act."
    ),
    "answer.idle": "{tokens} {lie} outside the window {window}, but {they} no advantage, so nothing pushes there.",
    "answer.back": (
        "{tokens} {lie} outside the window {window}, but on the side where a clip does nothing: above it with A < 0 or "
        "below it with A > 0, where the update leads back{idle}."
    ),
    "answer.back_idle": " ({count} have no advantage)",
    "answer.one_update": (
        "If your trainer logs 0 all the time: it makes one update per batch (verl: ppo_mini_batch_size is "
        "train_batch_size and ppo_epochs is 1; TRL: num_iterations is 1 and steps_per_generation does not exceed "
        "gradient_accumulation_steps). If it makes several, this dump is from the first one: dump a later one."
    ),
    "answer.not_silenced": (
        "Of the tokens outside the window {count} {are} not silenced: the advantage is 0, or the update leads back and "
        "PPO's min takes the unclipped side."
    ),
    "answer.hundredth": (
        "The window is {window}; one in a hundred tokens would be silenced by a window from {low} to {high}."
    ),
    "answer.zero": (
        "With advantage 0: {count} of {total} tokens ({share}). Nothing pushes them, so no clip can silence them, but "
        "they count in the denominator."
    ),
    "answer.no_old": (
        "The file has no logp_old, so the ratio is taken to the policy that sampled. A trainer that recomputes "
        "log-probs before its updates (TRL, and verl unless it bypasses that) takes it to the recomputed ones and "
        "sees less: the sampler's own deviation drops out."
    ),
    "answer.copied": (
        "logp_old and logp_rollout are equal to the last bit: the sampler is the learner, or one column was copied "
        "from the other and the sampler's own deviation was not recorded."
    ),
    "answer.anchor": (
        "The anchor decides what is seen: around {policy} the same window would silence {count} tokens, {share}. The "
        "two anchors differ by up to a factor {factor}, which a ratio to {column} never shows."
    ),
    "answer.masked": (
        "{count} of {total} positions ({share}) are masked; whatever the ratio is there, it is not counted{out}."
    ),
    "answer.masked_out": " ({count} of these ratios, which may be padding's, lie outside the window)",
    "answer.average": (
        "A library that averages over all positions, masked ones included, logs {all} instead of {counted}."
    ),
    # -- groups --------------------------------------------------------------------------------------------------------
    "duals.reward": "rewards",
    "duals.advantage": "mean advantages",
    "duals.whole": "{what}, the whole batch as one group",
    "duals.prompts": "{what}, prompt by prompt{warning}",
    "duals.warning": (
        " (of {groups} groups {uneven} have advantages whose sum is not 0: a group may lie in several files, and then "
        "its constraint is another one, or advantages are not relative to the group)"
    ),
    "groups.incomplete": (
        "Incomplete groups: the advantages of {uneven} of {groups} groups do not sum to 0, so the file may hold only a "
        "part of each, or the advantages are not relative to the group. QUATRO's numbers are then wrong: read the "
        "files of all ranks together. They are {names}{more}."
    ),
    "groups.more": " and {count} more",
    # -- a scale for the mismatch --------------------------------------------------------------------------------------
    "scale.bf16": "bf16 weights and arithmetic",
    "scale.int8": "weights rounded to int8",
    "scale.fp8": "weights rounded to fp8",
    "scale.int4": "weights rounded to int4 in blocks of 64",
    "scale.dropout": "attention dropout of 0.1 left on",
    "scale.temperature": "a temperature of 0.7 that the learner forgot",
    "scale.shift": "log-probs shifted by one token",
    "scale.none": "{column} and logp_rollout are the same numbers.",
    "scale.below": (
        "{column} and logp_rollout differ by {deviation} nats per token on average, less than {above} give on {model} "
        "({above_value})."
    ),
    "scale.between": (
        "{column} and logp_rollout differ by {deviation} nats per token on average: on {model} that lies between "
        "{below} ({below_value}) and {above} ({above_value})."
    ),
    "scale.beyond": (
        "{column} and logp_rollout differ by {deviation} nats per token on average, more than {below} give on {model} "
        "({below_value})."
    ),
    # -- the page ------------------------------------------------------------------------------------------------------
    "page.title": "Diagnosis of {name}",
    "page.theme": "Light or dark",
    "page.lead": (
        "{completions} with {tokens} that the loss counts{masked}. How far has the policy moved from what it wrote, "
        "and what would a trust region do about it?"
    ),
    "page.completions": "{count} completion{s}{prompts}",
    "page.prompts": " of {count} prompt{s}",
    "page.masked": ", and {count} positions that the mask leaves out",
    "page.glance_clip": "clip ratio: tokens that PPO silences",
    "page.glance_dppo": "tokens that DPPO (TV) silences",
    "page.glance_effective": "effective sample size, by token",
    "page.glance_ratio": "the ratio π/μ that is farthest from 1",
    "page.clip_heading": "Why is my clip ratio 0?",
    "page.kind_heading": "Which log-probs are these?",
    "page.spread_heading": "How far have the ratios spread?",
    "page.spread": (
        "<p>π is the policy that learns, μ the one that sampled, π<sub>old</sub> the learner before this batch's "
        "updates; π/μ = π/π<sub>old</sub> × π<sub>old</sub>/μ.{split}</p>"
    ),
    "page.split": (
        " Without a column <code>logp_old</code> the updates and the sampler's own deviation cannot be told apart."
    ),
    "page.histogram": (
        "The ratio π/{anchor} that PPO looks at: wide bars count what it keeps, narrow ones in front what it silences. "
        "Dashed lines bound the window; what lies beyond the axis is counted at its ends."
    ),
    "page.quantiles": (
        "The ratio's quantiles over tokens; KL(μ ‖ ·) by k3 and total variation by mean |r − 1| / 2, both per token, "
        "where μ is what sampled"
    ),
    "page.quantile_heads": "ratio¦least¦1 %¦median¦99 %¦most¦outside the window¦exactly 1¦KL, nats¦TV",
    "page.whole": "π/μ<small>whole: now to sampled</small>",
    "page.staleness": "π/π<sub>old</sub><small>staleness: the updates</small>",
    "page.mismatch": "π<sub>old</sub>/μ<small>mismatch: learner to sampler</small>",
    "page.mismatch_heading": "Does the sampler agree with the learner?",
    "page.classes": (
        "The ratio {ratio} by how likely the sampler found the token: 1st to 99th percentile, the dot is the median. "
        "Where a token's logit is off by z, the log of its ratio is off by about (1 − p) z: rare tokens feel it in "
        "full."
    ),
    "page.mixed": (
        "<p>The file has no <code>logp_old</code>, so what follows mixes the sampler's deviation with the updates. "
        "Record the learner's log-probs before its first update to see the sampler alone.</p>"
    ),
    "page.equal": (
        "<p><code>logp_old</code> and <code>logp_rollout</code> are equal to the last bit at every token that counts."
        "</p>"
    ),
    "page.before": (
        "<p>Before any update the learner and the sampler differ by {kl} nats per token (KL) and {tv} in total "
        "variation; the ratios lie from {least} to {most}.</p>"
    ),
    "page.mean": "The mean of π<sub>old</sub>/μ is {mean} ± {error} (one standard error)",
    "page.mean_top_p": (
        "<p>{mean}. Over tokens that μ sampled with top-p {top_p} it is the probability that the learner gives to "
        "what the sampler kept, so a mean below 1 says nothing against the log-probs.</p>"
    ),
    "page.mean_wrong": (
        '<p class="warning">{mean}; over tokens that μ sampled it must be 1, whatever π<sub>old</sub> is. So '
        "<code>logp_rollout</code> are not the log-probs of the distribution that sampled. Look for log-probs recorded "
        "before temperature, top-p or top-k were applied, for a shift by one token, or for a text that was tokenized "
        "again.</p>"
    ),
    "page.mean_other": (
        "<p>{mean}. The learner and the sampler agree, on log-probs that are not those of the distribution that "
        "sampled.</p>"
    ),
    "page.mean_right": (
        "<p>{mean}. Over tokens that μ sampled it must be 1, and it is: nothing speaks against "
        "<code>logp_rollout</code> being the log-probs of the distribution that sampled. A learner that scores at "
        "another temperature would show in the divergences above, not here.</p>"
    ),
    "page.mean_misaligned": "<p>{mean}, on tokens that do not belong together.</p>",
    "page.scale": (
        "What usual mismatches look like: {model} against a copy of itself that differs in one thing, over {tokens} "
        "tokens (<code>{command}</code>)"
    ),
    "page.scale_heads": "mismatch¦mean |log ratio|, nats¦KL, nats¦outside 0.8 to 1.2¦largest ratio",
    "page.scale_here": "this file",
    "page.logged": (
        "<p>Does your log show another ratio? A trainer that logs after its correction shows the bounded one, and its "
        "log stays calm however large the mismatch is.</p>"
    ),
    "page.logged_caption": "The sampler's ratio before and after a correction bounds it",
    "page.logged_heads": "as a trainer may log it¦mean¦largest",
    "page.as it is": "as it is",
    "page.truncate": "at most {cap} (TIS)",
    "page.mask": "0 above {cap}",
    "page.effective_heading": "How much is the batch still worth?",
    "page.effective": (
        "<p>Weighted by π/μ, the {tokens} are worth {share} as many fresh ones (Kish's effective sample size). The "
        "heaviest 1 % of the tokens hold {top} of all weight. Weighted by the product over a whole completion, the "
        "{count} completions are worth {completions} as many.</p>"
    ),
    "page.effects_heading": "What would each method do?",
    "page.effects_heads": (
        "method¦silenced¦of A&nbsp;&gt;&nbsp;0¦of A&nbsp;&lt;&nbsp;0¦of all&nbsp;|A|¦reweighed¦turned back"
    ),
    "page.effects_caption": "Shares are of the tokens that the mask counts",
    "page.own_scale": '<span class="none">own scale</span>',
    "page.never": '<span class="none">never</span>',
    "page.none": '<span class="none">none</span>',
    "page.dash": '<span class="none">–</span>',
    "page.derived": ", derived here",
    "page.around": "<small>around {anchor}{derived}</small>",
    "page.kept": "neither",
    "page.ppo": "only PPO",
    "page.dppo": "only DPPO",
    "page.both": "both",
    "page.all_tokens": "all tokens",
    "page.some_tokens": "{count} of {total} tokens, evenly picked among the silenced and among the others",
    "page.around_mu": (
        " The dashed lines are drawn around μ, while PPO looks at π<sub>old</sub>: a mark may differ from them by the "
        "mismatch."
    ),
    "page.plane": (
        "Probability before and now, {some}. Dashed: PPO's window; solid: total variation {tv}. Outside its border a "
        "token is silenced only where the update would carry it further.{around}"
    ),
    "page.silent": "<p>Neither PPO nor DPPO (TV) silences any token of this batch.</p>",
    "page.agreement": (
        "<p>PPO and DPPO (TV) both silence {both}{both_likely}. PPO alone silences {ppo}{ppo_likely}, DPPO alone "
        "{dppo}{dppo_likely}.</p>"
    ),
    "page.likely": " (median probability when sampled: {probability})",
    "page.term_silenced": "silenced",
    "page.silenced": "it has an advantage, and the method's own loss gives it no gradient",
    "page.term_reweighed": "reweighed",
    "page.reweighed": "kept, but pushed by more than 1 % more or less than the exact importance weight A π/μ",
    "page.term_turned": "turned back",
    "page.turned": "pushed against its first direction: the completion is past its target",
    "page.term_ppo": "PPO, {low} to {high}",
    "page.ppo_window": "ratio left the window on the side the update pushes to",
    "page.term_tis": "TIS, cap {cap}",
    "page.tis_old": ("π<sub>old</sub>/μ, cut at the cap, on the advantages: what lies above the cap is reweighed"),
    "page.tis_none": "no logp_old: policy gradient with π/μ itself cut at the cap",
    "page.term_dppo": "DPPO, TV {tv}, KL {kl}",
    "page.dppo_region": (
        "this token against all others has moved that far from μ and would move further (arXiv 2602.04879)"
    ),
    "page.term_quatro": "QUATRO, {delta} nats per completion",
    "page.quatro": (
        "derived here from the published problem (arXiv 2602.04620); constraints solved from {duals}; it pulls instead "
        "of silencing"
    ),
    "page.which_heading": "Which tokens?",
    "page.class_heads": "probability when sampled¦tokens¦PPO¦DPPO TV¦DPPO KL¦99 % of |π − μ|",
    "page.class_caption": "Silenced tokens by how likely the sampler found them",
    "page.no_text": (
        "<p>The file does not say what the tokens are: a column <code>text</code> with every token's text, or "
        "<code>tokens</code> with ids, would name them.</p>"
    ),
    "page.no_tokens": "<p>Neither PPO nor DPPO silences any.</p>",
    "page.token_heads": "token¦count¦PPO¦DPPO TV¦DPPO KL¦QUATRO turns¦median μ¦π/μ from¦to",
    "page.token_caption": "The tokens that PPO or DPPO silences most often, by their text",
    "page.context_heading": "In context",
    "page.mark_ppo": "only PPO silences",
    "page.mark_dppo": "only DPPO (TV)",
    "page.mark_both": "both",
    "page.example_ppo": "Only PPO silences",
    "page.example_dppo": "Only DPPO (TV) silences",
    "page.example_both": "PPO and DPPO (TV) both silence",
    "page.example_turned": "No mask acts, but QUATRO turns back",
    "page.prompt": "<p>Prompt: {prompt}</p>",
    "page.example": (
        "Completion {completion}, token {position}: probability {before} → {after}, ratio {ratio}, advantage "
        "{advantage}. {quatro}"
    ),
    "page.turns": "QUATRO turns this completion back.",
    "page.turns_not": "QUATRO does not turn this completion back.",
    "page.made": (
        "<details><summary>How this was made</summary><p>The file holds {layout}. Silenced tokens and weights come "
        "from the losses of <code>trlib</code> themselves, in float64; divergences are binary (a token against all "
        "others) because a dump holds only sampled tokens; the exact ones are never smaller. Rows, completions and "
        "tokens are counted from 0.</p>{unread}</details>\n"
    ),
    "page.layout_completion": "one row per completion",
    "page.layout_token": "one row per token",
    "page.unread": "<p>Columns of the file that were not read: {names}.</p>",
    "page.footer": "Made by <code>trlib diagnose</code>{version}. This page loads nothing from anywhere.",
    # -- figures, for a reader who listens -----------------------------------------------------------------------------
    "figure.ratios": (
        "Histogram of the ratio of {tokens} tokens, both axes logarithmic. Nine in ten lie from {low} to {high}. PPO's "
        "window is the band from {window_low} to {window_high}; it silences {silenced} tokens."
    ),
    "figure.plane": (
        "Scatter plot of {count} tokens: probability under the policy that sampled against probability now, both on a "
        "logit scale. Only PPO silences {ppo}, only DPPO (TV) {dppo}, both {both}, neither {kept}. Dashed lines bound "
        "PPO's window, solid lines the total variation {tv}."
    ),
    "figure.classes": (
        "For {count} classes of tokens by the sampler's probability, the 1st to 99th percentile of {ratio}. It is "
        "widest for probability {widest}: from {low} to {high}."
    ),
    "figure.ratio_axis": "ratio (log scale)",
    "figure.class_axis": "{ratio} (log scale)",
    "figure.before_axis": "probability when sampled, μ",
    "figure.after_axis": "probability now, π",
    "figure.below": "below {high}",
    "figure.from": "{low} to {high}",
}


def say(key: str, **values: object) -> str:
    """The text of that name with its values in place; each value is formatted already."""
    return TEXTS[key].format(**values)
