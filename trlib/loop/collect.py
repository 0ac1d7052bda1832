"""The first two stages: completions with the verifier's verdicts, then what the method needs and its
advantages."""

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from trlib.algorithms.method import Batch, Method, Scores
from trlib.algorithms.needs import Provided
from trlib.algorithms.plan import Stage
from trlib.errors import warn
from trlib.loop import reference
from trlib.loop.learner import Learner
from trlib.loop.metrics import Update
from trlib.loop.probe import computed_again
from trlib.loop.settings import FilledSettings
from trlib.loop.time_limit import within
from trlib.loop.user_errors import user_errors
from trlib.model.completions import Completions, join, top_k
from trlib.model.partial_rollout import sample_in_segments
from trlib.seeds import derive, generator
from trlib.tasks.expert import Demonstration, demonstrations, prefixes
from trlib.tasks.task import Prompt, Task, Verdict, checked_prompts, rewards_of, verify_batch

ROUNDING = 1e-5  #: A gradient of this norm is what rounding leaves of none.
DRAWS = 10  #: How often prompts are drawn until enough of them are short enough.


class Collector:
    """Batches for a method: sampled, verified, and prepared by it."""

    def __init__(
        self,
        learner: Learner,
        task: Task,
        method: Method,
        settings: FilledSettings,
    ) -> None:
        self.learner, self.task, self.method, self.settings = learner, task, method, settings
        self.needs = learner.needs
        self.said: list[str] = []
        """What is said once per run."""
        self.probed_again = computed_again(settings, self.needs, learner.policy.vocabulary)
        """Whether the probe's distributions are computed again instead of being held."""

    def prompts(self, k: int) -> tuple[list[Prompt], int]:
        """The prompts of batch `k`, and how many more were left out because they are too long.
        Raises ValueError: too few are short enough."""
        s, policy = self.settings, self.learner.policy
        prompts: list[Prompt] = []
        left_out = 0
        for draw in range(DRAWS):
            seed = derive(s.seed, "train", k, *[draw] * (draw > 0))
            with user_errors(self.task, "prompts"):
                drawn = checked_prompts(self.task.prompts(s.prompts, seed=seed), s.prompts)
            if not s.filter_overlong_prompts:
                return drawn, 0
            for prompt, ids in zip(
                drawn, policy.encode_prompts([p.text for p in drawn]), strict=True
            ):
                if len(prompts) < s.prompts:
                    fits = len(ids) + s.max_tokens <= policy.context
                    prompts += [prompt] * fits
                    left_out += not fits
            if len(prompts) == s.prompts:
                self._warn_of_overlong(left_out, k)
                return prompts, left_out
        raise ValueError(
            f"prompts: expected at most {policy.context} tokens with the completion (the model's "
            f"context; max_tokens is {s.max_tokens}), got {len(prompts)} such prompts among "
            f"{DRAWS * s.prompts}, and a batch takes {s.prompts}"
        )

    def _warn_of_overlong(self, left_out: int, k: int) -> None:
        if left_out and "overlong" not in self.said:
            self.said.append("overlong")
            s, context = self.settings, self.learner.policy.context
            warn(
                f"batch {k}: left out {left_out} of its prompts, because they leave no room for "
                f"max_tokens = {s.max_tokens} in the model's context of {context} tokens; others were "
                "drawn in their place (said once per run; the column `overlong` counts them, and "
                "filter_overlong_prompts=False refuses them)"
            )

    def plan(self, k: int) -> tuple[Stage, ...]:
        """How the method draws batch `k`, checked."""
        group = self.settings.group
        with user_errors(self.method, "plan"):
            plan = tuple(self.method.plan(group, k))
            drawn = sum(stage.count for stage in plan)
            if drawn != group:
                raise ValueError(
                    f"method: its plan draws {drawn} completions per prompt, expected group = "
                    f"{group}"
                )
        return plan

    def rollout(
        self, prompts: list[Prompt], k: int, plan: tuple[Stage, ...]
    ) -> tuple[Completions, list[Verdict]]:
        """Stage 1: completions of the batch's prompts, stage by stage as planned, with their
        verdicts."""
        s = self.settings
        whole = self.needs.full_anchor and s.anchor == "rollout"
        if whole:
            with_distributions = list(range(s.prompts * s.group))
        else:
            with_distributions = [] if self.probed_again else self.probe_rows(plan).tolist()
        topk = self.needs.topk_anchor if s.anchor == "rollout" else 0
        experts = self._experts(prompts, k) if any(stage.prefix > 0 for stage in plan) else []
        parts: list[Completions] = []
        verdicts: list[list[Verdict]] = [[] for _ in prompts]
        for number, stage in enumerate(plan):
            begin = len(verdicts[0])
            # Row r of the batch is completion r % group of its prompt; a stage draws `count` of
            # them, from `begin` on.
            places = [(row // s.group, row % s.group - begin) for row in with_distributions]
            full_rows = [
                prompt * stage.count + place for prompt, place in places if 0 <= place < stage.count
            ]
            rewards = torch.tensor(
                [[v.reward for v in one] for one in verdicts], dtype=torch.float32
            )
            asked: dict[str, Any] = {
                "group": stage.count,
                "full_rows": full_rows,
                "topk": topk,
                "seed": generator(s.seed, "sample", k, number),
                "prefixes": prefixes(experts, stage, rewards),
            }
            parts.append(self._sampled([p.text for p in prompts], **asked))
            for g, verdict in self._verify(prompts, parts[-1]):
                verdicts[g].append(verdict)
        return join(parts), [verdict for of_prompt in verdicts for verdict in of_prompt]

    def prepare(
        self, completions: Completions, verdicts: list[Verdict], old: Scores, k: int
    ) -> Batch:
        """Stage 2: everything the method asked to know, then its advantages. `old`: what the
        learner says of the completions before the batch's updates."""
        s, c = self.settings, completions
        batch = Batch(
            **{
                name: getattr(c, name)
                for name in ("tokens", "mask", "forced", "group", "ended", "age")
            },
            rewards=rewards_of(verdicts, c.tokens),
            horizon=s.max_tokens,
            logp_rollout=c.logp,
            anchor=s.anchor,
            number=k,
            batches=s.steps,
            reasons=tuple(v.reason for v in verdicts),
            memory=self.learner.memory,
        )
        with torch.no_grad():
            batch = replace(batch, provided=self._provided(c, old))
        with user_errors(self.method, "prepare"):
            if (near := self.method.kept_near) is None:
                prepared = self.method.prepare(batch)
            else:
                prepared = reference.prepare(self.method, near, batch)
            _check(prepared, batch)
        return prepared

    def warn_of_silence(self, batch: Batch, updates: list[Update], k: int) -> None:
        """Say once per run that a batch has taught nothing because its rewards are all equal, or
        every advantage is 0."""
        if "silence" in self.said or any(update.grad_norm > ROUNDING for update in updates):
            return
        rewards, why = batch.rewards, ""
        if bool((rewards == rewards[0]).all()):
            why = (
                f"all {len(rewards)} rewards are {float(rewards[0]):g}: nothing is learned from it"
            )
        elif batch.advantages is not None and not bool((batch.advantages[batch.mask] != 0).any()):
            why = "rewards differ and every advantage is 0: nothing is learned from it"
            if self.settings.group == 1:
                why += "; a group of 1 leaves nothing to compare a completion with"
        if why:
            self.said.append("silence")
            warn(f"batch {k}: {why} (said once per run)")

    def probe_rows(self, plan: tuple[Stage, ...]) -> Tensor:
        """The rows that the exact metrics look at: `probe` of them, spread evenly over the prompts,
        and over the places in the group as well where a prompt's completions are drawn in several
        stages."""
        total = self.settings.prompts * self.settings.group
        number = torch.arange(min(total, self.settings.probe))
        rows = number * total // max(len(number), 1)
        return rows if len(plan) == 1 else rows + number % max(1, total // max(len(number), 1))

    def _experts(self, prompts: list[Prompt], k: int) -> list[Demonstration]:
        policy, s = self.learner.policy, self.settings
        return demonstrations(
            self.task,
            prompts,
            seed=derive(s.seed, "expert", k),
            encode=policy.encode,
            end_id=policy.end_id,
            max_tokens=s.max_tokens,
        )

    def _sampled(
        self, prompts: list[str], *, group: int, full_rows: list[int], **more: Any
    ) -> Completions:
        """Completions of each prompt by the sampler, or by several policies, each a batch younger
        than the one before it."""
        s, sampler = self.settings, self.learner.sampler
        settings = {name: getattr(s, name) for name in ("temperature", "max_tokens", "logit_noise")}
        settings |= {"group": group, **more}
        settings["ends_at"] = getattr(self.task, "ends_at", None)
        if settings["prefixes"] is not None and s.segments > 1:
            raise ValueError(
                "segments: expected 1 with a method that begins completions for the policy, got "
                f"{s.segments}"
            )
        behind = [s.lag - i for i in range(s.segments)]
        policies = [partial(sampler.at, b) for b in behind]
        done, segment = sample_in_segments(policies, prompts, full_rows=full_rows, **settings)
        age_of = torch.tensor([sampler.age(b) for b in behind], device=segment.device)
        return replace(done, age=age_of[segment])

    def _verify(self, prompts: list[Prompt], part: Completions) -> list[tuple[int, Verdict]]:
        """The verdict on each completion, with its prompt's number."""
        with user_errors(self.task, "verify"):
            verify, limit = (
                partial(verify_batch, self.task, prompts, part),
                self.settings.reward_timeout,
            )
            what = f"the verifier of task {self.task.name!r}"
            judged = verify() if limit is None else within(limit, what, verify)
        return list(zip(part.group.tolist(), judged, strict=True))

    def _provided(self, c: Completions, old: Scores) -> Provided:
        """The log-probs, distributions and values that the method needs."""
        s, needs, learner = self.settings, self.needs, self.learner
        provided: dict[str, Any] = {"logp_old": old.logp.detach()}
        around_sampler = s.anchor == "rollout"
        if needs.full_anchor:
            provided["full_anchor"] = c.full if around_sampler else old.full.detach()
        if needs.topk_anchor:
            provided["topk_anchor"] = (
                c.topk if around_sampler else top_k(old.full.detach(), c.tokens, needs.topk_anchor)
            )
        if learner.critic is not None:
            provided["values"] = learner.critic.values(c)
        if learner.reference is not None:
            provided["logp_ref"] = learner.reference.score(
                c, temperature=s.temperature, at_once=s.at_once
            ).logp
        return Provided(**provided)


def _check(prepared: object, batch: Batch) -> None:
    """Refuse what a `prepare` may not return."""
    if not isinstance(prepared, Batch):
        raise TypeError(f"prepare: expected the batch, got {type(prepared).__name__}")
    if prepared.memory is not batch.memory:
        raise ValueError(
            "memory: expected the batch's own, changed in place (batch.memory['name'] = ...), "
            "got another one, which would be lost"
        )
    advantages, shape = prepared.advantages, prepared.mask.shape
    if advantages is not None and (not isinstance(advantages, Tensor) or advantages.shape != shape):
        raise ValueError(
            f"advantages: expected [B, T] = {list(shape)}, got "
            f"{list(getattr(advantages, 'shape', []))}"
        )
