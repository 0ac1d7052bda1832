"""What a notebook reads of the packages: a start-up file of its kernel, which notes each file and
folder once, in the file that TRLIB_READS names with the notebook's own name behind it.

A line is a path, or `import NAME`: a package that was asked for, whether it is there or not. Python
names what it opens, lists and imports to whoever asks (`sys.addaudithook`); a module that is read
from its compiled file counts as its source. Nothing here may fail: the notebook would.
"""


def _note() -> None:
    import os
    import sys
    from importlib.util import source_from_cache

    folder = os.environ.get("TRLIB_READS")
    if not folder:
        return
    out = open(os.path.join(folder, os.path.basename(os.getcwd())), "a", buffering=1)  # noqa: SIM115
    noted = set()

    def tell(line: str) -> None:
        if line not in noted:
            noted.add(line)
            out.write(f"{line}\n")

    def hear(event: str, details: tuple) -> None:
        try:
            if event == "open" and isinstance(details[0], str):
                path = details[0]
                tell(os.path.abspath(source_from_cache(path) if path.endswith(".pyc") else path))
            elif event in ("os.listdir", "os.scandir") and isinstance(details[0], str):
                # The import system lists every folder in which it looks for a module.
                if "importlib" not in sys._getframe(1).f_code.co_filename:
                    tell(os.path.abspath(details[0]) + os.sep)
            elif event == "import" and "." not in details[0]:
                tell(f"import {details[0]}")
        except Exception:
            return

    sys.addaudithook(hear)
    for module in list(sys.modules.values()):  # what the kernel had imported before
        if getattr(module, "__file__", None):
            tell(os.path.abspath(str(module.__file__)))


_note()
