"""Names of matrices that may hold counts."""

from mappedviz.audits.where_counts import likelihood, where_counts_may_be


def test_the_likeliest_are_first_and_parts_are_left_out():
    names = ["X", "Spliced", "ambiguous", "raw.X", "raw_umi", "Counts", "my_counts", "scaled"]
    assert where_counts_may_be(names) == ["Counts", "my_counts", "raw_umi", "raw.X"]
    assert likelihood("X") < likelihood("scaled")
    assert where_counts_may_be([]) == []
