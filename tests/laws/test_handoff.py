"""Law: a recipe becomes the same training run in several processes, in a script, by the command."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch

import mappedviz as mv
from examples.demo import ALIAS, KEY, RELABEL
from mappedviz import Recipe
from mappedviz.cli import command as cli
from mappedviz.orders.row_order import RowOrder
from mappedviz.testing import coded_anndata
from tests.laws.launching import LEAVE
from tests.loaders import origins
from tests.stores import STORE_KINDS


@pytest.fixture(scope="module", params=["h5ad", "zarr-v3"])
def ds(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    paths = [
        STORE_KINDS[request.param](
            coded_anndata(i, 101 + i, genes=["a", "b", "c"], plain=True), folder / str(i)
        )
        for i in range(2)
    ]
    return mv.MappedCollection(paths, obs_keys=["cell_type", "origin"], encode_labels=["cell_type"])


# --- several processes -----------------------------------------------------------------------------


def test_without_a_seed_processes_agree(ds):
    parts = [
        origins(mv.dataloader(ds, 16, shuffle=True, rank=rank, world_size=2)) for rank in (0, 1)
    ]
    assert set(parts[0]) | set(parts[1]) == set(ds[:]["origin"].tolist())
    assert len(parts[0]) == len(parts[1])
    assert len(set(parts[0]) & set(parts[1])) <= 1  # 203 rows: one comes twice
    drawn = [
        origins(mv.dataloader(ds, 16, weights="cell_type", rank=rank, world_size=2))
        for rank in (0, 1)
    ]
    assert drawn[0] != drawn[1]


def test_processes_may_come_to_know_of_each_other_later(ds, monkeypatch):
    """A loader is made before the trainer starts its processes."""
    order = RowOrder(203, 16, rank=None, world_size=None)
    loader = mv.dataloader(ds, 16)
    assert (order.shard, len(order), len(loader)) == ((0, 1), 13, 13)
    monkeypatch.setattr(torch.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    assert (order.shard, order.n_samples, len(order), len(loader)) == ((1, 2), 102, 7, 7)
    assert origins(loader)[0] == ds[102]["origin"]
    assert mv.dataloader(ds, 16, rank=0, world_size=1).batch_sampler.order.shard == (0, 1)


DDP = """
    import json, os, sys
    import torch, torch.distributed as dist
    import mappedviz as mv

    folder, rank, options = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
    recipe = mv.Recipe.load(folder + "/recipe.json")
    train, validation = mv.MappedCollection.from_recipe(recipe).split()
    loader = mv.dataloader(train, 16, **options)  # before the processes know of each other
    dist.init_process_group("gloo", init_method=f"file://{folder}/{options}", rank=rank, world_size=2)
    torch.manual_seed(rank)
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(3, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-9)
    epochs, batches = [], []
    for epoch in range(2):
        loader.batch_sampler.set_epoch(epoch)
        batches.append(0)
        rows = []
        for batch in loader:
            loss = torch.nn.functional.cross_entropy(
                model(batch["X"].float()), batch["cell_type"].clamp(min=0)
            )
            optimizer.zero_grad()
            loss.backward()  # waits for the other process: unequal numbers of batches would hang
            optimizer.step()
            batches[-1] += 1
            rows += batch["origin"].tolist()
        epochs.append(rows)
    weights = model.module.weight.detach().double().sum().item()
    print(json.dumps({"epochs": epochs, "batches": batches, "weights": weights, "n": len(train)}))
    dist.destroy_process_group()
"""


@pytest.mark.parametrize(
    "options", [{"shuffle": True}, {"shuffle": "block", "drop_last": True}, {"weights": True}]
)
def test_two_processes_train_together(ds, tmp_path, options):
    if ds.stores[0].kind != "h5ad":
        pytest.skip("starting processes takes seconds: once is enough")
    recipe = ds.recipe.replace(weights_keys=["cell_type"], split_by="origin")
    recipe.save(tmp_path / "recipe.json")
    code = textwrap.dedent(DDP) + textwrap.dedent(LEAVE)
    arguments = [[str(tmp_path), str(rank), json.dumps(options)] for rank in range(2)]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code, *some], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for some in arguments
    ]  # fmt: skip
    ends = [process.communicate(timeout=600) for process in started]
    assert [process.returncode for process in started] == [0, 0], ends
    one, other = (json.loads(out) for out, _ in ends)
    assert one["batches"] == other["batches"]
    assert one["weights"] == other["weights"]
    for epoch in range(2):
        a, b = one["epochs"][epoch], other["epochs"][epoch]
        assert len(a) == len(b)
        if "weights" in options:
            assert a != b
            continue
        assert len(set(a) & set(b)) == (0 if options.get("drop_last") else len(a) * 2 - one["n"])
        if not options.get("drop_last"):
            assert len({*a, *b}) == one["n"]
    assert one["epochs"][0] != one["epochs"][1]


# --- what a user does ------------------------------------------------------------------------------


@pytest.fixture
def decided(demo_data, tmp_path):
    """The recipe of two real stores whose classes are of very different sizes, as a file."""
    return Recipe(
        paths=[demo_data / name for name in ("10x_pbmc68k_reduced.h5ad", "spectra_breast_immune.h5ad")],
        obs_keys=KEY,
        obs_alias=ALIAS,
        relabel=RELABEL,
        split_seed=1,
    ).save(tmp_path / "recipe.json")  # fmt: skip


def trained(repository, recipe):
    """What the example printed: per epoch the loss, the share that is right, the mean over classes."""
    done = subprocess.run(
        [sys.executable, repository / "examples" / "train.py", recipe],
        env={**os.environ, "PYTHONPATH": str(repository)},
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    line = r"epoch \d: loss ([\d.]+), validation ([\d.]+)% right, mean over classes ([\d.]+)%"
    return np.array([[float(one) for one in found] for found in re.findall(line, done.stdout)])


def test_the_example_learns_and_weights_help_rare_classes(repository, decided):
    plain = trained(repository, decided)
    Recipe.load(decided).replace(weights_keys=KEY).save(decided)
    weighted = trained(repository, decided)
    for numbers in (plain, weighted):
        assert numbers.shape == (5, 3)
        assert (np.diff(numbers[:, 0]) < 0).all()
        assert numbers[-1, 1] > 70
    assert weighted[-1, 2] > plain[-1, 2] + 8


def test_the_example_is_short(repository):
    code = (repository / "examples" / "train.py").read_text(encoding="utf-8")
    assert len([line for line in code.splitlines()[1:] if line.strip()]) <= 30


def test_the_command_line_keeps_weights_and_split(decided, capsys):
    recipe = Recipe.load(decided).replace(
        weights_keys=KEY, weights_scaler=100, split_by="phase", split_fraction=0.3
    )
    recipe.save(decided)
    assert cli.main(["recipe", "--recipe", str(decided), "-q"]) == cli.OK
    assert Recipe.from_json(capsys.readouterr().out) == recipe
    assert cli.main(["audit", "--recipe", str(decided), "-q"]) == cli.OK
    out = capsys.readouterr().out
    assert "[split-unlabelled]" in out
    audit = mv.audit(recipe=recipe, progress=False)
    assert mv.Audit.from_json(audit.to_json()).recipe == recipe
    assert repr(recipe).replace("'", "&#39;") in audit._repr_html_()
