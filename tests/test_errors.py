"""Every error is also the builtin a caller would catch, says where and what, and travels."""

import builtins
import pickle

import pytest

from mappedviz import errors

ALSO = {
    "StoreError": OSError,
    "AbsentStoreError": FileNotFoundError,
    "ElementError": (OSError, ValueError),
    "MissingKeyError": KeyError,
    "JoinError": ValueError,
    "RecipeError": ValueError,
    "RecipeTypeError": (ValueError, TypeError),
    "ClosedError": (ValueError, RuntimeError),
    "CoreError": ImportError,
    "MissingPackageError": ModuleNotFoundError,
    "NoSpaceError": OSError,
}


@pytest.mark.parametrize("name", ALSO)
def test_it_is_ours_and_a_builtin(name):
    cls = getattr(errors, name)
    wanted = ALSO[name] if isinstance(ALSO[name], tuple) else (ALSO[name],)
    assert all(issubclass(cls, one) for one in (errors.MappedvizError, *wanted))


def test_no_error_is_left_out():
    ours = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.MappedvizError)
    }
    assert ours == {*ALSO, "MappedvizError"}
    assert not ours & set(dir(builtins))


@pytest.mark.parametrize("name", ALSO)
def test_it_names_store_key_finding_and_remedy_and_survives_pickling(name):
    error = getattr(errors, name)("is broken.", store="/a/b.h5ad", key="obs/x", remedy="Mend it.")
    for one in (error, pickle.loads(pickle.dumps(error))):
        assert str(one) == "/a/b.h5ad, obs/x: is broken. Mend it."
        assert (one.store, one.key, one.remedy) == ("/a/b.h5ad", "obs/x", "Mend it.")
    assert str(getattr(errors, name)("alone")) == "alone"
