"""Short names in place of paths."""

import mappedviz as mv
from mappedviz.views.models.stores import listed_stores, texts_of, without_paths


def test_what_is_said_has_short_names(tmp_path):
    for i in range(4):
        (tmp_path / f"human_lung_atlas_2024_donor{i}_counts.h5ad").write_bytes(b"")
    audit = mv.audit(tmp_path, progress=False, workers=0)
    texts = [f"…donor{i}" for i in range(4)]
    assert list(texts_of(audit).values()) == texts
    stores = list(audit.stores.index)
    said = f"{audit.stores['path'].iloc[2]}: no store, as {stores[1]}"
    assert without_paths(audit, said, stores) == "…donor2: no store, as …donor1"
    assert without_paths(audit, "nowhere is no store", ["nowhere"]) == "nowhere is no store"
    assert listed_stores(audit, stores) == "…donor0, …donor1, …donor2 and 1 more"
    assert listed_stores(audit, stores[:1]) == "…donor0"
