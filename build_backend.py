"""Setuptools as the build backend, which asks PyPI for a C compiler where there is none."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import *  # noqa: F403 (the hooks of a backend)

COMPILER = "ziglang>=0.13"


def has_compiler() -> bool:
    """Whether there is a C compiler: the one that Python was built with, or that CC names."""
    if os.name == "nt":
        program_files = os.environ.get("PROGRAMFILES(X86)", "C:/Program Files (x86)")
        return Path(program_files, "Microsoft Visual Studio/Installer/vswhere.exe").is_file()
    command = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    return shutil.which(command.split()[0]) is not None


def is_on_offer(package: str) -> bool:
    """Whether pip could install a package here: what a build needs and cannot get would end the whole install."""
    asked = ["install", "--dry-run", "--no-deps", "--ignore-installed", "--quiet", package]
    # -I: the pip of the environment, which the one for the build hides.
    done = subprocess.run([sys.executable, "-I", "-m", "pip", *asked], capture_output=True, text=True, check=False)
    return done.returncode == 0 or "No module named pip" in done.stderr  # then another installer is at work


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """Return what a build needs: a compiler, too, where there is none and PyPI has one for this machine."""
    needed = build_meta.get_requires_for_build_wheel(config_settings)
    wanted = os.environ.get("TWITCHBAYES_BUILD") != "interpreted" and sys.platform in {"linux", "darwin"}
    return [*needed, COMPILER] if wanted and not has_compiler() and is_on_offer(COMPILER) else needed


def get_requires_for_build_editable(config_settings: Any = None) -> list[str]:
    """Return what an editable install needs: the same."""
    return get_requires_for_build_wheel(config_settings)
