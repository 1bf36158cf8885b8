"""Per check a collection in which it finds something."""

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

import mappedviz as mv
from mappedviz import genes
from mappedviz.audits.checks import CHECKS
from tests.audits import LABELS, counts, ensembl, found, ids, made, norm, quiet, symbols


def with_zeros():
    """Counts of which some are stored although they are zero."""
    x = sparse.csr_matrix(counts(3))
    x.data[::7] = 0
    return x


def raw(genes):
    """Counts of genes that X need not have."""
    return ad.AnnData(counts(1), var=pd.DataFrame(index=genes))


GENES = [f"SYM{k}" for k in range(20)]
OTHERS = [f"x{i}" for i in range(24)]


def many(first):
    """Counts of 20 genes, the first of which may be more than the others."""
    x = np.random.default_rng(0).poisson(3, (24, 20)).astype(np.float32) + 1
    x[:, 0] *= first
    return x


#: Twelve symbols, and identifiers of two releases of Ensembl: that of TBCE differs.
REAL = [
    "TP53",
    "CD4",
    "CD8A",
    "CD3E",
    "MS4A1",
    "NKG7",
    "LYZ",
    "GNLY",
    "SEPTIN2",
    "GAPDH",
    "ACTB",
    "B2M",
]
IDENTIFIERS = genes.packaged("human").map(REAL, "symbol->ensembl").values.tolist()
OLD, NEW = ([one, *IDENTIFIERS[1:]] for one in ("ENSG00000116957", "ENSG00000284770"))


