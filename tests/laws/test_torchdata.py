"""torchdata's StatefulDataLoader over our batches: it keeps the state of the batch sampler."""

import pytest
from torchdata.stateful_dataloader import StatefulDataLoader

import mappedviz as mv
from tests.loaders import ORDERS, origins

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated"),
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("workers", [0, 2])
def test_any_batch_of_any_epoch(two_plain, order, workers):
    def made():
        loader = mv.dataloader(two_plain, 20, seed=3, **order)
        options = {"multiprocessing_context": "fork"} if workers else {}
        return StatefulDataLoader(
            loader.dataset,
            batch_sampler=loader.batch_sampler,
            collate_fn=loader.collate_fn,
            num_workers=workers,
            **options,
        )

    whole = made()
    expected = [[origins([batch]) for batch in whole] for _ in range(3)]
    assert expected[0] != expected[1] or order == {"shuffle": False}
    for epoch, n in ((0, 1), (0, 7), (1, 1), (1, 4), (2, 10)):
        stopped = made()
        for _ in range(epoch):
            for _batch in stopped:
                pass
        batches = iter(stopped)
        seen = [origins([next(batches)]) for _ in range(n)]
        state = stopped.state_dict()
        again = made()
        again.load_state_dict(state)
        seen += [origins([batch]) for batch in again]
        assert seen == expected[epoch], (epoch, n)
        if epoch < 2:
            assert [origins([batch]) for batch in again] == expected[epoch + 1]


def test_a_state_between_two_epochs(two_plain):
    def made():
        loader = mv.dataloader(two_plain, 20, shuffle=True, seed=3)
        return StatefulDataLoader(
            loader.dataset, batch_sampler=loader.batch_sampler, collate_fn=loader.collate_fn
        )

    whole = made()
    expected = [origins(whole) for _ in range(2)]
    stopped = made()
    origins(stopped)
    again = made()
    again.load_state_dict(stopped.state_dict())
    assert origins(again) == expected[1]
