"""Public names do not move: what a notebook or a script imported once, it can import for ever."""

from __future__ import annotations

import importlib

import pytest

PUBLIC = {
    "mappedviz": """
        Audit CategoriesView ChecksView CoverageView Encoder Explorer Finding HandoffView
        MappedCollection Recipe RowBatch ShapesView Store WeightsView __version__ audit dataloader
        explore open_store to_device
    """,
    "mappedviz.audits": """
        Audit Coverage Finding Found LabelTable WeightTable audit check compare_schemes
        forget_scans obs_schema scan_stores stores_table
    """,
    "mappedviz.collection": "MappedCollection Plan RowBatch make_plan",
    "mappedviz.errors": """
        ClosedError CoreError ElementError JoinError MappedvizError MissingKeyError RecipeError
        RecipeTypeError StoreError StoreWarning
    """,
    "mappedviz.loaders": "BatchSampler dataloader to_device to_tensors",
    "mappedviz.plots": """
        plot_batch_by_label plot_categories plot_coverage_curve plot_drawn plot_leave_one_out
        plot_library_sizes plot_patterns plot_shapes plot_weights render
    """,
    "mappedviz.recipe": """
        Encoder Labels Recipe RowMap VarJoin class_weights row_weights split_groups split_rows
    """,
    "mappedviz.report": "write_html",
    "mappedviz.stores": "Store StoreFacts expand_paths open_store open_stores",
    "mappedviz.testing": """
        StoreContract assert_same_values coded_anndata coded_matrix coded_obs decode dense encode
        hash_store
    """,
    "mappedviz.text": "csv_text write_text",
}


@pytest.mark.parametrize("package", PUBLIC)
def test_public_names_are_where_they_were(package):
    home = importlib.import_module(package)
    names = PUBLIC[package].split()
    assert [name for name in names if not hasattr(home, name)] == []
    assert set(names) <= set(getattr(home, "__all__", names))


def test_the_root_has_no_other_names():
    import mappedviz

    assert sorted(mappedviz.__all__) == PUBLIC["mappedviz"].split()
