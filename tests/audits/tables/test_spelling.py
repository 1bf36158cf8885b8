"""Spellings that mean the same, and others that do not."""

import pytest

from mappedviz.audits.tables.spelling import plain_spelling


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("NK", "NK cells", True),
        ("T cell", "T-cells", True),
        ("É T", "é  t", True),
        ("Ｂ cells", "B cell", True),  # noqa: RUF001 - a full-width letter
        ("T–cell", "T cell", True),
        ("CD4+ T", "CD4- T", False),
        ("CD4-", "CD4", False),
        ("DC", "pDC", False),
        ("mass", "mas", False),
        (1, "1", True),
        ("-", "+", False),
    ],
)
def test_spellings(one, other, same):
    assert (plain_spelling(one) == plain_spelling(other)) is same