# Check -> per store what `write` takes, and what is asked.
FINDS = {
    "gene-identifiers": ([{"genes": symbols()}, {"genes": ensembl()}], {"join": "outer"}),
    "identifier-gaps": (
        [{"var": pd.DataFrame({"ids": ["E0", "", *map(str, range(10))]}, index=symbols())}],
        {"var_key": "ids"}),
    "gene-versions": ([{"genes": ensembl(1)}, {"genes": ensembl(2)}], {"join": "outer"}),
    "gene-case": ([{"genes": ["Abc", "Xyz"]}, {"genes": ["ABC", "XYZ"]}], {"join": "outer"}),
    "positional-names": ([{"genes": [str(i) for i in range(12)]}], {}),
    "join-coverage": ([{"genes": symbols()}, {"genes": ["SYM0", *ensembl()[1:]]}], {}),
    "zero-filling": ([{"genes": symbols()}, {"genes": ["SYM0", "B"]}], {"join": "outer"}),
    "join-refused": ([{"genes": symbols()}, {"genes": ["A", "B"]}], {}),
    "reference-release": ([{"genes": OLD}, {"genes": NEW}], {"join": "outer"}),
    "feature-filtered": (
        [{"var": pd.DataFrame({"feature_is_filtered": [True, False] * 6}, index=symbols())}, {}], {}),
    "suffix-names": ([{"genes": ["CD4", "CD4-1", *symbols()[2:]]}, {"genes": symbols()}], {}),
    "names-left-out": ([{"genes": ["Y_RNA", *REAL[1:]]}], {"var_map": "symbol->ensembl"}),
    "species": ([{"genes": ensembl()}, {"genes": [f"ENSMUSG{k:011d}" for k in range(12)]}], {}),
    "label-absent": ([{"obs": {"CellType": LABELS}}, {"obs": {"ct": LABELS}}], {"label": "ct"}),
    "label-type": ([{"obs": {"ct": LABELS}}, {"obs": {"ct": np.arange(24) / 7}}], {"label": "ct"}),
    "label-names": ([{"obs": {"ct": ["2024-03-01", "T"] * 12}}], {"label": "ct"}),
    "transposed": (
        [{"genes": symbols()},
         {"n_obs": 12, "obs_names": symbols(), "genes": [f"cell{i}" for i in range(12)]}],
        {"join": "outer"}),
    "label-missing": ([{}], {"label": "cell_type"}),
    "label-placeholder": ([{"obs": {"ct": ["nan", "T"] * 12}}], {"label": "ct"}),
    "label-spelling": ([{"obs": {"ct": ["NK", "NK cells"] * 12}}], {"label": "ct"}),
    "label-vocabulary": ([{"obs": {"ct": ["A"] * 24}}, {"obs": {"ct": ["B"] * 24}}], {"label": "ct"}),
    "value-scale": ([{"X": counts(3)}, {"X": norm()}], {}),
    "counts-elsewhere": (
        [{"X": counts(3), "genes": symbols()},
         {"X": norm(), "layers": {"umis": counts(2)}, "genes": symbols()},
         {"X": norm(), "raw": raw(symbols()[::-1]), "genes": symbols()}],
        {}),
    "value-logarithms": ([{"X": np.log1p(counts(3))}, {"X": norm()}], {}),
    "value-mixed": ([{"X": np.concatenate([counts(3, 12), norm(n=12)])}, {}], {}),
    "value-zero": ([{"X": 0 * counts(3)}, {"X": counts(3)}], {}),
    "stored-oddly": ([{"X": with_zeros()}], {}),
    "dtype-loses": ([{"X": 70_000 * counts(1)}], {"dtype": "float16"}),
    "dtype-may-lose": ([{"n_obs": 600, "X": 20_000 * counts(0, 600) + 0.5}], {"dtype": "float16"}),
    "dtype-nan": ([{"X": counts(1) + np.nan}, {"X": counts(1)}], {"dtype": "int32"}),
    "batch-lists": (
        [{"obsm": {"p": counts(1)[:, :k]}} for k in (2, 2, 3)], {"obsm_keys": "p"}),
    "gene-order": ([{"genes": symbols()}, {"genes": symbols()[::-1]}], {"join": None}),
    "raw-genes": (
        [{"raw": raw(symbols())}, {"raw": raw(symbols()[::-1])}], {"layers_keys": "raw.X"}),
    "recipe-matches-nothing": (
        [{"obs": {"ct": LABELS}}], {"label": "ct", "relabel": {"ct": {"T cells": "T"}}}),
    "value-normalised": ([{"X": norm()}], {}),
    "value-finite": ([{"X": counts(1) + np.nan}, {"X": counts(1)}], {}),
    "value-types": ([{}, {"X": counts(3).astype(np.int32)}], {}),
    "matrix-absent": ([{"layers": {"counts": counts(1)}}, {}], {"layers_keys": "counts"}),
    "empty-store": ([{"n_obs": 0}, {}], {}),
    "depth": ([{"X": counts(40)}, {"X": counts(1)}], {}),
    "empty-cells": ([{}], {}),
    "rare-classes": ([{}], {"label": "cell_type"}),
    "weights": ([{"n_obs": 900, "obs": {"ct": ["T"] * 899 + ["B"]}}], {"label": "ct"}),
    "confounding": ([{"obs": {"ct": ["A"] * 24}}, {"obs": {"ct": ["B"] * 24}}], {"label": "ct"}),
    "class-in-one-batch": (
        [{"obs": {"ct": LABELS, "b": LABELS}}], {"label": "ct", "batch": "b"}),
    "group-leak": ([{"obs": {"donor": ["d"] * 24, "split": LABELS}}], {"group": "donor"}),
    "group-in-stores": ([{"obs": {"d": ["d"] * 24}}, {"obs": {"d": ["d"] * 24}}], {"group": "d"}),
    "recipe-keys": ([{}], {"weights_keys": ["cell_type", "nowhere"], "split_by": "donor"}),
    "split-groups": ([{"obs": {"d": ["d"] * 24}}], {"split_by": "d"}),
    "split-refused": (
        [{"obs": {"d": [f"d{i // 6}" for i in range(24)]}}],
        {"split_by": "d", "holdout": {"d": ["d9"]}}),
    "split-unlabelled": ([{"obs": {"d": LABELS}}, {"obs": {"ct": LABELS}}], {"split_by": "d"}),
    "split-share": ([{"obs": {"d": LABELS}}], {"split_by": "d"}),
    "split-classes": (
        [{"obs": {"d": [f"d{i // 6}" for i in range(24)], "ct": ["T"] * 12 + ["B"] * 12}}],
        {"label": "ct", "split_by": "d", "split_fraction": 0.5, "split_seed": 1}),
    "no-cells": ([{"obs": {"t": ["blood"] * 24}}], {"obs_filter": {"t": "Blood"}}),
    "store-left-out": ([{"obs": {"t": LABELS}}, {"obs": {"t": ["x"] * 24}}], {"obs_filter": {"t": "T"}}),
    "no-label": ([{"obs": {"ct": ["T"] * 24}}], {"label": "ct", "relabel": {"ct": {"T": None}}}),
    "one-class": ([{"obs": {"ct": LABELS}}], {"label": "ct", "obs_filter": {"ct": "T"}}),
    "key-empty": ([{"obs": {"ct": LABELS}}, {"obs": {"ct": np.full(24, np.nan)}}], {"label": "ct"}),
    "key-absent": ([{"obs": {"d": LABELS}}, {}], {"obs_keys": ["d"], "label": "cell_type"}),
    "panel-absent": ([{"genes": symbols()}, {"genes": ensembl()}], {"var_names": symbols()}),
    "panel-spelling": ([{"genes": symbols()}], {"var_names": ["SYM0\n", "sym1", "SYM2"]}),
    "panel-unknown": ([{"genes": symbols()}], {"var_names": ["SYM0", "CD4"]}),
    "panel-few-stores": (
        [{"genes": symbols()}, {"genes": ["SYM0", "X"]}, {"genes": ["SYM0", "Y"]}],
        {"var_names": ["SYM0", "SYM1"]}),
    "same-cells": ([{}, {}], {}),
    "same-rows": ([{}, {"obs_names": [f"x{i}" for i in range(24)]}], {"deep": True}),
    "primary-data": ([{"obs": {"is_primary_data": [True, False] * 12}}, {"store": 1}], {}),
    "same-sampled-rows": (
        [{"X": many(3), "genes": GENES}, {"X": many(3), "genes": GENES, "obs_names": OTHERS}], {}),
    "mitochondrial-share": (
        [{"X": many(3), "genes": GENES}, {"X": many(3), "genes": ["MT-ND1", *GENES[1:]]},
         {"X": many(30), "genes": ["MT-ND1", *GENES[1:]]}], {}),
    "same-cells-twice": ([{"obs_names": ["a"] * 24}], {}),
    "column-oriented": ([{"kind": "h5ad-csc"}], {}),
    "obs-schema": ([{"obs": {"n": LABELS}}, {"obs": {"n": np.arange(24)}}], {}),
    "assay": ([{"obs": {"assay": LABELS}}], {}),
    "provenance": ([{}], {}),
}  # fmt: skip
ELSEWHERE = {
    "duplicate-genes", "join-one-store", "unreadable-store", "unreadable-element", "refused", "layout",
    "contradiction",
}  # fmt: skip


