import math
from functools import partial

import pytest
import torch

from trlib import load_task
from trlib.model.completions import join
from trlib.model.policy import Policy
from trlib.model.rollout import _invert, sample

close = partial(torch.testing.assert_close, atol=1e-5, rtol=0)


@pytest.fixture
def mixed():
    """Prompts of seven different lengths."""
    return [p.text for p in load_task("dial", moves=(1, 8)).prompts(12, seed=3)]


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_sampled_and_scored_log_probs_equal_a_fresh_full_forward(policy, mixed, alone, temperature):
    c = sample(policy, mixed, group=2, max_tokens=16, seed=1, temperature=temperature)
    assert len({int(m.sum()) for m in c.prompt_mask}) > 3 and len(set(c.lengths.tolist())) > 3
    alone(policy, c, 1e-5, temperature)


def test_a_draw_is_a_share_of_the_mass_that_rounding_left():
    """Probabilities that add up to .95: a draw of u asks for u times .95, so that the last token is
    not drawn too often, and none is drawn that does not exist."""
    logp = torch.tensor([[0.5, 0.25, 0.2]]).log()
    uniform = torch.tensor([0.0, 0.52, 0.53, 0.78, 0.8, 0.96, math.nextafter(1, 0)]).double()
    token = _invert(logp, torch.zeros(len(uniform), dtype=torch.long), uniform, 0)
    assert token.tolist() == [0, 0, 1, 1, 2, 2, 2]


def test_greedy_is_what_generate_gives(policy, task):
    prompts = [p.text for p in task.prompts(16, seed=2)]
    c = sample(policy, prompts, temperature=0, max_tokens=16)
    ids = torch.tensor(policy.encode(prompts))
    theirs = policy.model.generate(
        ids,
        do_sample=False,
        max_new_tokens=16,
        pad_token_id=policy.pad_id,
        attention_mask=torch.ones_like(ids),
    )[:, ids.shape[1] :]
    assert torch.equal(theirs[:, : c.tokens.shape[1]], c.tokens)


@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_a_row_that_has_ended_never_changes(policy, mixed, noise):
    c = sample(policy, mixed, group=8, max_tokens=9, seed=7, logit_noise=noise)
    last = c.mask & (torch.arange(c.tokens.shape[1]) == c.lengths.unsqueeze(1) - 1)
    end = torch.isin(c.tokens, torch.tensor(policy.end_ids)) & c.mask
    assert torch.equal(end, last & c.ended.unsqueeze(1)) and 0 < c.ended.sum() < len(c)
    after = ~c.mask
    assert after.any() and not c.logp[after].any()
    assert (c.tokens[after] == policy.pad_id).all()


@pytest.mark.parametrize(
    "more", [{}, {"temperature": 0.7}, {"temperature": 0}, {"logit_noise": 0.3}]
)
def test_rows_that_have_said_the_same_may_be_computed_once_or_each(policy, mixed, more):
    counted, found = [], []
    policy.model.register_forward_pre_hook(
        lambda _, args, inputs: counted.append(inputs["input_ids"].numel()), with_kwargs=True
    )
    kept = {"full_rows": [0, 9, 50], "topk": 3}
    for policy.share in (True, False):
        c = sample(policy, mixed, group=8, max_tokens=16, seed=7, **kept, **more)
        found.append((c, sum(counted)))
        counted.clear()
    (once, computed), (each, without) = found
    assert computed < 0.7 * without
    assert torch.equal(once.tokens, each.tokens) and torch.equal(once.mask, each.mask)
    close(once.logp, each.logp)
    torch.testing.assert_close(once.full, each.full, atol=2e-5, rtol=1e-5)
    close(once.topk.logp, each.topk.logp)


def test_a_row_depends_on_its_own_numbers_only(policy, task):
    one, two, three = (p.text for p in task.prompts(3, seed=1))

    def drawn(*prompts, seed=9):
        return sample(policy, [*prompts], group=4, max_tokens=16, seed=seed).tokens

    first, other = drawn(one, two, three), drawn(one, three, three)
    assert torch.equal(first, drawn(one, two, three))
    assert not torch.equal(first[:, :4], drawn(one, two, three, seed=10)[:, :4])
    assert torch.equal(first[:4], other[:4]) and torch.equal(first[8:], other[8:])


def test_forced_prefixes_of_different_lengths(policy, task):
    asked = task.prompts(3, seed=4)
    expert = policy.encode(task.demonstrations(asked, seed=0))
    prefixes = [
        expert[0][:2],
        [],
        expert[1],
        expert[1][:5],
        [*expert[2], policy.end_id],
        expert[2][:1],
    ]
    c = sample(policy, [p.text for p in asked], group=2, max_tokens=16, seed=0, prefixes=prefixes)
    for row, prefix in enumerate(prefixes):
        assert c.tokens[row, : len(prefix)].tolist() == list(prefix)
        assert c.forced[row].sum() == len(prefix) and not (c.forced[row] & c.mask[row]).any()
    assert not c.logp[c.forced].any()
    assert c.lengths[4] == 0 and c.ended[4]
    close(policy.score(c).logp[c.mask], c.logp[c.mask])


