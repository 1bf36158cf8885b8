"""What was read is kept while files are unchanged, within bounds, and changes no table."""

import json
import pickle

import anndata as ad
import numpy as np
import pandas as pd

from mappedviz.audits.cache import ScanCache, default_cache, forget_scans
from mappedviz.audits.reading import scan_store
from mappedviz.audits.scan import Wants
from mappedviz.audits.workers import scan_stores
from tests.audits import counts, found, quiet, write


def test_nothing_is_read_twice(several, monkeypatch):
    audit = quiet(several, "cell_type")
    opened = []
    from mappedviz.stores import session as stores

    def open_root(path, kind):
        opened.append(path)
        raise AssertionError(path)

    monkeypatch.setattr(stores, "open_root", open_root)
    assert quiet(several, "cell_type").to_json() == audit.to_json()
    assert audit.collection().shape == (144, 12)
    assert opened == []


def test_a_store_that_changed_is_read_again(several, tmp_path):
    assert quiet(several).stores["n_obs"].sum() == 144
    write(tmp_path, "s0", n_obs=30)
    assert quiet(several).stores["n_obs"].sum() == 150


def test_what_a_scan_lacks_is_topped_up(several):
    first = quiet(several[:1])
    assert not found(first, "same-rows")
    (scan,) = scan_stores(several[:1], Wants(deep=True), progress=False)
    assert len(scan.row_hashes) == 24
    assert len(default_cache()) == 1
    copy = pickle.loads(pickle.dumps(scan.store))
    assert copy.read_var_names().tolist() == scan.store.read_var_names().tolist()


def test_the_cache_forgets_the_oldest(several):
    cache = ScanCache(size=2)
    for path in several:
        cache.put(scan_store(path), Wants())
    assert [cache.get(path, Wants()) is not None for path in several] == [False] * 4 + [True] * 2


def test_tables_do_not_depend_on_what_was_audited_before(tmp_path):
    """Whatever order audits come in, each has the tables that it has alone."""
    paths = []
    for i in range(2):
        layers = {"counts": counts(3)}
        paths.append(
            str(write(tmp_path, f"s{i}", store=i, layers=layers, obs={"n": list("ab") * 12}))
        )
    asked = [
        {"layers_keys": "counts"},
        {},
        {"deep": True, "label": "cell_type"},
        {"obs_keys": ["n"], "obs_filter": {"n": "a"}},
        {"var_key": "gene_id", "join": "outer"},
    ]
    alone = [without_times(quiet(paths, cache=ScanCache(), **request)) for request in asked]
    for order in ([0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [1, 0, 1, 4, 0, 2]):
        cache = ScanCache()
        for i in order:
            assert without_times(quiet(paths, cache=cache, **asked[i])) == alone[i]


def test_a_sample_of_raw_knows_its_genes_whoever_read_it_first(tmp_path):
    """Before, the audit looked there for counts only, without the names of its variables."""
    genes = [f"MT-{k}" for k in range(12)]
    raw = ad.AnnData(counts(3), var=pd.DataFrame(index=genes))
    scaled = np.random.default_rng(0).normal(size=(24, 12)).astype(np.float32)
    path = write(tmp_path, "s", X=scaled, raw=raw)
    cache = ScanCache()
    assert quiet(path, cache=cache).library_sizes()["mito"].isna().all()
    found = quiet(path, cache=cache, layers_keys="raw.X").library_sizes("raw.X")
    assert found["mito"].tolist() == [1.0] * 24


def without_times(audit):
    found = json.loads(audit.to_json())
    return {**found, "sizes": repr(audit.library_sizes().to_numpy().tolist())}  # NaN among them


def test_an_audit_keeps_what_it_read_in_its_own_cache(several):
    cache = ScanCache()
    audit = quiet(several, cache=cache)
    assert (len(cache), len(default_cache())) == (6, 0)
    assert audit.coverage.outer == len(cache.vocabulary)
    cache.clear()
    assert len(cache) == 0
    assert audit.coverage.find(audit.coverage.names.tolist()).to_numpy().all()


def test_what_is_kept_has_a_bound_in_bytes(several):
    scans = [scan_store(path) for path in several]
    cache = ScanCache()
    cache.put(scans[0], Wants())
    cache = ScanCache(nbytes=int(2.5 * cache._used_bytes))
    for scan in scans:
        cache.put(scan, Wants())
    assert len(cache) == 2
    assert cache.get(several[-1], Wants()) is not None


def test_names_that_no_scan_has_are_dropped(tmp_path, monkeypatch):
    from mappedviz.audits import cache as caches

    monkeypatch.setattr(caches, "_FEW_NAMES", 0)
    cache = ScanCache(size=2)
    sizes = []
    for i in range(12):
        path = write(tmp_path, f"s{i}", genes=[f"s{i}_{k}" for k in range(12)])
        audit = quiet([path], cache=cache)
        assert audit.coverage.outer == 12
        sizes.append(len(cache.vocabulary))
    lists = sum(len(shared.names) for shared in cache._shared.values())
    assert max(sizes) <= 2 * lists + 12
    assert set(cache._shared) == {
        n.key for e in cache._entries.values() for n in e.scan.names.values()
    }


def test_an_audit_stays_right_when_scans_are_forgotten(several):
    """Tables are made on demand: also after others have emptied or filled the cache."""
    audit = quiet(several)
    expected = quiet(several, cache=ScanCache()).coverage
    forget_scans()
    quiet(several[3:])
    assert audit.coverage.inner == expected.inner
    assert sorted(audit.coverage.names.tolist()) == sorted(expected.names.tolist())
