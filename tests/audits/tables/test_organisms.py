"""The species of each store."""

import pandas as pd

from mappedviz.audits.reading import scan_store
from mappedviz.audits.tables.organisms import organisms, plain_species
from tests.audits import ensembl, write


def test_obs_says_so_else_the_genes(tmp_path):
    stores = {
        "obs": {"obs": {"organism": ["Mus musculus"] * 24}, "genes": ensembl()},
        "genes": {"genes": ensembl()},
        "neither": {"genes": list("abcdefghijkl")},
        "several": {"obs": {"species": ["human", "Homo sapiens", "rat"] * 8}},
        "gaps": {"obs": {"organism": pd.Categorical([None] * 24, ["human"])}},
    }
    scans = [(name, scan_store(write(tmp_path, name, **parts))) for name, parts in stores.items()]
    assert organisms(scans) == {
        "obs": {"mouse"},
        "genes": {"human"},
        "several": {"human", "rat"},
        "gaps": set(),
    }
    assert plain_species("RATTUS norvegicus") == "rat"
