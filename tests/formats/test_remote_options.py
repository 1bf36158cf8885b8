"""Options of remote stores: both spellings, by address, and never shown."""

from __future__ import annotations

import pickle

import pytest

from mappedviz.errors import RecipeError, RecipeTypeError
from mappedviz.formats import remote_options
from mappedviz.formats.remote_options import (
    Options,
    is_plain,
    noted,
    options_of,
    recall,
    root_of,
    scheme_of,
    snapshot,
)


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch):
    monkeypatch.setattr(remote_options, "_known", {})


@pytest.mark.parametrize(
    ("scheme", "fsspec", "obstore"),
    [
        ("s3", {"key": "K", "secret": "S"}, {"access_key_id": "K", "secret_access_key": "S"}),
        ("s3", {"token": "T"}, {"aws_session_token": "T"}),
        ("s3", {"anon": True}, {"skip_signature": True}),
        ("s3", {"endpoint_url": "http://x"}, {"AWS_ENDPOINT": "http://x"}),
        ("s3", {"client_kwargs": {"region_name": "eu"}}, {"config": {"region": "eu"}}),
        ("gs", {"token": "anon"}, {"skip_signature": True}),
        ("gs", {"token": "/key.json"}, {"application_credentials": "/key.json"}),
        ("gs", {"token": "T"}, {"bearer_token": "T"}),
        ("gs", {"project": "mine", "token": "T"}, {"google_bearer_token": "T"}),
        ("az", {"sas_token": "T"}, {"sas_key": "T"}),
        ("az", {"account_name": "a", "account_key": "k"}, {"azure_storage_account_name": "a", "account_key": "k"}),
        ("http", {"headers": {"A": "b"}}, {"client_options": {"default_headers": {"A": "b"}}}),
    ],
)  # fmt: skip
def test_fsspec_and_obstore_are_understood(scheme, fsspec, obstore):
    assert Options(scheme, fsspec) == Options(scheme, obstore)
    assert Options(scheme, fsspec).config


def test_timeouts_and_retries_are_for_every_scheme():
    for scheme in ("s3", "gs", "az", "http"):
        found = Options(scheme, {"timeout": 3, "retry_config": {"max_retries": 1}})
        assert (found.client, found.retry) == ({"timeout": 3}, {"max_retries": 1})


def test_an_unknown_option_is_named_without_its_value():
    with pytest.raises(RecipeError, match="secrets_key") as caught:
        noted("s3://b/a.h5ad", {"secrets_key": "SECRET"})
    assert "SECRET" not in str(caught.value)
    with pytest.raises(RecipeTypeError, match="storage_options"):
        noted("s3://b/a.h5ad", "SECRET")
    with pytest.raises(RecipeTypeError, match="client_kwargs"):
        Options("s3", {"client_kwargs": "SECRET"})


def test_values_are_in_no_repr_and_travel_in_pickles():
    options = Options("s3", {"key": "me", "secret": "SECRET"})
    assert "SECRET" not in repr(options)
    assert pickle.loads(pickle.dumps(options)) == options


def test_options_belong_to_an_address_and_what_is_below_it():
    noted(["s3://bucket/atlas/*.h5ad", "local/*.h5ad"], {"anon": True})
    assert options_of("s3://bucket/atlas/a.h5ad").config == {"skip_signature": True}
    assert options_of("s3://bucket/atlas/x/b.zarr/obs/zarr.json").config
    for other in ("s3://bucket/atlas2/a.h5ad", "s3://bucket/a.h5ad", "s3://other/atlas/a.h5ad"):
        assert not options_of(other).config
    noted("s3://bucket/atlas/a.h5ad", {"key": "K", "secret": "S"})
    assert options_of("s3://bucket/atlas/a.h5ad").config["access_key_id"] == "K"
    assert options_of("s3://bucket/atlas/b.h5ad").config == {"skip_signature": True}
    noted("s3://bucket/atlas/a.h5ad")
    assert options_of("s3://bucket/atlas/a.h5ad").config["access_key_id"] == "K"


def test_new_options_of_a_folder_are_those_of_what_is_below_it():
    noted("s3://renewed/atlas/a.h5ad", {"key": "OLD", "secret": "S"})
    noted("s3://renewed-too/a.h5ad", {"key": "OLD", "secret": "S"})
    noted("https://renewed/atlas/a.h5ad?signature=S")
    new = {"key": "NEW", "secret": "S"}
    noted(["s3://renewed/atlas/*.h5ad", "s3://renewed/atlas/a.h5ad"], new)
    assert options_of("s3://renewed/atlas/a.h5ad").config["access_key_id"] == "NEW"
    noted("s3://renewed/", {"key": "NEWER", "secret": "S"})
    noted("https://renewed", {"timeout": 3})
    assert options_of("s3://renewed/atlas/a.h5ad").config["access_key_id"] == "NEWER"
    assert options_of("s3://renewed-too/a.h5ad").config["access_key_id"] == "OLD"
    assert "signature=S" in options_of("https://renewed/atlas/a.h5ad").config["query"]


def test_queries_become_options():
    url = "https://host/a.h5ad?X-Amz-Signature=SECRET"
    assert noted([url, "b.h5ad"]) == ["https://host/a.h5ad", "b.h5ad"]
    assert options_of("https://host/a.h5ad").config == {"query": "X-Amz-Signature=SECRET"}
    assert noted("s3://b/what?.h5ad") == "s3://b/what?.h5ad"
    with pytest.raises(RecipeError, match="twice") as caught:
        noted([url, "https://host/a.h5ad?X-Amz-Signature=OTHER"])
    assert "SECRET" not in str(caught.value)
    assert "OTHER" not in str(caught.value)
    with pytest.raises(RecipeError, match="user") as caught:
        noted("https://me:SECRET@host/a.h5ad")
    assert "SECRET" not in str(caught.value)


def test_what_is_no_address_is_left_to_others():
    for given in (None, 3, {"a": 1}, b"x"):
        assert noted(given) is given
    thing = object()
    assert noted([thing, "a.h5ad"]) == [thing, "a.h5ad"]


def test_other_processes_get_what_they_need():
    noted("s3://b/x", {"anon": True})
    noted("gs://b/x", {"token": "anon"})
    everything, some = snapshot(), snapshot(["s3://b/x/a.h5ad", "/local/a.h5ad"])
    assert len(everything) == 2
    assert list(some) == ["s3://b/x/a.h5ad"]
    remote_options._known.clear()
    assert not snapshot(["s3://b/x/a.h5ad"])
    recall(some)
    assert options_of("s3://b/x/a.h5ad").config == {"skip_signature": True}


def test_equal_options_are_kept_once():
    noted("s3://b/x", {"anon": True})
    before = options_of("s3://b/x")
    noted("s3://b/x", {"anon": True})
    recall(pickle.loads(pickle.dumps(snapshot())))
    assert options_of("s3://b/x") is before


def test_schemes_and_roots():
    assert root_of("az://box/x/a.zarr") == ("az://box", "x/a.zarr")
    assert root_of("https://host:80") == ("https://host:80", "")
    assert scheme_of("gcs://b/a") == "gs"
    assert is_plain("http://example.org/a")
    assert not is_plain("http://127.0.0.1:1/a")
    for wrong in ("ftp://host/a", "file:///a", "s3:///a.h5ad"):
        with pytest.raises(RecipeError, match="paths"):
            scheme_of(wrong)
