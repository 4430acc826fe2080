"""Build the engine: the plain Python files of the inference room that have a .pxd become one compiled extension.

Without a C compiler, and without the one of PyPI that `build_backend` asks for then, the files stay plain Python and
the package still works, slowly. The environment variable TWITCHBAYES_BUILD says otherwise: "interpreted" compiles
nothing, "compiled" makes it an error if that fails, "checked" does the same with every index checked.
"""

import os
import runpy
import shlex
import shutil
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.build_py import build_py

sys.path.insert(0, str(Path(__file__).parent))
from build_backend import has_compiler

PACKAGE, ROOM = "twitchbayes.inference", Path("src/twitchbayes/inference")
CALLED = os.environ.get("TWITCHBAYES_BUILD", "")
CHECKED, FORCED = CALLED == "checked", CALLED in {"compiled", "checked"}
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
static int fill(PyObject *made) {
    return PyModule_AddStringConstant(made, "SOURCES", "%s") || PyModule_AddIntConstant(made, "CHECKED", %d) ? -1 : 0;
}
static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, fill},
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL}};
static PyModuleDef module = {PyModuleDef_HEAD_INIT, "_compiled", NULL, 0, NULL, slots};
PyMODINIT_FUNC PyInit__compiled(void) { return PyModuleDef_Init(&module); }
"""


class BuildPy(build_py):
    """Begin anew, and put the model folders into the package; an editable install finds them where they are."""

    def run(self) -> None:
        made = Path(self.build_lib, "twitchbayes")
        if self.editable_mode:
            Path(ROOM, f"_compiled{sysconfig.get_config_var('EXT_SUFFIX')}").unlink(missing_ok=True)
        else:
            shutil.rmtree(made, ignore_errors=True)
        super().run()
        if not self.editable_mode:
            shutil.copytree("models", made / "models")


class BuildExt(build_ext):
    """Compile the engine; where that fails, say so and go on, unless it was called for."""

    def build_extension(self, ext: Extension) -> None:
        try:
            ext.sources = c_files(Path(self.build_temp))
            super().build_extension(ext)
        except Exception as error:
            if FORCED:
                raise
            print(f"WARNING: the engine could not be compiled and stays plain Python, which is slow: {error}")


def c_files(folder: Path) -> list[str]:
    """Return a C file for each module, one for what they share, and one that says which sources they come from."""
    from Cython.Build import cythonize

    built = runpy.run_path(str(ROOM / "built.py"))
    modules = [Extension(f"{PACKAGE}.{name}", [str(ROOM / f"{name}.py")]) for name in built["MODULES"]]
    shared = Extension(f"{PACKAGE}.{built['SHARED']}", [])
    made = cythonize(
        [*modules, shared],
        build_dir=str(folder),
        include_path=["src"],
        force=True,  # a C file that is there may have been made in another way
        language_level=3,
        compiler_directives=DIRECTIVES,
        shared_utility_qualified_name=shared.name,
    )
    init = folder / "_compiled.c"
    init.write_text(INIT % (built["digest"](ROOM), CHECKED))
    return [str(init), *(source for module in made for source in module.sources)]


if not has_compiler() and find_spec("ziglang"):
    # Otherwise it compiles for the processor that it runs on.
    os.environ["CC"] = f"{shlex.quote(sys.executable)} -m ziglang cc -mcpu=baseline"
    os.environ["LDSHARED"] = f"{os.environ['CC']} -shared"

strip = ["-Wl,-s"] if sys.platform == "linux" else []
whole = Extension(f"{PACKAGE}._compiled", [], extra_compile_args=FLAGS, extra_link_args=strip, optional=not FORCED)
setup(cmdclass={"build_py": BuildPy, "build_ext": BuildExt}, ext_modules=[] if CALLED == "interpreted" else [whole])
