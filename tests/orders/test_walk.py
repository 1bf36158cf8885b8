"""A place in an order: epochs are counted, a seed is drawn once."""

from mappedviz.orders.row_order import RowOrder
from mappedviz.orders.walk import Walk


def walk(**options):
    drawn = iter(range(7, 100))
    return Walk(RowOrder(30, 10, shuffle=True, **options), [30], lambda: next(drawn))


def test_epochs_are_counted_and_a_seed_is_drawn_once():
    one = walk()
    assert (one.seed(), one.seed()) == (7, 7)
    first = [one.begin(one.order)[0].epoch for _ in range(3)]
    assert first == [0, 1, 2]
    one.set_epoch(9)
    position, windows = one.begin(one.order)
    assert (position.epoch, position.batch) == (9, 0)
    expected = one.order.seeded(7).batches(9)
    assert [[b.tolist() for b in w] for w in windows] == [[b.tolist() for b in w] for w in expected]


def test_processes_agree_on_a_seed_and_a_given_one_is_kept():
    assert walk(rank=1, world_size=2).seed() == 0
    assert walk(rank=1, world_size=2, seed=5).seed() == 5


def test_the_position_is_that_of_the_iteration_that_began_last():
    one = walk(seed=1)
    assert (one.progress().epoch, one.progress().batch) == (0, 0)
    position, _ = one.begin(one.order)
    position.batch += 2
    assert (one.progress().epoch, one.progress().batch) == (0, 2)
    assert one.progress(received=1).batch == 1
    one.announce()
    assert (one.progress().epoch, one.progress().batch) == (1, 0)
    other = walk(seed=1)
    other.resume(one.progress(received=0))
    assert other.begin(other.order)[0].epoch == 1
