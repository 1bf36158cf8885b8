import os

import pytest

from mappedviz.text.addresses import absolute, base_name, is_absolute, is_url, shown


@pytest.mark.parametrize(
    "text", ["s3://b/a.h5ad", "HTTPS://h/a", "gs://b", "az://c/x/y.zarr", "abfss://c@a/x"]
)
def test_urls_have_a_scheme_and_are_absolute(text: str):
    assert is_url(text)
    assert is_absolute(text)


@pytest.mark.parametrize("text", ["a.h5ad", "x/a.h5ad", "C://a", "s3:/b/a", "memory:x", "://a", ""])
def test_other_texts_are_no_urls(text: str):
    assert not is_url(text)
    assert not is_absolute(text)


def test_absolute_leaves_urls_and_objects_in_memory_and_is_idempotent():
    for given, wanted in {
        "S3://Bucket/Lab/A.zarr//": "s3://bucket/Lab/A.zarr",
        "https://User@Host.org/A?x=Y": "https://User@host.org/A?x=Y",
        "s3://b/x//y": "s3://b/x//y",
        "memory:12": "memory:12",
        "a.h5ad": os.path.abspath("a.h5ad"),
        "/x/../a.h5ad": "/a.h5ad",
    }.items():
        assert absolute(given) == wanted
        assert absolute(absolute(given)) == wanted


def test_shown_has_no_secrets():
    address = "https://user:SECRET@host.org:8080/a/b.zarr?X-Amz-Signature=SECRET#SECRET"
    assert shown(address) == "https://host.org:8080/a/b.zarr"


def test_base_name_is_that_of_the_path():
    assert base_name("s3://bucket/x/a.zarr/") == "a.zarr"
    assert base_name("https://host/a.h5ad?name=b.h5ad") == "a.h5ad"
    assert base_name("/x/what?.h5ad") == "what?.h5ad"
    assert base_name("memory:3") == "memory:3"
