"""Several processes that share an epoch, as torchrun, Lightning and Accelerate start them: every row once.

Each is started for real, two processes over gloo, and says which rows it was given and which it read.
"""

import json
import os
import textwrap

import pytest
import torch
from accelerate.data_loader import prepare_data_loader, skip_first_batches

import mappedviz as mv
from tests.laws.launching import LEAVE, collection_to_share, run_in_two_processes

COMMON = """
    import json, os, sys, warnings
    warnings.simplefilter("ignore")
    import numpy as np
    import torch
    import mappedviz as mv

    folder, choices = sys.argv[1], json.loads(sys.argv[2])
    read, said = [], []
    for name in ("read_rows", "read_window"):
        def noted(self, rows, *args, was=getattr(mv.MappedCollection, name), **kwargs):
            read.extend(np.asarray(rows).tolist())
            return was(self, rows, *args, **kwargs)
        setattr(mv.MappedCollection, name, noted)
    ds = mv.MappedCollection.from_recipe(mv.Recipe.load(folder + "/recipe.json"))

    def say(rank, epochs, n_batches):
        said.append({"epochs": epochs, "read": read.copy(), "batches": n_batches})
        read.clear()
        with open(f"{folder}/rank{rank}.json", "w") as out:
            json.dump(said, out)

    def walk(loader, rank):
        epochs, n_batches = [], []
        for epoch in range(2):
            batches = list(loader)
            n_batches.append(len(batches))
            epochs.append([int(row) for batch in batches for row in batch["origin"]])
        say(rank, epochs, n_batches)
"""
ACCELERATE = """
    from accelerate import Accelerator

    torch.manual_seed(int(os.environ["RANK"]))  # no seed is needed to agree
    accelerator = Accelerator(cpu=True)
    for options in choices:
        loader = accelerator.prepare(mv.dataloader(ds, 16, **options))
        walk(loader, accelerator.process_index)
    accelerator.end_training()
"""
TORCHRUN = """
    import torch.distributed as dist

    torch.manual_seed(int(os.environ["RANK"]))
    loaders = [mv.dataloader(ds, 16, **options) for options in choices]  # they do not know of each other yet
    dist.init_process_group("gloo")
    for loader in loaders:
        walk(loader, dist.get_rank())
    dist.destroy_process_group()
"""
LIGHTNING = """
    import lightning

    class Model(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(3, 3)
            self.epochs, self.n_batches = [[], []], [0, 0]

        def training_step(self, batch, _):
            self.epochs[self.current_epoch] += [int(row) for row in batch["origin"]]
            self.n_batches[self.current_epoch] += 1
            return self.layer(batch["X"].float()).mean()

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=1e-9)

    for options in choices:
        model = Model()
        trainer = lightning.Trainer(
            max_epochs=2, accelerator="cpu", devices=2, strategy="ddp", logger=False,
            enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False,
        )
        trainer.fit(model, mv.dataloader(ds, 16, **options))
        say(trainer.global_rank, model.epochs, model.n_batches)
"""
LAUNCHERS = {"torchrun": TORCHRUN, "Lightning": LIGHTNING, "Accelerate": ACCELERATE}
OPTIONS = [{}, {"shuffle": True}, {"shuffle": "block", "drop_last": True}, {"weights": "cell_type"}]


@pytest.fixture(scope="module")
def ds(tmp_path_factory):
    return collection_to_share(tmp_path_factory.mktemp("launched"))


def launched(launcher, ds, folder):
    """What each of two processes says that ran the code, per choice of options."""
    ds.recipe.save(folder / "recipe.json")
    script = folder / "train.py"
    parts = [COMMON, LAUNCHERS[launcher], LEAVE]
    script.write_text("".join(textwrap.dedent(part) for part in parts))
    assert torch.distributed.is_gloo_available()
    run_in_two_processes(
        [str(script), str(folder), json.dumps(OPTIONS)],
        cwd=os.getcwd(),
        torchrun=launcher != "Lightning",  # which starts the second process itself
    )
    return [json.loads((folder / f"rank{rank}.json").read_text()) for rank in (0, 1)]


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_two_processes_share_an_epoch(launcher, ds, tmp_path):
    said = launched(launcher, ds, tmp_path)
    for options, *ranks in zip(OPTIONS, *said, strict=True):
        check_shared(options, ranks, ds[:]["origin"].tolist())


def check_shared(options, ranks, origin_of):
    assert ranks[0]["batches"] == ranks[1]["batches"]
    for epoch in (0, 1):
        parts = [rank["epochs"][epoch] for rank in ranks]
        assert len(parts[0]) == len(parts[1])
        seen = parts[0] + parts[1]
        if "weights" in options:
            assert parts[0] != parts[1]
        elif options.get("drop_last"):
            assert len(set(seen)) == len(seen) > len(origin_of) - 2 * 16
        else:
            assert set(seen) == set(origin_of)
            assert len(seen) - len(origin_of) < 2 * 16  # so that both have equally many
    for rank in ranks:
        read, given = (
            [origin_of[row] for row in rank["read"]],
            rank["epochs"][0] + rank["epochs"][1],
        )
        assert set(read) <= set(given)  # nothing of another process
        # Accelerate fills the last batch of an epoch, which is read once more then.
        assert len(read) <= len(given) + 2 * 16


@pytest.mark.parametrize(
    "order", [{}, {"shuffle": True}, {"shuffle": "block"}, {"weights": "cell_type"}]
)
@pytest.mark.parametrize("n_processes", [1, 2])
def test_accelerate_goes_on_within_a_later_epoch(ds, order, n_processes):
    """``skip_first_batches``, after ``set_epoch``: what was trained on is skipped, and not read."""

    def prepared():
        loader = mv.dataloader(ds, 16, seed=0, **order)
        shared = {"num_processes": n_processes, "process_index": n_processes - 1}
        return prepare_data_loader(loader, **shared, put_on_device=False)

    whole = prepared()
    epochs = [[batch["origin"].tolist() for batch in whole] for _ in range(2)]
    assert order == {} or epochs[0] != epochs[1]
    stopped = prepared()
    stopped.set_epoch(1)
    rest = skip_first_batches(stopped, 3)
    assert [batch["origin"].tolist() for batch in rest] == epochs[1][3:]
