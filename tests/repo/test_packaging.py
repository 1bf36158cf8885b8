"""What is in the wheel, and what its metadata say."""

from __future__ import annotations

import email
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest


def load(path):
    """A script of the repository, as a module."""
    spec = importlib.util.spec_from_file_location(f"the_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def hatch_build(repository):
    return load(repository / "hatch_build.py")


@pytest.fixture(scope="module")
def built(repository, tmp_path_factory):
    """A folder with the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(folder)],
        cwd=repository,
        check=True,
        capture_output=True,
    )
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    (path,) = built.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.fixture(scope="module")
def metadata(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return email.message_from_bytes(wheel.read(name))


def test_wheel_holds_the_package_and_nothing_else(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    (metadata,) = tops - {"mappedviz"}
    assert "mappedviz" in tops
    assert re.fullmatch(r"mappedviz-[0-9][^-]*\.dist-info", metadata)
    strange = [
        name
        for name in wheel.namelist()
        if name.startswith("mappedviz/")
        and not name.endswith((".py", ".js", ".css", ".html.j2", "/py.typed"))
    ]
    genes = ("human.csv.gz", "mouse.csv.gz", "tables.json", "README.md")
    cells = ("cell_ontology.tsv.gz", "README.md")
    data = {f"mappedviz/genes/{name}" for name in genes}
    data |= {f"mappedviz/ontology/data/{name}" for name in cells}
    assert data <= set(strange)
    assert [Path(name).stem for name in strange if name not in data] == ["_core"]


def test_wheel_serves_every_python_of_its_platform(wheel):
    """No Python headers, no stable ABI: the tag names a platform and nothing else."""
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/WHEEL")]
    found = email.message_from_bytes(wheel.read(name))
    machine = sysconfig.get_platform().split("-")[-1]
    assert found["Root-Is-Purelib"] == "false"
    assert found["Tag"].startswith("py3-none-")
    assert found["Tag"].endswith(machine)
    assert wheel.filename.endswith(f"-{found['Tag']}.whl")


def test_sdist_can_be_built_from(built, repository):
    (path,) = built.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {name.split("/", 1)[-1] for name in archive.getnames()}
    folder = repository / "mappedviz" / "native"
    ours = {path.relative_to(repository).as_posix() for path in (folder / "src").iterdir()}
    assert {"hatch_build.py", "pyproject.toml", *ours} <= names
    assert not any("_core." in name or name.startswith("build/") for name in names)


@pytest.mark.slow
def test_wheel_works_where_there_is_no_compiler(wheel, repository, tmp_path):
    """What `make wheel` does, less the empty environment: this one's other packages serve."""
    place = tmp_path / "site"
    wheel.extractall(place)
    nothing = tmp_path / "nothing"
    nothing.mkdir()
    call = [sys.executable, str(repository / "scripts" / "smoke.py")]
    run = subprocess.run(
        [*call, str(repository / "notebooks" / "data"), str(place)],
        cwd=nothing,
        env={**os.environ, "PATH": str(nothing), "PYTHONPATH": str(place), "HOME": str(nothing)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert Path(run.stdout.strip()).parent == place / "mappedviz" / "native"


# ------------------------------------------------------------------- building the compiled core
def test_what_did_not_change_is_not_built_again(hatch_build, repository, tmp_path):
    source = tmp_path / hatch_build.NATIVE / "src"
    source.mkdir(parents=True)
    for name in ("core.hpp", "codecs.cpp"):
        shutil.copy(repository / hatch_build.NATIVE / "src" / name, source)
    output = tmp_path / "there" / hatch_build.LIBRARY
    assert not hatch_build.is_built(output, tmp_path)
    assert hatch_build.build(output, tmp_path)
    assert hatch_build.is_built(output, tmp_path)
    assert hatch_build.build(output, tmp_path) is None
    assert sorted(path.name for path in output.parent.iterdir()) == ["_core.digest", output.name]
    with (source / "core.hpp").open("a", encoding="utf-8") as file:
        file.write("// changed\n")
    assert not hatch_build.is_built(output, tmp_path)
    assert hatch_build.build(output, tmp_path)


def test_this_checkout_has_the_library_of_its_sources(hatch_build, repository):
    """Otherwise all other tests would be of something else: python hatch_build.py."""
    assert hatch_build.is_built(repository / hatch_build.NATIVE / hatch_build.LIBRARY)


def test_without_a_compiler_one_is_asked_of_pip(hatch_build, monkeypatch, tmp_path):
    hook = hatch_build.CoreBuildHook(str(tmp_path), {}, None, None, str(tmp_path), "wheel")
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert hook.dependencies() == [hatch_build.ZIGLANG]
    # One that is there and does not compile is none.
    broken = tmp_path / "c++"
    broken.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    broken.chmod(0o755)
    assert hook.dependencies() == [hatch_build.ZIGLANG]
    broken.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    assert hook.dependencies() == []


def test_without_any_compiler_it_is_said_what_to_do(hatch_build, monkeypatch, tmp_path):
    monkeypatch.setattr(hatch_build, "_compiler_or_none", lambda: None)
    with pytest.raises(hatch_build.BuildError, match="no C\\+\\+ compiler.* pip install 'ziglang"):
        hatch_build.build(tmp_path / "_core.so")


def test_a_compiler_that_is_named_is_taken(hatch_build, monkeypatch, tmp_path):
    monkeypatch.setenv("CXX", "/nowhere/c++ --fast")
    assert hatch_build.find_compiler() == ["/nowhere/c++", "--fast"]
    with pytest.raises(hatch_build.BuildError, match="does not run: /nowhere/c"):
        hatch_build.build(tmp_path / "_core.so")
    monkeypatch.setenv("CXX", "false")
    with pytest.raises(hatch_build.BuildError, match="the compiler failed: false"):
        hatch_build.build(tmp_path / "_core.so")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="the tags of Linux")
def test_the_tag_is_that_of_the_glibc_that_is_linked_for(hatch_build):
    machine = platform.machine()
    assert hatch_build.platform_tag(hatch_build.zig()) == f"manylinux_2_17_{machine}"
    assert hatch_build.platform_tag(["/usr/bin/c++"]) == f"linux_{machine}"


OVERFLOW = """
import ctypes
import numpy as np
from mappedviz import native

source, out = np.zeros(64, "u1"), np.zeros(60, "u1")
descriptor = np.array([source.ctypes.data, 64, out.ctypes.data, 64, 4])  # 64 is a lie
native.function("unshuffle")(descriptor.ctypes.data)
"""


@pytest.mark.slow
def test_sanitizers_find_what_is_wrong_and_nothing_else(hatch_build, repository, tmp_path):
    """What `make sanitize` does, of the decoders alone."""
    if hatch_build.sanitizer_runtime() is None:
        pytest.skip("no compiler with sanitizers here")
    (tmp_path / "test_overflow.py").write_text(f"def test():\n    exec({OVERFLOW!r})\n")

    def sanitize(*tests):
        return subprocess.run(
            [str(repository / "scripts" / "sanitize.sh"), sys.executable, *tests],
            env={**os.environ, "HYPOTHESIS_PROFILE": "default"},
            capture_output=True,
            text=True,
        )

    run = sanitize("tests/native/test_codecs.py")
    assert run.returncode == 0, run.stdout + run.stderr
    run = sanitize("--rootdir", str(tmp_path), str(tmp_path / "test_overflow.py"))
    assert run.returncode != 0
    assert "heap-buffer-overflow" in run.stdout + run.stderr
    assert "mv_unshuffle" in run.stdout + run.stderr


def test_wheel_has_every_module(wheel, repository):
    package = repository / "mappedviz"
    modules = {path.relative_to(repository).as_posix() for path in package.rglob("*.py")}
    assert modules <= set(wheel.namelist())


def test_wheel_has_every_template_script_and_style(wheel, repository):
    package = repository / "mappedviz"
    static = [path for suffix in ("j2", "css", "js") for path in package.rglob(f"*.{suffix}")]
    assert {path.suffix for path in static} == {".j2", ".css", ".js"}
    for path in static:
        assert wheel.read(path.relative_to(repository).as_posix()) == path.read_bytes()


def test_wheel_is_typed(wheel):
    assert "mappedviz/py.typed" in wheel.namelist()


def test_wheel_has_the_licence(wheel, repository, metadata):
    licence = (repository / "LICENSE").read_bytes()
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/licenses/LICENSE")]
    assert wheel.read(name) == licence
    assert metadata["License-Expression"] == "BSD-3-Clause"


def test_metadata(metadata):
    assert metadata["Name"] == "mappedviz"
    assert re.match(r"[0-9]+\.[0-9]+(\.|$)", metadata["Version"])  # of git's last tag
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata.get_payload().startswith("# mappedviz")


def test_constraints_fix_every_requirement(repository, metadata):
    """Whatever is required, at run time or by an extra, has one exact version in constraints.txt."""

    def plain(name):
        return re.sub(r"[-_.]+", "-", name).lower()

    lines = (repository / "constraints.txt").read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line) for line in lines)
    fixed = {plain(line.split("==")[0]) for line in lines}
    required = {
        plain(re.match(r"[A-Za-z0-9._-]+", text)[0]) for text in metadata.get_all("Requires-Dist")
    }
    assert required - fixed - {"mappedviz"} == set()


def test_demo_data_stay_within_their_bounds(demo_data):
    """At least four stores, at most 16 MB, each named in the README with a licence text."""
    readme = (demo_data / "README.md").read_text(encoding="utf-8")
    stores = [
        path for path in demo_data.iterdir() if path.name.endswith((".h5ad", ".zarr", ".zarr.zip"))
    ]
    assert len(stores) >= 4
    assert all(readme.count(path.name) >= 2 for path in stores)
    files = [path for path in demo_data.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 16_000_000
    assert len(list((demo_data / "LICENSES").iterdir())) >= len(stores)
