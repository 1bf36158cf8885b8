"""The notebooks run, say what their prose says, and are committed as they were written."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from scripts.check_notebooks import clean
from tests.conftest import ROOT

PATHS = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}

# What has to be true once all cells have run: the numbers that the prose names among it.
HOLDS = {
    "01_audit_a_collection": [
        "len(audit.stores) == 5 and audit.coverage.inner == 201",
        "audit.stores['x_scale'].str.startswith('log').sum() == 3",
        "not [one for one in ui.audit.findings if one.severity in ('fatal', 'error')]",
        "ui.audit.coverage.inner == 987 and ui.audit.labels().total.sum() == 4138",
        "ui.undo() and ui.wait() and len(ui.audit.stores) == 3 and not ui.recipe.obs_alias",
    ],
    "02_joins_and_identifiers": [
        "(coverage.inner, coverage.outer, coverage.at_least[3]) == (201, 20095, 5268)",
        "coverage.table.loc['10x_pbmc68k_reduced.h5ad', 'inner_without'] == 966",
        "measured.round(2).loc['10x_pbmc68k_reduced.h5ad'] == 0.13",
        "not coverage.find(['CD3E'])['spectra_breast_immune.h5ad'].item()",
        "pair.fatal and pair.coverage.inner == 0",
        "recipe.var_key == {'lab_one.h5ad': 'gene_ids'} and recipe.strip_version",
        "mapped.var_map['map'] == 'symbol->ensembl' and ds.shape == (500, 1959)",
        "len(left_out) == 36 and set(left_out['why']) == {'ambiguous'}",
        "three.coverage.inner == 987",
    ],
    "03_labels_and_weights": [
        "ui.dataset().shape == (4136, 987)",
        "len(ui.audit.labels().classes) == 13",
        "ui.audit.labels().total[['CD4 T cells', 'Treg', 'mast']].tolist() == [1658, 70, 10]",
        "shares.round(2)[['CD8 T cells', 'gdT', 'NK cells']].tolist() == [0.63, 0.5, 0.1]",
        "round(schemes.loc['inverse', 'effective_fraction'], 2) == 0.12",
        "(ui.recipe.weights_keys, ui.recipe.weights_scheme) == (('cell_type',), 'sqrt')",
        "'weights=True' in ui.handoff.code()",
    ],
    "04_from_notebook_to_training": [
        "ds.shape == (4136, 987) and len(classes) == 14",
        "mv.Recipe.load('recipe.json') == recipe",
        "losses[0] > 2 and np.mean(losses[-20:]) < 0.4",
        # Early on, weights decide.
        "means.loc[(1, 'uniform'), 'recall of Treg'] < 0.1",
        "means.loc[(1, '1/n'), 'recall of Treg'] > 0.8",
        "means.loc[(1, '1/n'), 'precision of Treg'] < 0.5",
        # In the end, in the same order.
        "means.loc[6, 'recall of Treg'][['uniform', '1/√n', '1/n']].is_monotonic_increasing",
        "means.loc[6, 'precision of Treg'][['1/n', '1/√n', 'uniform']].is_monotonic_increasing",
        "np.ptp(means.loc[6, 'all cells right']) < 0.03",
    ],
    "05_bring_your_own_files": [
        "len(ui.audit.stores) == 5",
        "plates.audit.fatal and plates.audit.stores['n_obs'].sum() == 180",
        "[Path(path).name for path in recipe.paths] == ['plate_1.h5ad', 'plate_2.zarr', 'plate_3.h5ad']",
        "not folder.exists()",
    ],
    "06_scvi": [
        "data.n_obs == 2049 and data.n_labels == 8 and labels.isna().sum() == 350",
        "len(spellings) == 39 and ds.n_vars == 640 and (data.batch.codes == 1).sum() == 0",
        "'store_key=\"store\"' in view.code()",
        "model.history['elbo_train'].iloc[[-1, 0], 0].is_monotonic_increasing",
        "mixing.loc['principal components', 'neighbours of the same store'] > 0.9",
        "mixing.loc['SCANVI', 'neighbours of the same store'] < 0.67",
        "mixing['neighbours of the same type'].min() > 0.95",
        "0.24 < sum(np.mean(stores == one) ** 2 for one in set(stores)) < 0.28",
        "accuracy > 0.98",
        "np.array_equal(again.predict(dataloader=inference), predicted)",
    ],
    "07_harmonise_a_messy_collection": [
        "before.fatal and before.coverage.inner == 0",
        "joined.coverage.inner == 640 and len(joined.labels().classes) == 39",
        "len(ds.get_merged_categories('cell_type')) == 8 and len(ds) == 2049",
        "((after.labels().counts > 0).sum(axis=1) > 1).all()",
        "not [one for one in after.findings if one.severity in ('fatal', 'error')]",
        "{one.id for one in after.findings if one.severity == 'warning'} == {'rare-classes', 'depth'}",
    ],
}
WRITES = {"01_audit_a_collection": {"audit.html"}, "04_from_notebook_to_training": {"recipe.json"}}
SAYS = {
    "03_labels_and_weights": ["weights_scheme='sqrt'"],
    "04_from_notebook_to_training": ["first batch in", "epoch 4: loss"],
    "05_bring_your_own_files": ["git lfs pull", "did you mean 'cell_type'", "error [label-absent]"],
}


@pytest.fixture(scope="module")
def space(tmp_path_factory):
    """A copy of the folders that notebooks need, and an environment that writes nowhere else."""
    root = tmp_path_factory.mktemp("notebooks")
    for name in ("notebooks", "examples"):
        ignore = shutil.ignore_patterns(".ipynb_checkpoints", "*.html", "*.json")
        ignore = None if name == "examples" else ignore
        shutil.copytree(ROOT / name, root / name, ignore=_only_at_top(ROOT / name, ignore))
    homes = {
        name: str(root / "home" / name.lower())
        for name in (
            "JUPYTER_CONFIG_DIR",
            "JUPYTER_DATA_DIR",
            "JUPYTER_RUNTIME_DIR",
            "IPYTHONDIR",
            "MPLCONFIGDIR",
        )
    }
    env = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    env |= homes
    env |= {
        "JUPYTER_PREFER_ENV_PATH": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [env.get("PYTHONPATH")])]),
    }
    # On a new machine matplotlib looks for fonts once, and says so on stderr.
    looking = [sys.executable, "-c", "import matplotlib.font_manager"]
    subprocess.run(looking, env=env, check=True, capture_output=True)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in homes.items():
            patch.setenv(name, value)
        yield root / "notebooks", env


def _only_at_top(top, ignore):
    return lambda folder, names: ignore(folder, names) if ignore and folder == str(top) else []


@pytest.mark.slow
@pytest.mark.parametrize("name", PATHS)
def test_notebook_runs_and_its_prose_is_true(name, space):
    folder, env = space
    if name == "06_scvi":
        pytest.importorskip("scvi")
    before = {path.name for path in folder.iterdir()}
    notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
    claims = f"{{claim: bool(eval(claim)) for claim in {HOLDS[name]!r}}}"
    notebook.cells.append(nbformat.v4.new_code_cell(f"import json; print(json.dumps({claims}))"))
    client = NotebookClient(
        notebook,
        timeout=900,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute(env=env)

    outputs = [one for cell in notebook.cells for one in cell.get("outputs", [])]
    printed = "".join(one.text for one in outputs if one.get("name") == "stdout")
    assert "".join(one.text for one in outputs if one.get("name") == "stderr") == ""
    assert json.loads(notebook.cells[-1].outputs[0].text) == dict.fromkeys(HOLDS[name], True)
    assert [words for words in SAYS.get(name, []) if words not in printed] == []
    pictures = [one for one in outputs if "image/png" in one.get("data", {})]
    assert len(pictures) >= 2 or name.startswith("05")
    # Where there is no kernel, a widget is a table. Bars of tqdm are there on a busy machine only.
    widgets = (
        one for one in outputs if "application/vnd.jupyter.widget-view+json" in one.get("data", {})
    )
    for one in widgets:
        if "stores/s]" not in one.data["text/plain"]:
            assert "<table" in one.data["text/html"] or "<pre" in one.data["text/html"]
    assert {path.name for path in folder.iterdir()} - before == WRITES.get(name, set())


def test_each_is_held_by_something():
    assert list(PATHS) == list(HOLDS)
    assert len(PATHS) >= 5


@pytest.mark.parametrize("name", PATHS)
def test_notebook_is_committed_as_it_was_written(name):
    """Without outputs, counts or widgets; cells have names; one way to lay the JSON out."""
    text = PATHS[name].read_text(encoding="utf-8")
    notebook = json.loads(text)
    nbformat.validate(notebook)
    assert text == json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"
    assert not clean(notebook)
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(set(ids)) == len(ids)
    assert [one for one in ids if not re.fullmatch(r"[a-z]+(-[a-z]+)*", one)] == []
    assert all(cell["metadata"] == {} for cell in notebook["cells"])


@pytest.mark.parametrize("name", PATHS)
def test_links_between_notebooks_lead_somewhere(name):
    cells = json.loads(PATHS[name].read_text(encoding="utf-8"))["cells"]
    prose = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", prose) if "://" not in link]
    assert links
    assert [link for link in links if not (ROOT / "notebooks" / link).exists()] == []
