"""A run that is killed at any moment resumes to the same history."""

import os
import random
import signal
import time
import warnings

import torch

import trlib
from trlib.algorithms import DrGRPO
from trlib.seeds import generator  # imported before any fork, so that a child's time is all run

KILLS = 50
SETTINGS = {"steps": 4, "prompts": 4, "group": 4, "minibatches": 2, "lag": 1, "probe": 4, "checkpoint_every": 1,
            "progress": False}


def run(out, resume=True):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        policy, task = trlib.load_policy("dial"), trlib.load_task("dial")
        return trlib.train(policy, task, DrGRPO(), out=out, resume=resume, **SETTINGS)


def values(run):
    return [{k: v for k, v in row.items() if k not in ("seconds", "tokens_per_s")} for row in run.rows]


def test_fifty_random_kill_points_each_resume_to_the_same_history(tmp_path):
    assert generator(0).initial_seed() >= 0
    run(None, resume=False)
    began = time.perf_counter()
    whole = run(tmp_path / "whole")
    seconds = time.perf_counter() - began
    weights, rng, reached = whole.policy.state(), random.Random(0), []
    for kill in range(KILLS):
        out = tmp_path / str(kill)
        child = os.fork()
        if child == 0:
            try:
                run(out)
            finally:
                os._exit(0)
        time.sleep(rng.uniform(0, 1.2 * seconds))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        file = out / "checkpoint.safetensors"
        reached.append(file.exists())
        again = run(out)
        assert values(again) == values(whole), f"kill {kill} at seed 0"
        assert all(torch.equal(t, weights[name]) for name, t in again.policy.state().items())
        assert not list(out.glob(".*.unfinished")), "a killed process's unfinished files stay"
    assert any(reached) and not all(reached), "the kills fell on both sides of the first checkpoint"
