"""Checks of values: scale, type, depth."""

import pytest

from mappedviz.audits.checks import values
from tests.audits.checks.cases import cases_of, finds


@pytest.mark.parametrize("name", cases_of(values))
def test_a_check_finds_what_it_is_for(tmp_path, name):
    finds(tmp_path, name)
