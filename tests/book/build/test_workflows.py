"""The workflows: every command that they run exists."""

import importlib
import re

import pytest
import yaml

from book.build.paths import ROOT

FLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
ACTION = re.compile(r"actions/[\w-]+@v\d+")


def steps(flow):
    return [step for job in flow["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_what_there_is(path):
    flow = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(flow["permissions"].values()) == {"read"}, "a job that writes says so itself"
    for step in steps(flow):
        assert ("run" in step) != ("uses" in step), step
        if "uses" in step:
            assert ACTION.fullmatch(step["uses"]), step
        for target in re.findall(r"^make (.+)$", step.get("run", ""), re.MULTILINE):
            for name in target.split():
                assert re.search(rf"^{name}:", MAKEFILE, re.MULTILINE), f"{path.name}: make {name}"
        for module in re.findall(r"python -m ((?:book\.build|tools)[.\w]+)", step.get("run", "")):
            assert callable(importlib.import_module(module).main), f"{path.name}: {module}"


def test_a_push_installs_once_and_for_a_processor():
    """Torch's build for GPUs is gigabytes, at each installation and in the cache."""
    flows = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in FLOWS}
    installing = re.compile(r"\bmake |\bpip install", re.MULTILINE)
    jobs = {
        (name, job): [step.get("run", "") for step in what["steps"]]
        for name, flow in flows.items()
        for job, what in flow["jobs"].items()
    }
    busy = {where for where, runs in jobs.items() if installing.search("\n".join(runs))}
    # PyYAML reads the key `on` as true.
    assert {where for where in busy if {"pull_request"} & {*flows[where[0]][True]}} == {
        ("push", "check")
    }
    for name, job in busy - {("gpu", "gpu")}:
        named = {**flows[name].get("env", {}), **flows[name]["jobs"][job].get("env", {})}
        assert named["PIP_EXTRA_INDEX_URL"].endswith("/whl/cpu"), name
