"""Which engine is loaded: the compiled one, or the same files in plain Python.

All compiled modules lie in one extension, `_compiled`, so that compiled and interpreted parts never mix. Where it is
there, can be loaded, and was built from the files that lie beside it, a finder takes the modules from it.
"""

from __future__ import annotations

import hashlib
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from functools import lru_cache
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

__all__ = ["MODULES", "SHARED", "digest", "is_compiled", "say_once"]

MODULES = ("arrays", "calls", "counts", "moves", "order", "reading", "rows", "sweep")
PLAIN = ("names", "free")  # read by the others when they are compiled
SHARED = "_cyutility"  # what Cython would otherwise repeat in each of them
PACKAGE = "twitchbayes.inference"
INSTALL = "python -m pip install --force-reinstall --no-deps ."
REBUILD = "python -m pip install -e ."

log = logging.getLogger("twitchbayes")


class Finder:
    """Finds the compiled modules in the one extension that holds them all."""

    def __init__(self, path: str) -> None:
        self.path = path

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return where a module is, if it is one of them."""
        package, _, name = fullname.rpartition(".")
        if package != PACKAGE or name not in (*MODULES, SHARED):
            return None
        return spec_from_file_location(fullname, self.path, loader=ExtensionFileLoader(fullname, self.path))


def digest(folder: Path) -> str:
    """Return the SHA-256 of the sources that are compiled."""
    whole = hashlib.sha256()
    for name in sorted((*MODULES, *PLAIN)):
        for suffix in (".py", ".pxd"):
            whole.update((folder / f"{name}{suffix}").read_bytes().replace(b"\r\n", b"\n"))
    return whole.hexdigest()


def is_compiled() -> bool:
    """Whether the compiled engine is loaded."""
    return any(isinstance(finder, Finder) for finder in sys.meta_path)


@lru_cache(maxsize=1)
def say_once() -> None:
    """Say, when the engine is first used, that it is not compiled, what that costs and what to do."""
    if _why:
        log.warning("the engine runs in plain Python, some 50 to 500 times slower: %s", _why)


def _load() -> str:
    """Install the finder; returns why there is none, in words for people ("" where it was asked for)."""
    if os.environ.get("TWITCHBAYES_INTERPRETED"):
        return ""
    try:
        compiled = importlib.import_module(f"{PACKAGE}._compiled")
    except ImportError as error:
        return f"no compiled form of it can be loaded ({error}). With a C compiler, in the repository: {INSTALL}"
    try:
        fresh = digest(Path(__file__).parent) == compiled.SOURCES
    except OSError:
        fresh = True  # only what was compiled is there
    if not fresh:
        return f"its sources have changed since it was compiled. To compile it again: {REBUILD}"
    sys.meta_path.insert(0, Finder(str(compiled.__file__)))
    return ""


_why = _load() if __name__.startswith(PACKAGE) else ""
