"""Build the engine: the plain Python files of the inference room that have a .pxd become one compiled extension.

Without a C compiler, and without the one of PyPI that `build_backend` asks for then, the files stay plain Python and
the package still works, slowly. The environment variable TWITCHBAYES_BUILD says otherwise: "interpreted" compiles
nothing, "compiled" makes it an error if that fails, "checked" does the same with every index checked.
"""

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).parent))
from build_backend import has_compiler

ROOM = Path("src/twitchbayes/inference")
CALLED = os.environ.get("TWITCHBAYES_BUILD", "")
CHECKED = CALLED == "checked"
# No flag for a kind of processor, and no fused products: every machine gives the digits of plain Python.
FLAGS = ["/O2", "/fp:precise"] if os.name == "nt" else ["-O3", "-ffp-contract=off", "-g0"]
DIRECTIVES = {
    "boundscheck": CHECKED,
    "wraparound": False,
    "initializedcheck": CHECKED,
    "cdivision": True,
    "freethreading_compatible": True,
}
INIT = """#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "_compiled", NULL, -1, NULL};
PyMODINIT_FUNC PyInit__compiled(void) {
    PyObject *made = PyModule_Create(&module);
    if (made && PyModule_AddStringConstant(made, "SOURCES", "%s") < 0) Py_CLEAR(made);
    if (made && PyModule_AddIntConstant(made, "CHECKED", %d) < 0) Py_CLEAR(made);
    return made;
}
"""


class BuildPy(build_py):
    """Put the model folders into the package; an editable install finds them at the root of the repository."""

    def run(self) -> None:
        """Copy the package, then the models."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "twitchbayes", "models")
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree("models", target)


def extensions() -> list[Extension]:
    """Return the one extension, made of a C file for each module and one that says which sources they come from."""
    if CALLED == "interpreted":
        return []
    from Cython.Build import cythonize

    built = _built()
    names = [name for name in built.MODULES if (ROOM / f"{name}.py").is_file()]
    modules = [Extension(f"twitchbayes.inference.{name}", [str(ROOM / f"{name}.py")]) for name in names]
    made = cythonize(
        modules,
        build_dir="build/cython",
        include_path=["src"],
        force=True,  # a C file that is there may have been made with other directives: only its time is compared
        language_level=3,
        compiler_directives=DIRECTIVES,
    )
    init = Path("build/cython/_compiled.c")
    init.write_text(INIT % (built.digest(ROOM), CHECKED))
    sources = [str(init), *(source for module in made for source in module.sources)]
    whole = Extension("twitchbayes.inference._compiled", sources, extra_compile_args=FLAGS)
    whole.optional = CALLED not in {"compiled", "checked"}
    return [whole]


def _built():  # noqa: ANN202 (a module)
    """Return the module that loads what is built here, without importing the package."""
    from importlib.machinery import SourceFileLoader
    from importlib.util import module_from_spec, spec_from_loader

    loader = SourceFileLoader("built", str(ROOM / "built.py"))
    module = module_from_spec(spec_from_loader("built", loader))
    module.__package__ = ""
    loader.exec_module(module)
    return module


if not has_compiler() and find_spec("ziglang"):
    # Otherwise it compiles for the very processor that it runs on.
    os.environ["CC"] = f"{sys.executable} -m ziglang cc -mcpu=baseline"
    os.environ["LDSHARED"] = f"{os.environ['CC']} -shared"

setup(cmdclass={"build_py": BuildPy}, ext_modules=extensions())
