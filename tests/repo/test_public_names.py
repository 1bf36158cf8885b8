"""Public names do not move: what a notebook or a script imported once, it can import for ever."""

from __future__ import annotations

import importlib

import pytest

PUBLIC = {
    "mappedviz": """
        Audit CategoriesView CellsView ChecksView Copy CoverageView Encoder Expectations Explorer Finding HandoffView
        HistoryView MappedCollection Recipe RowBatch ShapesView Store WeightsView __version__ audit batches check_store
        dataloader explore open_store optimize to_device
    """,
    "mappedviz.audits": """
        Audit AuditDiff CellStats Change Coverage Embedding Expectations ExpectedColumn ExpectedGenes ExpectedMatrix
        ExpectedStores Expression Finding Found LabelTable Thresholds WeightTable audit check
        compare_schemes
        forget_scans obs_schema scan_stores stores_table write_scans
    """,
    "mappedviz.collection": "MappedCollection Parts Plan RowBatch as_rows make_plan",
    "mappedviz.copies": "Copy CopyCancelledError optimize",
    "mappedviz.datasets": "demo",
    "mappedviz.errors": """
        ClosedError CoreError ElementError JoinError MappedvizError MissingKeyError NoSpaceError RecipeError
        RecipeTypeError StoreError StoreWarning
    """,
    "mappedviz.genes": "MAPS PACKAGED GeneTable MappedNames packaged release_of table",
    "mappedviz.loaders": """
        BatchSampler Batches Loader RowOrder Shuffle dataloader to_device to_tensors
    """,
    "mappedviz.ontology": "HOWS SURE Term Terms ancestors relabel roll_up suggest terms",
    "mappedviz.orders": """
        BalancedOrder ClassOrder GivenOrder NumpyBatches Order RowOrder Shuffle batches
    """,
    "mappedviz.plots": """
        plot_batch_by_label plot_categories plot_cell_stats plot_coverage_curve plot_crosstab
        plot_drawn plot_embedding plot_expression plot_intersections plot_leave_one_out
        plot_library_sizes plot_measured plot_patterns plot_shapes plot_weights render DARK LIGHT
        Theme contrast
    """,
    "mappedviz.recipe": """
        SCHEMA Encoder FrozenDict Join Labels Recipe RowMap VarJoin choose_for_store class_weights
        row_weights split_groups split_rows store_names
    """,
    "mappedviz.report": "write_croissant write_diff write_html write_multiqc",
    "mappedviz.stores": "Store StoreFacts expand_paths open_store open_stores",
    "mappedviz.testing": """
        StoreContract assert_same_values coded_anndata coded_matrix coded_obs decode dense encode
        hash_store
    """,
    "mappedviz.text": "csv_text write_text",
}


MEMBERS = {
    "MappedCollection": """
        check_vars_non_aligned check_vars_sorted close closed encoders from_recipe get_label_weights
        get_merged_categories get_merged_labels indices layers_keys n_obs n_obs_list n_vars obs obs_keys
        obs_names obsm_keys original_shapes part_of path_list read_rows read_window recipe shape split
        storage_idx stored_plainly stores subset to_anndata torch_worker_init_fn var_indices
        var_joint var_list var_measured var_unmapped
    """,
    "Recipe": """
        code_of dtype duplicates encode_labels encoded_keys encoders filter_keys from_json holdout join
        layer_alias layers_keys load min_stores obs_alias obs_filter obs_keys obs_query obsm_keys on_error part part_names
        relabel renames_of replace save split_by split_fraction split_keys split_parts split_rule split_seed
        stratify strip_version to_json unknown_label unknown_label_of unseen var_alias var_key var_map var_names
        weights_keys weights_scaler weights_scheme within
    """,
    "Audit": """
        batch cell_stats check collection coverage crosstab diff embedding expectations expression fatal from_json group kinds label
        labels library_sizes obs_browser obs_schema opened_stores recipe recipe_with recipe_without
        sample_sheet schemes split stores to_html
        to_json var_measured verdict weights
    """,
    "Explorer": """
        audit dataloader dataset from_json recipe redo renderer split tab to_json undo wait
    """,
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


@pytest.mark.parametrize("name", MEMBERS)
def test_public_classes_keep_their_members(name):
    import mappedviz

    kind = getattr(mappedviz, name)
    members = {one for one in dir(kind) if not one.startswith("_")}
    assert [one for one in MEMBERS[name].split() if one not in members] == []
    assert MEMBERS[name].split() == sorted(MEMBERS[name].split())


def test_a_collection_has_no_other_members():
    """A new one is a decision: it goes into the list above, and into the documentation."""
    import mappedviz

    found = {one for one in dir(mappedviz.MappedCollection) if not one.startswith("_")}
    assert sorted(found) == MEMBERS["MappedCollection"].split()
