"""The house in rings: the gate (0), the gallery (1), instruments and peers (2). A module imports its
own ring and those inside it, and only ring 2 imports the libraries beside which we stand. Read off
the imports as they are written, also those inside functions; nothing is executed."""

import ast
import json
import re

from book.build.paths import ROOT

OUTER = {
    "trlib.relatives": 1,
    "trbook.gallery": 1,
    "trbook.moons": 1,
    "trbook.exercises.gallery_": 1,
    "notebooks.gallery_": 1,
    "tests.gallery": 1,
    "trlib.bridges": 2,
    "trcheck": 2,
    "trbook.scale.elsewhere": 2,
    "trbook.scale.recipes": 2,
    "trbook.scale.worker": 2,
    "examples.trl": 2,
    "examples.verl": 2,
    "benchmarks.diagnose": 2,
    "tests.instruments": 2,
}
"""The outer rings by how a module's name begins; all else is the gate."""
PEERS = {
    *("trl", "verl", "torchrl", "tensordict", "ray", "sb3_contrib", "stable_baselines3"),
    *("omegaconf", "hydra", "codetiming", "orjson", "torchdata"),
}
DOORS = {
    ("trlib.methods", "trlib.relatives"): "every method by its name",
    ("trlib.loop.optimizers", "trlib.relatives"): "every optimiser by its name",
    ("book.build.cards.read", "trlib.relatives"): "what a card reads off the code",
    ("book.build.methods", "trlib.relatives"): "the list of all methods",
    ("benchmarks.loop.sides", "trl"): "the side that we are timed against",
    ("notebooks.05_children", "trcheck.conformance"): "shows what libraries compute, as recorded",
    ("notebooks.07_knobs", "trcheck.conformance"): "shows what libraries compute, as recorded",
    ("notebooks.12_at_scale", "trl"): "the chapter executes it",
    ("notebooks.12_at_scale", "verl"): "the chapter executes it where it is installed",
    ("notebooks.12_at_scale", "trlib.bridges"): "the chapter on bridges and recipes",
    ("notebooks.12_at_scale", "trbook.scale"): "the chapter on bridges and recipes",
}
"""Where a module may reach into an outer ring, and what for."""
HOMES = (
    *(
        ("", top)
        for top in (
            *(
                "trlib",
                "trlab",
                "trcheck",
                "book/build",
                "tools",
                "benchmarks",
                "examples",
                "tests",
            ),
        )
    ),
    ("book", "trbook"),
)
ASKED = {"importorskip", "import_module", "find_spec", "__import__"}


def ring(module):
    return max((at for name, at in OUTER.items() if module.startswith(name)), default=0)


def imported(text):
    """What a text imports: `from a import b` gives `a.b`, `find_spec("a")` gives `a`."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Import():
                yield from (alias.name for alias in node.names)
            case ast.ImportFrom():
                assert node.level == 0, "a relative import"
                yield from (f"{node.module}.{alias.name}" for alias in node.names)
            case ast.Call(
                func=ast.Attribute(attr=name) | ast.Name(id=name),
                args=[ast.Constant(value=str(asked)), *_],
            ) if name in ASKED:
                yield asked


def outward(module, text):
    """What a module imports that is not of its ring or one inside it."""
    mine = ring(module)
    return {
        name
        for name in imported(text)
        if (2 if name.partition(".")[0] in PEERS else ring(name)) > mine
    }


def sources():
    """Every module's name and text; a notebook's text is its code."""
    for home, top in HOMES:
        for path in sorted((ROOT / home / top).rglob("*.py")):
            if "node_modules" in path.parts:
                continue
            name = ".".join(path.relative_to(ROOT / home).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        python = re.sub(r"^(\s*)[%!].*$", r"\1pass", code, flags=re.MULTILINE)
        yield f"notebooks.{path.stem}", python


def test_imports_go_inwards_but_for_the_doors():
    used, broken = set(), []
    for module, text in sources():
        for name in sorted(outward(module, text)):
            doors = {
                (inner, outer)
                for inner, outer in DOORS
                if module == inner and f"{name}.".startswith(f"{outer}.")
            }
            used |= doors
            if not doors:
                broken.append(f"{module} imports {name}")
    assert broken == []
    assert set(DOORS) - used == set(), "a door that nothing uses"


def test_an_import_is_found_wherever_it_stands():
    text = """
import torch, verl.trainer
def f():
    from trlib.relatives.ratios import bapo_loss
    from trcheck import diagnose
    pytest.importorskip("ray.util")
"""
    away = {"verl.trainer", "trlib.relatives.ratios.bapo_loss", "trcheck.diagnose", "ray.util"}
    assert outward("tests.core.test_x", text) == away
    assert outward("tests.gallery.test_x", text) == away - {"trlib.relatives.ratios.bapo_loss"}
    assert outward("tests.instruments.test_x", text) == set()
