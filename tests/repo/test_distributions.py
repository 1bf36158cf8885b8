"""The two distributions of a release: core with the modules, and the whole, which requires core with all."""

from __future__ import annotations

import email
import importlib.metadata
import importlib.util
import re
import subprocess
import sys
import zipfile

import pytest


@pytest.fixture(scope="module")
def script(repository):
    spec = importlib.util.spec_from_file_location(
        "distributions", repository / "scripts" / "distributions.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def wheels(script, tmp_path_factory):
    """Name of a distribution -> its wheel."""
    folder = tmp_path_factory.mktemp("released")
    script.build(folder)
    assert len(list(folder.glob("*.tar.gz"))) == 2
    return {path.name.split("-")[0].replace("_", "-"): path for path in folder.glob("*.whl")}


@pytest.fixture(scope="module")
def metadata(wheels):
    found = {}
    for name, path in wheels.items():
        with zipfile.ZipFile(path) as archive:
            (member,) = [one for one in archive.namelist() if one.endswith("/METADATA")]
            found[name] = email.message_from_bytes(archive.read(member))
    return found


def required(message, extra=None):
    """Requirements of a distribution, of an extra or without one."""
    lines = (line.partition(";") for line in message.get_all("Requires-Dist"))
    return {
        text.strip() for text, _, marker in lines
        if (f"'{extra}'" in marker if extra else not marker)
    }  # fmt: skip


def test_the_page_on_pypi_has_pictures_and_links(metadata, repository):
    """README's targets are files of the repository, which are not beside it there."""
    for message in metadata.values():
        text = message.get_payload()
        targets = re.findall(r"""(?:\]\(|\bsrc(?:set)?=")([^)"\s]+)""", text)
        assert len(targets) > 20
        assert {one for one in targets if not one.startswith("https://")} == set()
        assert "raw.githubusercontent.com/mappedviz/mappedviz/main/docs/_static/bench" in text
        assert "mappedviz.readthedocs.io/en/latest/install.html" in text


def test_core_requires_what_no_extra_has(metadata, repository):
    core = metadata["mappedviz-core"]
    names = {re.match(r"[\w-]+", line)[0] for line in required(core)}
    assert {"anndata", "h5py", "numpy", "zarr"} <= names
    assert not names & {"anywidget", "jinja2", "matplotlib", "rich", "torch", "tqdm", "traitlets"}
    assert required(core, "all") == required(core, "torch") | required(core, "viz")
    assert required(core, "torch") == {"torch>=2.4"}


def test_a_clone_requires_everything(repository, metadata):
    """Core with its extra `all` is what an installation from the repository is."""
    import tomllib

    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    everything = required(metadata["mappedviz-core"]) | required(metadata["mappedviz-core"], "all")
    assert set(project["dependencies"]) == everything


def test_the_whole_has_no_modules_and_requires_core_of_its_version(metadata, wheels):
    whole = metadata["mappedviz"]
    version = whole["Version"]
    assert required(whole) == {f"mappedviz-core[all]=={version}"}
    for extra in ("viz", "scvi"):
        assert required(whole, extra) == {f"mappedviz-core[{extra}]=={version}"}
    users = set(metadata["mappedviz-core"].get_all("Provides-Extra")) - {"bench", "docs", "test"}
    assert set(whole.get_all("Provides-Extra")) == users
    with zipfile.ZipFile(wheels["mappedviz"]) as archive:
        (only,) = {name.split("/")[0] for name in archive.namelist()}
        assert only == f"mappedviz-{version}.dist-info"
        (scripts,) = [name for name in archive.namelist() if name.endswith("/entry_points.txt")]
        assert b"mappedviz = mappedviz.cli:main" in archive.read(scripts)
    assert wheels["mappedviz"].name == f"mappedviz-{version}-py3-none-any.whl"
    assert whole.get_payload() == metadata["mappedviz-core"].get_payload()
    same = ("Version", "Summary", "Requires-Python", "License-Expression", "Keywords")
    assert all(whole[key] == metadata["mappedviz-core"][key] for key in same)


def closure(requirements):
    """Whatever distributions are needed, at run time on this machine, for some requirements."""
    found, wanted = {}, [re.match(r"[\w.-]+", line)[0] for line in requirements]
    while wanted:
        name = wanted.pop()
        if name in found:
            continue
        try:
            found[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # for another platform or version of Python
        wanted += [
            re.match(r"[\w.-]+", line)[0]
            for line in found[name].requires or ()
            if "extra ==" not in line
        ]
    return found


CODE = """
import sys
sys.path[:0] = sys.argv[1:2]
from importlib.util import find_spec
for name in ("torch", "matplotlib", "anywidget", "traitlets", "jinja2", "rich", "tqdm"):
    assert find_spec(name) is None, name
import mappedviz as mv
from mappedviz.errors import MissingPackageError
assert sys.argv[1] in mv.__file__
assert mv.__version__[0].isdigit() and mv.__version__ != "0+unknown", mv.__version__
folder = mv.datasets.demo(sys.argv[1] + "/demo")
ds = mv.MappedCollection(folder, join="outer")
assert sum(len(batch) for batch in mv.batches(ds, 512, shuffle=True)) == len(ds) == 2236
assert ds.to_anndata([3, 1]).shape == (2, ds.n_vars)
assert mv.audit(folder, label="cell_type").verdict
try:
    mv.dataloader
except MissingPackageError as error:
    assert 'pip install "mappedviz-core[torch]"' in str(error), error
"""


@pytest.mark.slow
def test_core_works_with_what_it_requires_and_nothing_else(metadata, wheels, tmp_path):
    """Its wheel, and links to what this environment has of its requirements, closed."""
    site = tmp_path / "site"
    site.mkdir()
    for found in closure(required(metadata["mappedviz-core"])).values():
        for top in {
            file.parts[0] for file in found.files if file.parts[0] not in ("..", "__pycache__")
        }:
            if not (site / top).exists():
                (site / top).symlink_to(found.locate_file(top))
    with zipfile.ZipFile(wheels["mappedviz-core"]) as archive:
        archive.extractall(site)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", CODE, str(site)],
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