def cases_of(module):
    """The checks of a module of checks."""
    return [name for name in FINDS if CHECKS[name].look.__module__ == module.__name__]


def finds(tmp_path, name):
    """Audit the collection of a check: it finds something, and its fix puts that right."""
    stores, asked = FINDS[name]
    audit = quiet(made(tmp_path, stores), **asked)
    findings = found(audit, name)
    assert findings, (ids(audit), audit.not_applicable)
    for finding in findings:
        assert set(finding.stores) <= set(audit.stores.index)
        assert finding.message
        assert finding.number is not None
        assert "{" not in finding.message
        if finding.fix is None:
            continue
        # The fix is a recipe, the code makes it, and the finding is gone with it.
        scope = {"recipe": audit.recipe, "Encoder": mv.Encoder}
        exec(finding.code, scope)
        assert scope["recipe"] == finding.fix == audit.recipe_with(finding)
        options = {key: asked[key] for key in ("label", "group", "deep") if key in asked}
        mended = quiet(None, recipe=finding.fix, **options)
        assert finding.message not in [one.message for one in mended.findings]


GOOD = [
    {
        "store": i,
        "n_obs": 120,
        "genes": symbols(),
        "X": counts(5, 120),
        "obs": {
            "ct": ["T", "B"] * 60,
            "donor": [f"{i}{k // 60}" for k in range(120)],
            "split": ["train"] * 60 + ["test"] * 60,
            "assay": ["10x"] * 120,
            "b": [f"b{k // 60}" for k in range(120)],
        },
        "uns": {"title": "made"},
    }
    for i in range(3)
]
