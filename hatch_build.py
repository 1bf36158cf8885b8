"""Build the compiled core: ``mappedviz/native/src/*.cpp`` -> one shared library.

Hatchling calls this when a wheel is made or the package is installed; ``python hatch_build.py``
builds in place for a checkout. The compiler is ``$CXX``, else the first of c++, g++ and clang++
that works, else the one of the PyPI package ``ziglang``, which is asked for only then. It comes
with its own C library, so that it needs nothing of the machine, and it links for an old glibc.

The library uses the C library and nothing else: no Python headers, no C++ runtime.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ModuleNotFoundError:  # run as a script by a Python without hatchling
    BuildHookInterface = object  # type: ignore[misc, assignment]

ROOT = Path(__file__).resolve().parent
NATIVE = Path("mappedviz", "native")
LIBRARY = "_core.dylib" if sys.platform == "darwin" else "_core.so"
#: The versions that were tried; constraints.txt has the one that `make` installs.
ZIGLANG = "ziglang>=0.14,<0.18"
#: What ziglang links for: the glibc of manylinux_2_17.
GLIBC = "2.17"
_X86 = ("x86_64", "amd64")

_COMPILE = (
    *("-std=c++17", "-O3", "-fPIC", "-fvisibility=hidden", "-fno-exceptions", "-fno-rtti"),
    # The results are the same on every machine: nothing is fused that was written apart.
    *("-ffp-contract=off", "-Wall", "-Wextra"),
)
_SANITIZE = (
    *("-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined"),
    "-fno-sanitize-recover=all",
)
# Files named *_simd.cpp are compiled once for each of these, with -DMV_ARCH=<name>; which one
# runs is decided at run time. The second is x86-64-v3, whose name compilers spell differently.
_ARCHITECTURES = {
    "baseline": (),
    "v3": ("-mavx", "-mavx2", "-mbmi", "-mbmi2", "-mf16c", "-mfma", "-mlzcnt", "-mmovbe"),
}


class BuildError(Exception):
    """The library cannot be built here; the message says what to do."""


# ------------------------------------------------------------------------------ compilers
def zig() -> list[str]:
    """The C++ compiler of ``ziglang``."""
    if sys.platform == "linux":
        target = ["-target", f"{platform.machine()}-linux-gnu.{GLIBC}"]
    else:
        target = []
    return [sys.executable, "-m", "ziglang", "c++", *target]


def find_compiler() -> list[str] | None:
    """The command of a C++ compiler that works, None where there is none.

    One that is named by ``$CXX`` is taken at its word: it is used, or its error is shown.
    """
    named = shlex.split(os.environ.get("CXX", ""))
    if named:
        return named
    for name in ("c++", "g++", "clang++"):
        path = shutil.which(name)
        if path is not None and _works([path]):
            return [path]
    return None


def _works(command: list[str]) -> bool:
    # A compiler without the headers of C++ is found on some machines, and is of no use.
    code = "#include <cstdint>\n#include <cstring>\n#include <type_traits>\n"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "try.cpp")
        source.write_text(code, encoding="utf-8")
        call = [*command, "-std=c++17", "-fPIC", "-shared", str(source), "-o", f"{folder}/try.so"]
        try:
            return subprocess.run(call, capture_output=True, check=False).returncode == 0
        except OSError:
            return False


def _compiler_or_none() -> list[str] | None:
    found = find_compiler()
    if found is not None:
        return found
    call = [sys.executable, "-m", "ziglang", "version"]
    there = subprocess.run(call, capture_output=True, check=False).returncode == 0
    return zig() if there else None


def _compiler() -> list[str]:
    found = _compiler_or_none()
    if found is None:
        raise BuildError(
            "no C++ compiler was found: neither $CXX, c++, g++ nor clang++, nor the Python package "
            f"ziglang. Install one of them, such as: {sys.executable} -m pip install '{ZIGLANG}'"
        )
    return found


def sanitizer_runtime() -> Path | None:
    """The library that a process needs in ``LD_PRELOAD`` to load one with sanitizers.

    None where the compiler that is found has no sanitizers.
    """
    compiler = find_compiler()
    if compiler is None:
        return None
    for name in ("libasan.so", f"libclang_rt.asan-{platform.machine()}.so"):
        call = [*compiler, f"-print-file-name={name}"]
        found = subprocess.run(call, capture_output=True, text=True, check=False).stdout.strip()
        # A compiler that does not have it answers with the bare name.
        if Path(found).is_absolute() and Path(found).exists():
            return Path(found).resolve()
    return None


def platform_tag(compiler: list[str]) -> str:
    """The platform of a wheel whose library this compiler makes."""
    target = re.search(r"([a-z0-9_]+)-linux-gnu\.(\d+)\.(\d+)", " ".join(compiler))
    if target:
        machine, major, minor = target.groups()
        return f"manylinux_{major}_{minor}_{machine}"
    if sys.platform == "darwin":
        least = os.environ.get("MACOSX_DEPLOYMENT_TARGET", "11.0")
        return f"macosx_{least.replace('.', '_')}_{platform.machine()}"
    return re.sub(r"[-.]", "_", sysconfig.get_platform())


# ------------------------------------------------------------------------------ building
def sources(root: Path = ROOT) -> list[Path]:
    """The files that the library is made of, headers included."""
    folder = root / NATIVE / "src"
    return sorted([*folder.glob("*.cpp"), *folder.glob("*.hpp")])


def _compile_flags(sanitize: bool) -> tuple[str, ...]:
    flags = (*_COMPILE, *_SANITIZE) if sanitize else _COMPILE
    if sys.platform == "darwin":
        return (
            *flags,
            f"-mmacosx-version-min={os.environ.get('MACOSX_DEPLOYMENT_TARGET', '11.0')}",
        )
    return flags


def _link_flags(compiler: list[str], sanitize: bool) -> tuple[str, ...]:
    flags = ("-shared", *(_SANITIZE if sanitize else ("-s",)))
    if sanitize and "clang" in Path(compiler[0]).name:
        flags = (*flags, "-shared-libasan")
    if "ziglang" in compiler or "zig" in Path(compiler[0]).name:
        return (*flags, "-nostdlib++")  # else it builds a C++ runtime first: a minute for nothing
    return flags if sys.platform == "darwin" else (*flags, "-Wl,--as-needed")


def digest(root: Path = ROOT, *, sanitize: bool = False) -> str:
    """A checksum of all that decides what the library does; not of the compiler."""
    value = hashlib.sha256()
    for part in (*_compile_flags(sanitize), str(_ARCHITECTURES), platform.machine()):
        value.update(part.encode())
    for path in sources(root):
        value.update(path.name.encode() + path.read_bytes())
    return value.hexdigest()


def is_built(output: Path, root: Path = ROOT, *, sanitize: bool = False) -> bool:
    """Whether the library is there and made of the sources as they are."""
    with contextlib.suppress(OSError):
        made_of = output.with_suffix(".digest").read_text(encoding="utf-8")
        return output.is_file() and made_of == digest(root, sanitize=sanitize)
    return False


def build(
    output: Path,
    root: Path = ROOT,
    *,
    sanitize: bool = False,
    force: bool = False,
    say: Callable[[str], object] = lambda text: None,
) -> list[str] | None:
    """Build the library, unless it is there and made of the same sources.

    Parameters
    ----------
    output
        The library. Beside it is written what it was made of.
    root
        The folder of the checkout.
    sanitize
        With address and undefined-behaviour sanitizers.
    force
        Also where nothing changed.
    say
        Is told what is being done.

    Returns
    -------
    list of str or None
        The compiler that was used; None where there was nothing to do.
    """
    if sys.platform == "win32":
        raise BuildError("mappedviz does not run on Windows itself. Use it in WSL.")
    if is_built(output, root, sanitize=sanitize) and not force:
        return None
    compiler = _compiler()
    say(f"compiling {output} with {shlex.join(compiler)}")
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".build-", dir=output.parent) as folder:
        objects = []
        for source, name, flags in _units(root):
            objects.append(str(Path(folder, f"{source.stem}-{name}.o")))
            compiled = [*_compile_flags(sanitize), *flags, "-c", str(source), "-o", objects[-1]]
            _run([*compiler, *compiled], root, say)
        made = Path(folder, output.name)
        _run([*compiler, *_link_flags(compiler, sanitize), *objects, "-o", str(made)], root, say)
        mark = output.with_suffix(".digest")
        mark.unlink(missing_ok=True)
        made.replace(output)  # at once: another process may be loading it
        mark.write_text(digest(root, sanitize=sanitize), encoding="utf-8")
    return compiler


def _units(root: Path) -> list[tuple[Path, str, tuple[str, ...]]]:
    units: list[tuple[Path, str, tuple[str, ...]]] = []
    for source in sources(root):
        if source.suffix != ".cpp":
            continue
        if not source.stem.endswith("_simd"):
            units.append((source, "plain", ()))
            continue
        for name, flags in _ARCHITECTURES.items():
            if name == "baseline" or platform.machine().lower() in _X86:
                units.append((source, name, (f"-DMV_ARCH={name}", *flags)))
    return units


def _run(command: list[str], root: Path, say: Callable[[str], object]) -> None:
    # Zig wants a place for what it keeps, and its own choice fails where there is no home.
    env = {"ZIG_GLOBAL_CACHE_DIR": str(root / "build" / "zig"), **os.environ}
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    except OSError as error:
        raise BuildError(f"the compiler does not run: {shlex.join(command)}: {error}") from error
    if done.returncode:
        raise BuildError(f"the compiler failed: {shlex.join(command)}\n{done.stderr}")
    if done.stderr.strip():
        say(done.stderr.strip())


# ------------------------------------------------------------------------------ callers
class CoreBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Hatchling's side: a wheel gets the library, an editable installation builds it in place."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for a compiler where the machine has none."""
        return [] if find_compiler() else [ZIGLANG]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, and say what kind of wheel it is."""
        root = Path(self.root)
        if version == "editable":
            build(root / NATIVE / LIBRARY, root, say=self.app.display_info)
            return
        tag = platform_tag(_compiler())
        output = root / "build" / tag / LIBRARY
        build(output, root, say=self.app.display_info)
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{tag}"
        build_data["force_include"][str(output)] = (NATIVE / LIBRARY).as_posix()


def main() -> None:
    """Build in place, or where ``--output`` says."""
    parser = argparse.ArgumentParser(description="Build the compiled core of mappedviz.")
    parser.add_argument("--output", type=Path, default=ROOT / NATIVE / LIBRARY)
    parser.add_argument("--sanitize", action="store_true", help="with run-time checks of memory")
    parser.add_argument("--force", action="store_true", help="even if nothing changed")
    parser.add_argument(
        "--needs", action="store_true", help="print what pip must install to build, and stop"
    )
    parser.add_argument(
        "--can-sanitize", action="store_true", help="print the runtime of the sanitizers, and stop"
    )
    asked = parser.parse_args()
    output = asked.output.absolute()
    if asked.can_sanitize:
        runtime = sanitizer_runtime()
        if runtime is None:
            sys.exit(1)
        print(runtime)
        return
    if asked.needs:
        if not is_built(output, sanitize=asked.sanitize) and not _compiler_or_none():
            print(ZIGLANG)
        return
    try:
        build(
            output,
            sanitize=asked.sanitize,
            force=asked.force,
            say=lambda text: print(f"mappedviz: {text}", file=sys.stderr),
        )
    except BuildError as error:
        sys.exit(f"mappedviz: {error}")


if __name__ == "__main__":
    main()
