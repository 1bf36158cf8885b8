"""The engine works without torch, matplotlib and widgets; what needs them says which extra brings them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from mappedviz.text.extras import EXTRAS

#: Everything that the extras bring, and what comes with that.
ABSENT = [module for modules in EXTRAS.values() for module in modules]
ABSENT += ["IPython", "ipywidgets", "jupyterlab"]
SETUP = f"""
    import sys
    for name in sys.argv[2:]:
        sys.modules[name] = None
    import numpy as np
    import mappedviz as mv
    from mappedviz.errors import MissingPackageError
    folder = sys.argv[1]
    known = dict(label="cell_type", obs_alias={{"cell_type": ["celltype", "annotation", "CellType"]}})
    def refused(use, extra):
        try:
            use()
        except MissingPackageError as error:
            assert isinstance(error, ModuleNotFoundError)
            assert error.name in {ABSENT!r}, error.name
            assert f"[{{extra}}]" in error.remedy, error
            assert "pip install" in str(error)
        else:
            raise AssertionError("it worked")
"""
ENGINE = """
    ds = mv.MappedCollection(
        folder, join="outer", obs_keys="cell_type", var_map="symbol->ensembl",
        obs_alias={"cell_type": ["cell_type", "celltype", "annotation", "CellType"]},
    )
    assert ds[5]["X"].shape == (ds.n_vars,)
    batch = ds[[7, 3, 7]]
    np.testing.assert_array_equal(batch["X"][0], batch["X"][2])
    assert ds.read_rows([7, 3], sparse=True)["X"].shape == (2, ds.n_vars)
    assert ds.to_anndata([7, 3]).shape == (2, ds.n_vars)
    train, validation = ds.split(by="cell_type", fraction=0.5)
    assert len(train) + len(validation) == len(ds)
    seen = sum(len(batch) for batch in mv.batches(ds, 512, shuffle=True, seed=0))
    assert seen == len(ds)
    assert ds._repr_html_() is None and batch._repr_html_() is None  # so that notebooks show these:
    assert repr(ds) and repr(batch)
    audit = mv.audit(folder, **known)
    assert audit.verdict and audit.to_json() and audit._repr_html_() is None
    assert not audit.diff(audit).changes
    mv.report.write_croissant(audit, folder + "/../croissant.json")
    assert {"torch", "matplotlib", "anywidget"} & {n for n, m in sys.modules.items() if m} == set()
"""
LOADERS = """
    ds = mv.MappedCollection(folder, join="outer")
    assert sum(len(batch["X"]) for batch in mv.dataloader(ds, 512, shuffle=True)) == len(ds)
    assert ds[:3].to_torch()["X"].shape == (3, ds.n_vars)
    refused(lambda: mv.explore, "viz")
"""
REFUSED = """
    ds = mv.MappedCollection(folder, join="outer")
    audit = mv.audit(folder, **known)
    page = folder + "/../audit.html"
    refused(lambda: mv.dataloader, "torch")
    refused(lambda: mv.to_device, "torch")
    refused(ds[:3].to_torch, "torch")
    refused(lambda: audit.to_html(page), "viz")
    refused(lambda: audit.diff(audit).to_html(page), "viz")
    refused(lambda: mv.report.write_html(audit, page), "viz")
    refused(lambda: mv.explore, "viz")
    refused(lambda: mv.Explorer, "viz")
    refused(lambda: mv.plots, "viz")
    def plots():
        import mappedviz.plots.cells
    def views():
        from mappedviz.views.state import Session
    def loaders():
        import mappedviz.loaders.sampler
    def models():
        import mappedviz.scvi
    refused(plots, "viz")
    refused(views, "viz")
    refused(loaders, "torch")
    refused(models, "torch")
    assert not __import__("os").path.exists(page)
"""
COMMANDS = """
    from mappedviz.cli import main
    assert main(["audit", folder, "--label", "cell_type", "--fail-on", "never"]) == 0
    assert main(["expect", folder, "-o", folder + "/../expect.toml"]) in (0, 1)
    assert main(["recipe", folder, "--fix", "join-refused", "-o", folder + "/../recipe.json"]) in (0, 1, 2)
    assert main(["scan", folder, "-o", folder + "/../scans"]) == 0
    assert main(["audit", folder + "/../scans", "--label", "cell_type", "--fail-on", "never"]) == 0
    assert main(["info"]) == 0
    assert main(["audit", folder, "--html", folder + "/../audit.html", "-q"]) == 2
    assert main(["lab", folder]) == 2
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from mappedviz import datasets

    return datasets.demo(tmp_path_factory.mktemp("light") / "demo")


def run(code, folder, absent=ABSENT):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return subprocess.run(
        [sys.executable, "-W", "error::ResourceWarning", "-c", textwrap.dedent(SETUP) + textwrap.dedent(code), str(folder), *absent],
        env=environment, cwd=folder.parent, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_loaders_need_torch_alone(folder):
    pytest.importorskip("torch")
    done = run(LOADERS, folder, [name for name in ABSENT if name != "torch"])
    assert done.returncode == 0, done.stderr


def test_the_engine_works(folder):
    done = run(ENGINE, folder)
    assert done.returncode == 0, done.stderr


def test_what_needs_more_says_what(folder):
    done = run(REFUSED, folder)
    assert done.returncode == 0, done.stderr


def test_the_commands_work_in_plain_text(folder):
    done = run(COMMANDS, folder)
    assert done.returncode == 0, done.stderr
    assert "Shapes\nstore " in done.stdout
    assert "needs" not in done.stdout
    assert '[viz]"' in done.stderr
    assert 'pip install "mappedviz[lab]"' in done.stderr
