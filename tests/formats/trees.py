"""What tests of elements share: trees of groups and arrays, written as HDF5 or zarr."""

from __future__ import annotations

import h5py
import numpy as np
import zarr
from scipy import sparse

from mappedviz.formats.detect import open_root

TEXT = h5py.string_dtype()


class Tree(dict):
    """A group to write: children, and attributes."""

    def __init__(self, children=None, /, **attrs):
        super().__init__(children or {})
        self.attrs = {name.replace("_", "-", name != "_index"): v for name, v in attrs.items()}


def text(*values):
    return np.array(values, dtype=object)


def write_h5(group, tree):
    group.attrs.update(tree.attrs)
    for name, value in tree.items():
        if isinstance(value, Tree):
            write_h5(group.create_group(name), value)
        elif isinstance(value, np.ndarray) and value.dtype == object:
            group.create_dataset(name, data=value, dtype=TEXT)
        elif isinstance(value, tuple):  # an array with attributes
            made = group.create_dataset(name, data=value[0])
            for key, attr in value[1].items():
                made.attrs[key] = group[attr].ref if key == "categories" else attr
        else:
            group.create_dataset(name, data=value)


def write_zarr(group, tree):
    group.attrs.update(
        {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in tree.attrs.items()}
    )
    for name, value in tree.items():
        if isinstance(value, Tree):
            write_zarr(group.create_group(name), value)
            continue
        data, attrs = value if isinstance(value, tuple) else (value, {})
        data = np.asarray(data)
        made = group.create_array(
            name, shape=data.shape, dtype=str if data.dtype == object else data.dtype
        )
        made[...] = data.astype(str) if data.dtype == object else data
        made.attrs.update(attrs)


def opener(kind, folder, request):
    def make(tree):
        path = folder / f"{len(list(folder.iterdir()))}store.{kind}"
        if kind == "h5ad":
            with h5py.File(path, "w") as file:
                write_h5(file, Tree({"element": tree}))
        else:
            write_zarr(zarr.open_group(path, mode="w"), Tree({"element": tree}))
        opened = open_root(path)
        root = opened.__enter__()
        request.addfinalizer(lambda: opened.__exit__(None, None, None))
        return root["element"]

    return make


def frame(columns=None, index=("a", "b", "c"), **attrs):
    return Tree(
        {"names": text(*index), **(columns or {})},
        **{"_index": "names", "encoding_type": "dataframe", **attrs},
    )


def categorical(codes, categories, **attrs):
    return Tree({"codes": np.array(codes, dtype=np.int8), "categories": categories},
                encoding_type="categorical", **attrs)  # fmt: skip


def nullable(kind, values, mask):
    return Tree({"values": values, "mask": np.array(mask)}, encoding_type=f"nullable-{kind}")


NAN = float("nan")


LEGACY = np.array(
    [(b"c1", 1, 2.5, b"x", 0), (b"c2", 0, NAN, b"\xc3\xa4", 1)],
    dtype=[("index", "S2"), ("ct", "i1"), ("score", ">f4"), ("note", "S2"), ("n", "u4")],
)


def csr(matrix, encoding="csr_matrix", **changes):
    attrs = {"encoding_type": encoding, "shape": np.array(matrix.shape)}
    parts = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr}
    tree = Tree({**parts, **{k: v for k, v in changes.items() if k in parts}}, **attrs)
    tree.attrs.update({k: v for k, v in changes.items() if k not in parts})
    return tree


MATRIX = sparse.csr_matrix(np.array([[0, 1.5, 0], [2, 0, 3]], dtype="f4"))
