"""Short names in place of paths."""

import mappedviz as mv
from mappedviz.views.models.stores import listed_stores, texts_of, without_paths


def test_what_is_said_has_short_names(tmp_path):
    for i in range(4):
        (tmp_path / f"atlas_{i}_counts.h5ad").write_bytes(b"")
    audit = mv.audit(tmp_path, progress=False, workers=0)
    assert list(texts_of(audit).values()) == ["0", "1", "2", "3"]
    stores = list(audit.stores.index)
    path = audit.stores["path"].iloc[2]
    assert (
        without_paths(audit, f"{path}: no store, as atlas_1_counts.h5ad", stores)
        == "2: no store, as 1"
    )
    assert without_paths(audit, "nowhere is no store", ["nowhere"]) == "nowhere is no store"
    assert listed_stores(audit, stores) == "0, 1, 2 and 1 more"
    assert listed_stores(audit, stores[:1]) == "0"
