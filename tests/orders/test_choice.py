"""Which order the arguments of a loader ask for."""

import numpy as np
import pytest

from mappedviz.orders.choice import chosen_order
from mappedviz.orders.class_order import BalancedOrder, ClassOrder
from mappedviz.orders.given_order import GivenOrder
from mappedviz.orders.row_order import RowOrder
from tests.loaders import ORDERS

NONE = dict.fromkeys(
    [
        "shuffle",
        "weights",
        "scaler",
        "scheme",
        "num_samples",
        "batches",
        "within",
        "sampler",
        "batch_sampler",
        "block_size",
        "buffer_size",
        "lookahead",
        "seed",
        "rank",
        "world_size",
    ]
)


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        *((order, RowOrder) for order in ORDERS),
        ({"batches": "donor"}, ClassOrder),
        ({"batches": {"cell_type": 2}, "within": "donor"}, BalancedOrder),
        ({"sampler": np.arange(9)}, GivenOrder),
        ({"batch_sampler": [[1, 2]]}, GivenOrder),
        ({"shuffle": False, "sampler": [3]}, GivenOrder),
        ({"weights": False}, RowOrder),
    ],
)
def test_each_order_by_its_arguments(two_plain, arguments, kind):
    if "donor" in str(arguments):
        arguments = {
            key: "origin" if value == "donor" else value for key, value in arguments.items()
        }
    order, ahead = chosen_order(
        two_plain, 16, **{**NONE, "sparse": False, "drop_last": True, **arguments}
    )
    assert type(order) is kind
    assert (order.n_rows, order.drop_last) == (203, True)
    assert ahead.batches > 0
