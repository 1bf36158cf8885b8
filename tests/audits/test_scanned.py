"""A store that is known by its record."""

from pathlib import Path

import pytest

from mappedviz.audits.reading import scan_store
from mappedviz.audits.scanned import ScannedStore
from mappedviz.errors import AbsentStoreError, MissingKeyError, StoreError
from mappedviz.stores.store import Store
from tests.audits import write


@pytest.fixture
def store(tmp_path):
    return Store(write(tmp_path))


@pytest.fixture
def column(store):
    return store.obs_column("cell_type")


def test_a_record_answers_once_and_the_file_is_not_opened(store, column):
    asked = []

    def recall(name):
        asked.append(name)
        return column if name == "cell_type" else None

    known = ScannedStore(store, recall, afar=True)
    (path,) = [store.path]
    names = scan_store(path).names
    known.keep_names(None, names[None])

    Path(path).unlink()
    with known.opened() as opened:
        assert opened.var_names() is names[None]
        for _ in range(2):
            assert list(opened.obs_columns(["cell_type"])) == ["cell_type"]
    assert asked == ["cell_type"]
    with pytest.raises(StoreError, match="has a scan without this column"):
        known.obs_columns(["batch"])
    with pytest.raises(MissingKeyError, match="var has no column 'nowhere'"):
        known.var_names("nowhere")
    with pytest.raises(StoreError, match="has a scan without the raw.var column 'x'"):
        known.var_names("x", raw=True)
    with pytest.raises(AbsentStoreError, match="is not here"), known.at_hand().opened():
        pass


def test_the_file_is_read_for_what_the_record_has_not(store):
    known = ScannedStore(store, lambda _: None, afar=True)
    assert list(known.obs_columns(["batch"])) == ["batch"]
    assert len(known.var_names()) == store.facts.n_vars
    here = known.at_hand()
    assert here.knows_column("batch")
    with here.opened() as opened:
        assert opened is here
    assert here.at_hand() is not known


def test_a_file_that_changed_is_not_read(store):
    known = ScannedStore(store, lambda _: None)
    with open(store.path, "ab") as file:
        file.write(b"more")
    with pytest.raises(StoreError, match="changed"), known.opened():
        pass
    afar = ScannedStore(store, lambda _: None, afar=True)
    with pytest.raises(StoreError, match="has changed since it was scanned"):
        afar.at_hand().opened().__enter__()
