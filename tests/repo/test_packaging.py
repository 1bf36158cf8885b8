"""What is in the wheel, and what its metadata say."""

from __future__ import annotations

import email
import subprocess
import sys
import zipfile

import pytest


@pytest.fixture(scope="module")
def wheel(repository, tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=repository,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.fixture(scope="module")
def metadata(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return email.message_from_bytes(wheel.read(name))


def test_wheel_holds_the_package_and_nothing_else(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"mappedviz", "mappedviz-0.1.0.dist-info"}
    strange = [
        name
        for name in wheel.namelist()
        if name.startswith("mappedviz/") and not name.endswith((".py", ".js", ".css", "/py.typed"))
    ]
    assert strange == []


def test_wheel_has_every_module(wheel, repository):
    package = repository / "mappedviz"
    modules = {path.relative_to(repository).as_posix() for path in package.rglob("*.py")}
    assert modules <= set(wheel.namelist())


def test_wheel_is_typed(wheel):
    assert "mappedviz/py.typed" in wheel.namelist()


def test_wheel_has_the_licence(wheel, repository, metadata):
    licence = (repository / "LICENSE").read_bytes()
    assert wheel.read("mappedviz-0.1.0.dist-info/licenses/LICENSE") == licence
    assert metadata["License-Expression"] == "BSD-3-Clause"


def test_metadata(metadata):
    assert metadata["Name"] == "mappedviz"
    assert metadata["Version"] == "0.1.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata.get_payload().startswith("# mappedviz")


def test_constraints_fix_every_requirement(repository, metadata):
    """Whatever is required, at run time or by an extra, has one exact version in constraints.txt."""
    import re

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
