"""What a judgement says: of each cause the evidence and the advice, and the words of the verdict."""

CAUSES = {
    "non_finite": (
        "{columns} where the mask is True, in completions {completions}.",
        (
            "Look for a softmax over a row that is masked altogether, logits that overflow float16, "
            "or a token that the sampler could not score. One such token makes the whole gradient "
            "NaN."
        ),
    ),
    "overflow": (
        (
            "The learner's log-prob of {count:,} tokens is up to {largest:.3g} nats above the "
            "sampler's: their ratio is infinite in float32."
        ),
        (
            "Look for log-probs filled with a large negative number (-inf, -1e9) at tokens that the "
            "mask counts; clamp the log-ratio before exp."
        ),
    ),
    "probabilities": (
        "{column}: every value lies from 0 to 1.",
        "These are probabilities: take the logarithm.",
    ),
    "losses": (
        "{column}: no value lies below 0, and some lie above 1.",
        "These are losses, -log p: change the sign.",
    ),
    "above": (
        "{column}: {count:,} values lie above 0, up to {largest:.3g}.",
        "A log-prob is at most 0. These may be logits, or scores to which a bonus was added.",
    ),
    "unit": (
        (
            "The learner's log-probs are {low:.3f} times the sampler's at unlikely tokens and "
            "{high:.3f} times at likely ones: {column} is in units of {unit}."
        ),
        "Use the natural logarithm on both sides.",
    ),
    "clipped": (
        (
            "{count:,} values of {column} are exactly {least:.4g}, the least of all, where the others "
            "differ."
        ),
        (
            "The log-probs are clipped at that floor. Record them before the clamp: rare tokens "
            "matter most."
        ),
    ),
    "padding": (
        (
            "{tokens:,} tokens at the ends of {completions:,} rows are one constant, and the mask "
            "counts them."
        ),
        (
            "They are padding. Set the mask to 0 behind the last token: counted, they dilute every "
            "mean over tokens."
        ),
    ),
    "shift": (
        (
            "The sampler's log-probs agree with the learner's of the token {where} (correlation "
            "{best:.2f}), not with those of their own token ({same:.2f})."
        ),
        (
            "Position t of a model's output scores token t + 1. Cut the last position off the "
            "log-probs and the first off the tokens, in the sampler's column and in the learner's "
            "alike."
        ),
    ),
    "unrelated": (
        (
            "The learner's and the sampler's log-probs hardly agree anywhere (correlation "
            "{same:.2f})."
        ),
        (
            "The rows of the two columns belong to different completions: join them by the "
            "completion's id, not by place."
        ),
    ),
    "pairing": (
        (
            "{count:,} of {total:,} completions differ by {far:.2g} nats per token, the others by "
            "{rest:.2g}. They are {completions}."
        ),
        (
            "These completions were scored with another prompt or another text: look for rows that "
            "were reordered, a prompt that was cut, or a text that was tokenized again."
        ),
    ),
    "prompt": (
        (
            "{tail_same:,} of the {tail_count:,} tokens with a ratio beyond e² or e⁻² stand at one "
            "place of their completions, and there the learner holds them unlikely; the tokens around "
            "them agree."
        ),
        (
            "These completions were scored behind another prompt, and their tokens depend on it at "
            "that place only: look for rows that were reordered, or a prompt that was cut."
        ),
    ),
    "support": (
        (
            "{falling_percent:.0f} % of the difference lies in tokens that the learner holds less "
            "likely, and the mean of π/μ is {mean:.3f} ± {ratio_error:.2g} instead of 1: a mass is "
            "missing."
        ),
        (
            "The sampler drew from a cut vocabulary (top-p, top-k or min-p) and the learner scores "
            "the whole one. Sample with top-p 1 and top-k off, or give the learner the same cut."
        ),
    ),
    "support_raw": (
        (
            "{rising_percent:.0f} % of the difference lies in tokens that the learner holds more "
            "likely, and the mean of π/μ is {mean:.3f} ± {ratio_error:.2g} instead of 1: a mass is "
            "missing."
        ),
        (
            "One side cuts the vocabulary (top-p, top-k) and the sampler's log-probs are of the "
            "whole: record them after the cut (vLLM: logprobs_mode=processed_logprobs)."
        ),
    ),
    "support_said": (
        "The sampler's log-probs are raw, and it cut the vocabulary{details}.",
        "Record them after the cut (vLLM: logprobs_mode=processed_logprobs).",
    ),
    "temperature": (
        (
            "log π/μ changes by {slope_x:+.3f} per nat of log μ and by {slope_y:+.3f} per nat of log "
            "π ({slope_x_z:+.0f} and {slope_y_z:+.0f} standard errors, whole completions resampled); "
            "noise gives a slope of neither sign in both. A line explains {explained:.2f} of the "
            "difference's variance, and no token above one half goes against it ({likely:+.2f} of 1). "
            "The mean of π/μ is {mean:.3f} ± {ratio_error:.2g}, so the sampler's log-probs are right."
        ),
        (
            "The learner scores at another temperature than the sampler drew at: divide its logits by "
            "the sampler's temperature before the softmax."
        ),
    ),
    "temperature_sampler": (
        (
            "log π/μ changes by {slope_x:+.3f} per nat of log μ and by {slope_y:+.3f} per nat of log "
            "π ({slope_x_z:+.0f} and {slope_y_z:+.0f} standard errors, whole completions resampled); "
            "noise gives a slope of neither sign in both. The mean of π/μ is {mean:.3f} ± "
            "{ratio_error:.2g} instead of 1, so the sampler's log-probs are not of the distribution "
            "that was drawn from."
        ),
        (
            "The sampler's log-probs were recorded before its temperature was applied, or the learner "
            "applies one that the sampler does not: record processed ones (vLLM: "
            "logprobs_mode=processed_logprobs)."
        ),
    ),
    "temperature_said": (
        "The sampler's log-probs are raw, and it changed the distribution{details}.",
        (
            "They cannot be recovered, because the sum over the vocabulary is missing. Record them "
            "after the temperature (vLLM: logprobs_mode=processed_logprobs)."
        ),
    ),
    "staleness": (
        (
            "Learner and sampler differ by {youngest:.2g} nats of a logit in completions of the "
            "newest version and by {older:.2g} (± {lag_error:.1g}) in older ones, up to {span:g} "
            "versions older."
        ),
        (
            "The sampler lags. Bound the age of a completion, sync weights more often, or weight by a "
            "truncated π/μ."
        ),
    ),
    "dropout": (
        (
            "{moved:.2g} nats of a logit between two passes of the learner, and {against_percent:.0f} "
            "% ± {against_error_percent:.0f} of the tokens that left PPO's window moved against their "
            "advantage; updates move most along it, noise a half."
        ),
        (
            "The learner's passes are noisy: set dropout to 0 or score in evaluation mode; in a "
            "mixture of experts, replay the sampler's routes."
        ),
    ),
    "noise": (
        (
            "{sure:percent} of the tokens that are all but certain differ by more than three nats of "
            "a logit: no softmax makes such noise."
        ),
        (
            "Something was added to the log-probs after the softmax, or they were stored in few "
            "digits: record them in float32."
        ),
    ),
    "sign": (
        (
            "Since logp_old the policy has moved against its advantages: {against_percent:.0f} % ± "
            "{against_error_percent:.0f} of the {n_out_now:,.0f} tokens that left PPO's window did, and "
            "log π/π_old falls with the advantage among tokens of like probability "
            "({along_now_z:+.1f} standard errors). It has moved by {moved:.2g} nats of a logit."
        ),
        (
            "Look at the loss's sign: an optimizer minimises, so the loss is minus the advantage times "
            "the ratio. Or logp and logp_old stand in each other's column."
        ),
    ),
    "old": (
        (
            "logp and logp_rollout agree ({now:.2g} nats of a logit), and logp_old has hardly anything "
            "in common with either (correlation {same:.2f}, {old:.2g} nats of a logit)."
        ),
        (
            "logp_old belongs to other completions: another batch, or rows in another order. Join the "
            "columns by the completion's id."
        ),
    ),
    "temperature_some": (
        (
            "In {some:,} of {completions:,} completions log π/μ changes by {slope_x:+.3f} per nat of "
            "log μ and by {slope_y:+.3f} per nat of log π ({slope_x_z:+.0f} and {slope_y_z:+.0f} "
            "standard errors), and a line explains {explained:.2f} of the difference's variance; the "
            "others agree ({rest:.2g} nats of a logit, {size:.2g} in these). They are {listed}."
        ),
        (
            "These completions were sampled at another temperature than the learner scores at: look "
            "for requests, data sources or groups with a temperature of their own, and divide each "
            "completion's logits by the one that it was sampled at. If there is one temperature only, "
            "the learner has another, and the model is certain of the tokens of the other completions."
        ),
    ),
    "dead": (
        (
            "{dead:,} of {groups:,} groups, {half}({share:.0f} %, from {low:.0f} to {high:.0f} % of "
            "such batches' groups), have no advantage: their completions got the same reward."
        ),
        (
            "They teach nothing. Choose prompts that are neither solved nor hopeless, sample more "
            "completions of each, or filter such groups before the batch is filled."
        ),
    ),
    "no_advantage": (
        "Every advantage is 0.",
        "Nothing is learned: all rewards of a group are the same, or the advantages were lost.",
    ),
    "truncation": (
        (
            "{count:,} of {total:,} completions ({share:.0f} %) end at exactly {longest:,} tokens, "
            "the longest."
        ),
        (
            "They were cut at the limit before they could answer. Raise it, or leave cut completions "
            "out of the loss."
        ),
    ),
    "edited": (
        (
            "{tail_count:,} tokens have a ratio beyond e² or e⁻² ({tail:percent}), while "
            "{still:percent} of all tokens hardly differ and the mean of π/μ is {mean:.2f} ± "
            "{ratio_error:.1g}. The learner holds these tokens less likely, and {worded:percent} of the "
            "same words elsewhere."
        ),
        (
            "The sampler's logits are edited before it draws (repetition or presence penalty, logit "
            "bias, banned words) and the learner's are not. Switch the edit off, or apply the same to "
            "the learner's logits. In a mixture of experts look at its routing as well: a token that "
            "another expert scores also has such a ratio."
        ),
    ),
    "repeated_string": (
        (
            "The same {length} tokens in a row, {tokens}, stand in {count:,} of {completions:,} "
            "completions, although they are unlikely by the sampler: draws would do that once in "
            "e^{nats:.0f} dumps."
        ),
        (
            "Something else than the policy put them there: a tool's answer, or text that a template "
            "adds. Set the mask to 0 there."
        ),
    ),
    "foreign": (
        (
            "{low:percent} of the tokens have a probability below e^-{least:g} by the sampler; tokens "
            "that it drew are at most {bound:percent} of all."
        ),
        (
            "The policy did not write these tokens: a tool's answer, a prompt or a forced prefix. Set "
            "the mask to 0 there."
        ),
    ),
    "filled": (
        (
            "{count:,} tokens in {completions:,} completions have the sampler's log-prob {value:g} "
            "exactly, while the learner holds them unlikely."
        ),
        (
            "The policy did not write these tokens, or the sampler returned no log-probs for them and "
            "they were filled: set the mask to 0 there."
        ),
    ),
    "end": (
        (
            "The last tokens of {count:,} completions have exactly {value:g} in {column}, while the "
            "other column tells them apart: they differ by {far:.2g} nats, the other tokens by "
            "{rest:.2g}."
        ),
        (
            "The end token has no log-prob of its own, and a number was filled in. Let the sampler "
            "return it (vLLM: include_stop_str_in_output, ignore_eos off), or set the mask to 0 at "
            "the end token."
        ),
    ),
    "cut": (
        (
            "{count:,} of {total:,} completions ({share:.0f} %) end at exactly {longest:,} tokens, "
            "the longest, without a token that ends the others ({end})."
        ),
        (
            "They were cut at the limit before they could answer. Raise it, or leave cut completions "
            "out of the loss."
        ),
    ),
    "half": (
        (
            "The advantages of {uneven:,} of {groups:,} groups do not sum to 0, and they are relative "
            "to a group: {names}."
        ),
        (
            "The file holds a part of these groups. Read the files of all ranks together. If "
            "completions were filtered out after their advantages were computed (overlong ones, for "
            "example), write them to the file as well, with a mask of 0."
        ),
    ),
    "late": (
        (
            "The last counted token of {count:,} of {completions:,} completions is none that both "
            "columns know, and the first token, on which they agree, is masked."
        ),
        "The mask begins one token late and ends one late: shift it back by one.",
    ),
    "everywhere": (
        (
            "Learner and sampler differ by {deviation:.2g} nats a token, {early:.2g} times as much in "
            "the first two tokens of a completion as behind them: what stands before the completion "
            "is another text."
        ),
        (
            "All completions were scored behind another prompt: look for rows that were reordered, a "
            "prompt that was cut, a chat template or a first token that one side adds, or left "
            "padding that is attended to."
        ),
    ),
    "repeated": (
        (
            "Tokens that a completion holds already are {seen:.2g} ± {seen_error:.1g} nats likelier "
            "for the learner than for the sampler, among tokens of like probability: "
            "{seen_explained:percent} of the difference."
        ),
        (
            "The sampler penalises repetitions (repetition, presence or frequency penalty) and the "
            "learner does not. Switch the penalty off, or apply it to the learner's logits."
        ),
    ),
    "cache": (
        (
            "The mismatch grows from version to version up to {before:.2g} nats of a logit, falls to "
            "{after:.2g} at version {reset:g}, and grows again."
        ),
        (
            "The sampler keeps something of older weights, which a restart clears: most often its "
            "prefix cache. Reset the cache with every weight update (vLLM: reset_prefix_cache)."
        ),
    ),
    "weights": (
        (
            "Of {contexts:,} pairs of a prompt and a first token at two versions or more, the "
            "sampler's log-prob moves by {sampler:.2g} nats and the learner's by {learner:.2g}."
        ),
        (
            "New weights do not reach the sampler: look whether the adapter (LoRA) is loaded under "
            "the name that requests ask for, or merged. Another interval between weight updates "
            "changes nothing."
        ),
    ),
    "jump": (
        (
            "Learner and sampler differ by {deviation:.2g} nats a token, {was:.2g} in the dump "
            "before: {jump:.2g} times as much in nats of a logit ({size:.2g} ± {size_error:.1g}, "
            "{was_size:.2g} before)."
        ),
        (
            "Look at what has changed since: an adapter that is no longer merged, a precision (fp8), "
            "a version of the engine, a temperature; or the sampler's age, because a first "
            "asynchronous day is a jump too."
        ),
    ),
    "turned": (
        (
            "Within groups advantages fall where rewards rise (correlation {same:.2f} over "
            "{completions:,} completions)."
        ),
        "The sign is turned: what is rewarded is unlearned. Or the column reward holds a cost.",
    ),
    "reordered": (
        (
            "The advantages are those of these rewards in another order: within groups their "
            "correlation is {same:.2f} over {completions:,} completions, and sorted they are equal."
        ),
        "Rows were reordered between rewards and advantages: join them by the completion's id.",
    ),
    "copied": (
        (
            "logp and logp_rollout are equal to the last bit, and logp_old differs from both by "
            "{apart:.2g} nats a token: no pass is noisy, so logp_old is not this policy's."
        ),
        "Look at what fills logp_old: the reference's log-probs, or another step's.",
    ),
    "summed": (
        "{column} falls from token to token in every completion: it holds sums.",
        (
            "Record each token's own log-prob (vLLM: logprobs, not cumulative_logprob). The rest was "
            "judged after taking differences."
        ),
    ),
    "top_ones": (
        (
            "The sampler's column agrees with the learner's on as many tokens as it foretells, and "
            "lies far above it on the others: it holds the likeliest token's log-prob, not the drawn "
            "one's. The mean of π/μ is {mean:.2g}."
        ),
        (
            "Take the log-prob of the token that was drawn: among vLLM's or SGLang's top log-probs it "
            "is found by its id, not by its place."
        ),
    ),
    "prompt_counted": (
        (
            "All completions of {alike:,} of {groups:,} groups begin with the same counted token, "
            "which draws of that probability would do once in e^{nats:.0f}."
        ),
        "The mask counts a part of the prompt, or a beginning that was forced: set it to 0 there.",
    ),
    "unequal": (
        (
            "In {odd:,} of {groups:,} groups completions with equal rewards have different "
            "advantages; the correlation within groups is {same:.2f} over {completions:,} "
            "completions."
        ),
        (
            "No function of a group's rewards gives these: they were made from other rewards, of "
            "another batch, of other rows, or of another column than reward."
        ),
    ),
    "tiled": (
        (
            "In {odd:,} of {groups:,} groups completions with equal rewards have different "
            "advantages, and advantages sum to 0 over other rows than a group's: those a group's "
            "size, or the number of groups, apart."
        ),
        (
            "Rewards were reshaped to groups the wrong way: repeat_interleave goes with view(-1, G), "
            "repeat with view(G, -1)."
        ),
    ),
    "middle": (
        (
            "{count:,} of {total:,} completions agree up to some token, which the learner holds "
            "unlikely; the tokens behind it differ by {far:.2g} nats of a logit, the other "
            "completions by {rest:.2g}. They are {completions}."
        ),
        (
            "From there on the learner scored another text: one that was decoded and encoded anew, or "
            "an edited turn. Hand over the sampler's token ids."
        ),
    ),
    "biased": (
        (
            "The word says which way a token moved, whatever its probability; the mean of π/μ is "
            "{mean:.3f} ± {ratio_error:.2g}."
        ),
        (
            "The sampler's logits are edited before it draws (repetition or presence penalty, logit "
            "bias, banned words) and the learner's are not. Switch the edit off, or apply the same to "
            "the learner's logits."
        ),
    ),
}
"""By key: the evidence, and what to do."""

