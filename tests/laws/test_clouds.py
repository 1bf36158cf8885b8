"""Buckets of Google and containers of Azure, by their own protocols: rows, lists, audits, copies, and objects that change."""

from __future__ import annotations

import os
import pickle
import shutil

import numpy as np
import pytest

import mappedviz as mv
from mappedviz.audits import forget_scans
from mappedviz.errors import AbsentStoreError, StoreError
from mappedviz.formats.remote_options import noted
from mappedviz.stores.paths import expand_paths
from mappedviz.testing import coded_anndata
from tests.clouds import cloud
from tests.stores import STORE_KINDS

pytest.importorskip("obstore")

#: One for each way in which bytes are found, and names that URLs have to spell.
KINDS = {
    "a b+ü.h5ad": "h5ad-gzip-shuffle",
    "b.zarr": "zarr-v2",
    "c.zarr": "zarr-v3-sharded",
    "d.zarr.zip": "zarr-zip",
}
REQUEST = {"obs_keys": ["cell_type", "donor"], "join": "outer"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("cloud")
    for i, (name, kind) in enumerate(KINDS.items()):
        genes = [f"g{k}" for k in range(i, 9 + i)]
        path = STORE_KINDS[kind](coded_anndata(i, 30 + i, genes=genes), made / f"x{i}")
        (made / "box" / "atlas").mkdir(parents=True, exist_ok=True)
        shutil.move(path, made / "box" / "atlas" / name)
    return made


@pytest.fixture(scope="module", params=["gs", "az"])
def there(request, folder):
    """The server, its address, and the options without which it answers nothing."""
    with cloud(folder) as server:
        if request.param == "gs":
            options = {"endpoint_url": server.url, "token": "SECRET"}
            allowed = lambda r: r.headers.get("authorization") == "Bearer SECRET"  # noqa: E731
        else:
            options = {
                "endpoint_url": server.url,
                "account_name": "lab",
                "sas_token": "sv=1&sig=SECRET",
            }
            allowed = lambda r: "sig=SECRET" in r.query  # noqa: E731
        server.fault = lambda r: None if allowed(r) else 403
        url = f"{request.param}://box/atlas"
        noted(url, options)
        yield server, url, options
        noted(url, {})


@pytest.fixture(scope="module")
def here(folder):
    return [str(folder / "box" / "atlas" / name) for name in KINDS]


def test_folders_and_patterns_are_listed(there):
    _, url, _ = there
    names = sorted(KINDS)
    assert [path.rpartition("/")[2] for path in expand_paths([url])] == names
    assert [path.rpartition("/")[2] for path in expand_paths([f"{url}/*.zarr"])] == [
        "b.zarr",
        "c.zarr",
    ]
    assert [path.rpartition("/")[2] for path in expand_paths([f"{url}/**/d*"])] == ["d.zarr.zip"]


def test_rows_are_those_of_the_files(there, here):
    _, url, options = there
    ds = mv.MappedCollection(
        [f"{url}/{name}" for name in KINDS], storage_options=options, **REQUEST
    )
    local = mv.MappedCollection(here, **REQUEST)
    assert ds.shape == local.shape
    rows = np.random.default_rng(0).integers(0, len(local), 60).tolist()
    for one in (ds, pickle.loads(pickle.dumps(ds))):
        batch, wanted = one[rows], local[rows]
        for key in wanted.keys():  # noqa: SIM118 - a RowBatch iterates over rows
            np.testing.assert_array_equal(np.asarray(batch[key]), np.asarray(wanted[key]))


def test_audits_are_those_of_the_files(there, here):
    _, url, options = there
    forget_scans()
    found = mv.audit(url, "cell_type", storage_options=options, workers=0, progress=False)
    wanted = mv.audit(here, "cell_type", workers=0, progress=False)
    assert sorted(one.id for one in found.findings) == sorted(one.id for one in wanted.findings)
    assert "SECRET" not in found.to_json()


def test_copies_are_those_of_the_files(there, here, tmp_path):
    _, url, options = there
    paths = [[f"{url}/{name}" for name in KINDS], here]
    digests = [
        [
            shard.digest
            for shard in mv.optimize(
                None,
                tmp_path / str(i),
                mv.Recipe(paths=one, **REQUEST),
                storage_options=options if i == 0 else None,
                progress=False,
            ).shards
        ]
        for i, one in enumerate(paths)
    ]
    assert digests[0] == digests[1]


def test_an_object_that_changes_is_named(there):
    server, url, options = there
    atlas = server.folder / "box" / "atlas"
    shutil.copy(atlas / "a b+ü.h5ad", atlas / "e.h5ad")
    ds = mv.MappedCollection(f"{url}/e.h5ad", storage_options=options, cache_bytes=0)
    ds[[0, 5]]
    os.utime(atlas / "e.h5ad", ns=(1, 1))
    try:
        with pytest.raises(StoreError, match=r"e\.h5ad.*changed or replaced"):
            ds[list(range(len(ds)))]
    finally:
        (atlas / "e.h5ad").unlink()


def test_what_is_absent_or_refused_is_said(there):
    _, url, options = there
    with pytest.raises(AbsentStoreError):
        mv.MappedCollection(f"{url}/nowhere.h5ad", storage_options=options)
    wrong = {**options, "token" if "token" in options else "sas_token": "sig=WRONG"}
    with pytest.raises(StoreError, match="refuses") as refused:
        mv.MappedCollection(f"{url}/b.zarr", storage_options=wrong, cache=False)
    assert "WRONG" not in str(refused.value)
    noted(url, options)


@pytest.mark.parametrize(
    ("scheme", "options", "sent"),
    [
        ("gs", {"token": "anon"}, None),
        ("gs", {"token": "abc"}, "Bearer abc"),
        ("az", {"account_name": "lab", "anon": True}, None),
        ("az", {"account_name": "lab", "account_key": "c2VjcmV0"}, "SharedKey lab:"),
        ("az", {"account_name": "lab", "bearer_token": "abc"}, "Bearer abc"),
    ],
)
def test_credentials_are_sent_as_the_cloud_wants_them(folder, scheme, options, sent):
    with cloud(folder) as server:
        store = mv.open_store(
            f"{scheme}://box/atlas/b.zarr", storage_options={"endpoint_url": server.url, **options}
        )
        assert store.facts.n_obs == 31
        found = [request.headers.get("authorization") for request in server.log]
    assert found
    assert all(one is None if sent is None else one.startswith(sent) for one in found)
    noted(f"{scheme}://box", {})