def test_whole_distributions_and_top_k_are_those_sampled_from(policy, mixed):
    c = sample(
        policy, mixed, group=3, max_tokens=16, seed=2, full_rows=[20, 1, 7], topk=4, logit_noise=0.3
    )
    own = c.full.gather(-1, c.tokens[c.full_rows].unsqueeze(-1)).squeeze(-1)
    mask = c.mask[c.full_rows]
    torch.testing.assert_close(own[mask], c.logp[c.full_rows][mask])
    torch.testing.assert_close(c.full[mask].exp().sum(-1), torch.ones(int(mask.sum())))
    assert (policy.score(c).logp - c.logp)[
        c.mask
    ].abs().max() > 0.05  # the noise is in the recorded log-probs
    for slot, row in enumerate(c.full_rows.tolist()):
        for t in range(int(c.lengths[row])):
            best = c.full[slot, t].topk(4)
            ids = best.indices.tolist()
            if int(c.tokens[row, t]) not in ids:
                ids[-1] = int(c.tokens[row, t])
            assert c.topk.ids[row, t].tolist() == ids
            torch.testing.assert_close(c.topk.logp[row, t], c.full[slot, t, ids])


def test_joining_stages_keeps_rows_of_a_prompt_adjacent(policy, task):
    prompts = [p.text for p in task.prompts(3, seed=4)]
    parts = [
        sample(policy, prompts, group=2, max_tokens=16, seed=1, full_rows=[0, 3], topk=2),
        sample(policy, prompts, group=1, max_tokens=16, seed=2, full_rows=[0], topk=2),
    ]
    c = join(parts)
    assert c.group.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    for row in range(9):
        prompt, place = divmod(row, 3)
        part, source = (parts[0], 2 * prompt + place) if place < 2 else (parts[1], prompt)
        n = part.tokens.shape[1]
        assert torch.equal(c.tokens[row][c.mask[row]], part.tokens[source][part.mask[source]])
        assert torch.equal(c.topk.ids[row, :n], part.topk.ids[source])
    assert c.full_rows.tolist() == [0, 2, 4]
    own = c.full.gather(-1, c.tokens[c.full_rows].unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(own[c.mask[c.full_rows]], c.logp[c.full_rows][c.mask[c.full_rows]])


@pytest.mark.parametrize("letter", [None, "q"])
def test_a_completion_ends_with_the_first_token_that_ends_one(policy, task, letter):
    """Any of the model's end tokens, or one that holds the letter. It is no special token, and taken
    off the text all the same."""
    prompts = [p.text for p in task.prompts(8, seed=0)]
    plain = sample(policy, prompts, group=4, max_tokens=16, seed=3)
    ids = policy.tokenizer.get_vocab()
    more = [ids[word] for word in ids if (letter in word if letter else word == "so")]
    again = policy
    if letter is None:
        policy.model.generation_config.eos_token_id = [policy.end_id, *more]
        again = Policy(policy.name, policy.model, policy.tokenizer)
        assert again.end_ids == (policy.end_id, *more) and again.end_id == policy.end_id
    cut = sample(again, prompts, group=4, max_tokens=16, seed=3, ends_at=letter)
    shorter = 0
    for row in range(32):
        completion = plain.tokens[row][plain.mask[row]].tolist()
        ends = [i for i, token in enumerate(completion) if token in (policy.end_id, *more)]
        expected = completion[: ends[0] + 1] if ends else completion
        assert cut.tokens[row][cut.mask[row]].tolist() == expected
        assert bool(cut.ended[row]) == bool(ends)
        if expected[-1] in more:
            shorter += 1
            assert cut.texts()[row] == policy.tokenizer.decode(expected[:-1])
    assert shorter > 2


def test_a_demonstration_ends_as_the_chat_template_ends_an_answer(policy):
    word = policy.encode(["so"])[0][0]
    policy.model.generation_config.eos_token_id = [policy.end_id, word]
    policy.tokenizer.chat_template = (
        "{% for m in messages %}{% if m.role == 'user' %}7 : {% else "
        "%}{{ m.content }} so {% endif %}{% endfor %}"
    )
    assert Policy(policy.name, policy.model, policy.tokenizer, chat=True).end_id == word
    assert (
        Policy(policy.name, policy.model, policy.tokenizer, chat=False).end_id
        == policy.tokenizer.eos_token_id
    )