WORDS = {
    "headline.healthy": "healthy within what {completions:,} completions can show",
    "headline.found": "found: {causes}",
    "headline.unclear": "cannot be judged, because {reason}",
    "unclear.few": "there are {completions:,} completions with {tokens:,} tokens; 8 and 100 are needed",
    "unclear.constant": "a column of log-probs holds the same number everywhere",
    "unseen.logp_old": "no logp_old: staleness, dropout and the sampler's deviation are not told apart",
    "unseen.group": (
        "no group and no prompt: advantages, whole groups, groups without a difference and a prompt "
        "in the mask are not looked at"
    ),
    "unseen.reward": "no reward: whether the advantages are those of the rewards is not looked at",
    "unseen.version": (
        "no version: a sampler that lags and one that rounds look alike; a prefix cache and weights "
        "that do not arrive are not looked at"
    ),
    "unseen.copied": "learner and sampler are equal to the last bit: one column may be a copy of the other",
    "unseen.tokens": (
        "no tokens: a prompt in the mask, a tool's words, penalties for repetitions and a text that "
        "was encoded anew are not looked at; completions that were cut are known by their length "
        "alone"
    ),
    "unseen.sampling": (
        "not said whether the sampler's log-probs are raw or processed, and at which temperature: "
        "where both columns are raw, a temperature does not show"
    ),
    "cause.non_finite_column": "{count:,} of {column} are NaN or infinite",
    "cause.before": "before it",
    "cause.after": "after it",
    "cause.more": " and {count:,} more",
    "headline.unusual": "unusual: {what}",
    "unusual.size": (
        "more than any healthy engine here shows ({size:.2g} ± {size_error:.1g} nats of a logit): low "
        "precision on one side (fp8, int4), a sampler that lags or whose weights do not arrive, "
        "dropout, another expert for the same token (the routing of a mixture of experts), a penalty, a "
        "bias or a temperature on the sampler's logits, or another text or place for the same tokens "
        "(a chat template, packed rows that see their neighbours, RoPE, left padding that is attended "
        "to){tell}"
    ),
    "unusual.text": (
        "far more than rounding or a sampler that lags by a few versions makes ({size:.2g} ± "
        "{size_error:.1g} nats of a logit): most often another text before the completions or another "
        "place for the same tokens (a prompt, a chat template, a first token that one side adds, "
        "packed rows that see their neighbours, RoPE, left padding that is attended to); or int4, "
        "weights that do not arrive, dropout, another expert for the same token (the routing of a "
        "mixture of experts), or a penalty, a bias or a temperature on the sampler's logits{tell}"
    ),
    "unusual.slope": (
        "log π/μ changes by {slope_x:+.3f} ± {slope_x_error:.1g} per nat of log μ, more than any "
        "healthy engine here, and a line explains {explained:.2f} of the difference: an error of "
        "temperature beside something else, a learner that has sharpened since, edited logits (a "
        "penalty or bias), or updates since sampling{tell}"
    ),
    "unusual.rise": (
        "log π/μ changes by {slope_x:+.3f} ± {slope_x_error:.1g} per nat of log μ, more than any "
        "healthy engine here: a learner that is sharper than its sampler, by a temperature or by "
        "updates since sampling{tell}"
    ),
    "unusual.mean": (
        "the mean of π/μ over tokens that μ drew, and that no update explains, is {mean_a:.3f} ± "
        "{mean_a_error:.2g} instead of 1, and no known cause explains it"
    ),
    "unusual.mass": (
        "the mean of π/μ over tokens that μ drew, and that no update explains, is {mean_b:.3f} ± "
        "{mean_b_error:.2g} instead of 1: a mass is missing, as where the sampler's vocabulary is "
        "cut, where words are banned (a penalty or bias), or where the learner is so noisy (dropout) "
        "that the sample lacks its largest ratios"
    ),
    "unusual.tail": (
        "{tail_count:,} tokens have a ratio beyond e² or e⁻², where healthy engines show none: edited "
        "logits (a penalty, a bias, banned words), another expert for the same token where the model "
        "is a mixture of experts (replay the sampler's routes), or another text from there on "
        "(encoded anew)"
    ),
    "unusual.last": (
        "the last tokens differ by {last:.2g} times as much as the others: look at the end token's "
        "log-prob"
    ),
    "unusual.aging": (
        "completions of older versions differ by {older:.2g} nats of a logit, those of the newest by "
        "{youngest:.2g}: a sampler that lags, too little to matter yet"
    ),
    "seen.temperature": "a temperature that one side forgot, from about {temperature:.2f}",
    "seen.pairing": (
        "one completion in {completions:,} that was scored with another text, where its tokens are "
        "not certain; {few:,} of them, where only one token tells the texts apart"
    ),
    "seen.size": "a precision whose logits are off by {size:.2g} nats, where these are off by {here:.2g}",
    "seen.dropout": (
        "dropout, from 30 tokens and two percent on that leave PPO's window between two passes of the "
        "learner; here {moved:,} did"
    ),
    "seen.aging": "a sampler that drifts by {aging:.2g} nats of a logit per version",
    "seen.cut": "a cut that takes {cut:percent} of the probability",
    "unseen.critic": "advantages differ within a completion, as a critic's do: groups need not sum to 0",
    "unseen.batch": (
        "one baseline for the whole batch is recognised (REINFORCE, REINFORCE++): groups need not sum "
        "to 0"
    ),
    "unseen.baseline": (
        "advantages are relative to no group, as far as the file shows: whether groups are halved "
        "evenly is not seen"
    ),
    "cause.dead_half": "half of them ",
    "cause.dead_more": "more than half ",
    "unusual.far": (
        "{far:,} completions differ far more than the others: look whether they were scored with "
        "another text, or with edited logits{updates}"
    ),
    "unusual.or_updates": ", or whether updates since sampling moved them (give logp_old)",
    "unusual.updated": "all this goes along the advantages, as updates since sampling do: give logp_old",
    "unusual.passes": (
        "{moved:.2g} nats of a logit between two passes of the learner, and {against_percent:.0f} % ± "
        "{against_error_percent:.0f} of the tokens that left PPO's window moved against their "
        "advantage: dropout in one of them or beside the updates, or large updates alone"
    ),
    "unusual.advantages": (
        "in {odd:,} of {groups:,} groups completions with equal rewards have different advantages, "
        "and within groups they go with the rewards by a correlation of {same:.2f}: if they are made "
        "from the column reward alone, rows do not belong together"
    ),
    "unusual.early": (
        "{early:.2g} times as much in the first two tokens of a completion as behind them: another "
        "prompt or chat template on one side, or a prefix cache of older weights"
    ),
    "unusual.seen": (
        "tokens that a completion holds already are {seen:.2g} ± {seen_error:.1g} nats likelier for "
        "the learner, as behind a penalty for repetitions"
    ),
    "unusual.grows": (
        "the mismatch grows from {earlier:.2g} nats of a logit at version {first:g} to {later:.2g} at "
        "version {final:g}: weights that do not arrive (then another interval between weight updates "
        "changes nothing), a prefix cache that survives them (a restart resets it), low precision "
        "beside a policy that becomes more certain, or drift{drift}"
    ),
    "unusual.cache": (
        "the mismatch grows from version to version up to {before:.2g} nats of a logit, falls to "
        "{after:.2g} at version {reset:g} and grows again: a prefix cache that only a restart clears, "
        "or a sampler that gets new weights every few versions; too little to matter yet"
    ),
    "unusual.drift": (
        "; the mean advantage of a token is {push:+.2f} of the mean |A|, and where it is below 0 the "
        "update moves the learner away from the sampler (center the score)"
    ),
    "unusual.jump": "{jump:.2g} times as much in nats of a logit as in the dump before",
    "headline.beside": "; unusual: {what}",
    "headline.first": "found: {what}; and {causes}",
    "headline.size": "; {deviation:.2g} nats a token, {engines:.2g} times the bf16 of real engines",
    "unusual.tell_version": "; version would tell whether the sampler lags",
    "unusual.tell_logp_old": "; logp_old would tell whether it is dropout",
}
