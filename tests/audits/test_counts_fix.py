"""The order of candidates: right for every store, or there is none."""

from itertools import permutations

import numpy as np
import pytest

from mappedviz.audits.counts_fix import in_order


@pytest.mark.parametrize("seed", range(40))
def test_an_order_is_found_if_and_only_if_there_is_one(seed):
    rng = np.random.default_rng(seed)
    slots = ["X", "raw.X", "counts", "umi"]
    has, chosen = {}, {}
    for store in "abcd"[: rng.integers(1, 5)]:
        has[store] = set(rng.permutation(slots)[: rng.integers(1, 5)].tolist())
        chosen[store] = str(rng.choice(sorted(has[store])))

    def right(order):
        return all(
            next((one for one in order if one in has[store]), None) == slot
            for store, slot in chosen.items()
        )

    order = in_order(chosen, has)
    some = sorted(set(chosen.values()))
    if order is None:
        assert not any(right(one) for one in permutations(some))
    else:
        assert right(order)
        assert sorted(order) == some
