"""The page for several machines: each setting that it names is the installed library's own."""

import dataclasses
import re

from book.build.paths import ROOT
from tests.instruments.test_examples import VERL, composed

PAGE = (ROOT / "book" / "interface" / "machines.md").read_text(encoding="utf-8")


def test_the_page_names_settings_that_verl_has():
    from omegaconf import OmegaConf

    named = set(re.findall(r"`((?:trainer|data|actor_rollout_ref)\.[\w.]+)", PAGE))
    assert len(named) > 12
    both = composed([]), composed(["model_engine=megatron"])
    for name in named:
        known = [OmegaConf.select(config, name, default="absent") for config in both]
        assert known != ["absent"] * 2, name


def test_the_page_names_settings_that_trl_accelerate_and_ray_have():
    from accelerate.commands import launch
    from ray.scripts.scripts import start
    from trl import GRPOConfig
    from trl.scripts.vllm_serve import ScriptArguments

    of_trl = set(re.findall(r"`-{0,2}((?:vllm|per_device|gradient|save)_\w+)", PAGE))
    assert len(of_trl) > 6 and of_trl <= {field.name for field in dataclasses.fields(GRPOConfig)}
    of_launch = set(re.findall(r"`(num_machines|num_processes|parallelism_config_\w+)`", PAGE))
    options = {word.lstrip("-") for word in launch.launch_command_parser()._option_string_actions}
    assert len(of_launch) == 4 and of_launch <= options
    (serve,) = re.findall(r"^trl vllm-serve (.*)$", PAGE, re.MULTILINE)
    known = {field.name for field in dataclasses.fields(ScriptArguments)}
    assert set(re.findall(r"--(\w+)", serve)) <= known
    of_ray = {option for parameter in start.params for option in parameter.opts}
    scripts = (VERL / "several_machines.slurm").read_text("utf-8")
    for text in re.findall(r"ray start ([^`\n]*)", PAGE + scripts):
        assert set(re.findall(r"--[\w-]+", text)) <= of_ray, text
