"""Build the wheels and sdists of a release, and try them where there is no compiler.

What `make wheel` runs. The library in the wheel is compiled by ziglang, whatever other compiler is
there: it links for an old glibc.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import hatch_build  # noqa: E402


def build(folder: Path) -> tuple[Path, Path]:
    """Write both distributions; the paths of the wheels, of core and of the whole."""
    for old in folder.glob("mappedviz*"):
        old.unlink()
    call = [sys.executable, str(ROOT / "scripts" / "distributions.py"), str(folder)]
    env = {**os.environ, "CXX": shlex.join(hatch_build.zig())}
    subprocess.run(call, cwd=ROOT, env=env, check=True)
    (core,), (whole,) = folder.glob("mappedviz_core-*.whl"), folder.glob("mappedviz-*.whl")
    return core, whole


def check_library(wheel: Path) -> str:
    """Say no if the library asks for more than glibc 2.17; else what it asks for."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".so")]
        data = archive.read(name)
    # The names of versions and libraries stand in the table of strings as they are.
    versions = {tuple(map(int, v.split(b"."))) for v in re.findall(rb"GLIBC_([\d.]+)", data)}
    libraries = {found.decode() for found in re.findall(rb"\0(lib[\w+-]+\.so[.\d]*)", data)}
    most = tuple(map(int, hatch_build.GLIBC.split(".")))
    if not versions or max(versions) > most:
        sys.exit(f"{wheel.name}: needs glibc {versions}, and promises {hatch_build.GLIBC}")
    if libraries - {"libc.so.6", "libpthread.so.0", "libdl.so.2", "libm.so.6"}:
        sys.exit(f"{wheel.name}: needs other libraries: {sorted(libraries)}")
    newest = ".".join(map(str, max(versions)))
    return f"{len(data) / 1024:.0f} kB, {', '.join(sorted(libraries))}, glibc {newest} or newer"


def try_them(core: Path, whole: Path, folder: Path) -> None:
    """Install core into an empty environment and use it there, without a compiler; then the whole, and README's examples."""
    venv, nothing = folder / "venv", folder / "nothing"
    nothing.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    python = str(venv / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    constraints = ["-c", str(ROOT / "constraints.txt")]
    install = [*pip, "-q", "install", "--no-compile", "--find-links", str(core.parent)]
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PYTHON")},
        "PATH": str(nothing),
        "HOME": str(nothing),
        "XDG_CACHE_HOME": str(nothing),
    }
    smoke = [python, "-I", str(ROOT / "scripts" / "smoke.py")]
    data = str(ROOT / "notebooks" / "data")
    for wheel in (core, whole):
        subprocess.run([*install, *constraints, str(wheel)], check=True)
        subprocess.run([*smoke, data, str(venv)], cwd=nothing, env=env, check=True)
        subprocess.run([venv / "bin" / "mappedviz", "--version"], cwd=nothing, env=env, check=True)
        subprocess.run([python, "-I", "-m", "mappedviz", "info"], cwd=nothing, env=env, check=True)
    # What a new user does next: the README's examples, as they stand.
    readme = [python, "-I", str(ROOT / "scripts" / "readme.py"), str(ROOT / "README.md")]
    subprocess.run(readme, cwd=nothing, env=env, check=True)


def main() -> None:
    """Build, check, try."""
    core, whole = build(ROOT / "dist")
    print(f"mappedviz: dist/{core.name}: {check_library(core)}", flush=True)
    print("mappedviz: trying them in an empty environment without a compiler", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        try_them(core, whole, Path(folder))
    print(f"mappedviz: {core.name} and {whole.name} work")


if __name__ == "__main__":
    main()
