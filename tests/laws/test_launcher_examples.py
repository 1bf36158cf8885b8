"""The scripts of examples/launchers, as they are written: two processes, every row once an epoch, and going on."""

import json
import os
import shutil
import textwrap

import pytest
import torch

from tests.laws.launching import LEAVE, collection_to_share, run_in_two_processes

#: Runs a script and notes which rows it was given, batch by batch, and which it read. Lightning starts the second
#: process by the arguments of the first, which are therefore those of the script.
NOTING = """
    import json, os, sys, warnings
    warnings.simplefilter("ignore")
    import numpy as np
    import mappedviz as mv
    from mappedviz.loaders import loader

    given, read = [], []
    for name in ("read_rows", "read_window"):
        def noted(self, rows, *args, was=getattr(mv.MappedCollection, name), **kwargs):
            read.extend(np.asarray(rows).tolist())
            return was(self, rows, *args, **kwargs)
        setattr(mv.MappedCollection, name, noted)
    def collated(batch, was=loader.to_tensors):
        given.append(batch["origin"].tolist())
        return was(batch)
    loader.to_tensors = collated
    with open(os.environ["NOTED_SCRIPT"]) as file:
        code = compile(file.read(), file.name, "exec")
    exec(code, {"__name__": "__main__", "__file__": code.co_filename})
    rank = os.environ.get("RANK") or os.environ.get("LOCAL_RANK") or "0"
    with open(f"{os.environ['NOTED_OUT']}/rank{rank}.json", "w") as file:
        json.dump({"given": given, "read": read}, file)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    ds = collection_to_share(folder)
    ds.recipe.save(folder / "recipe.json")
    (folder / "origins.json").write_text(json.dumps(ds[:]["origin"].tolist()))
    (folder / "noting.py").write_text(textwrap.dedent(NOTING) + textwrap.dedent(LEAVE))
    return folder


def launched(name, repository, folder, *more, by="torchrun"):
    """What each of two processes was given and read, and what was printed."""
    out = folder / f"out-{name}"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    script = repository / "examples" / "launchers" / f"{name}.py"
    printed = run_in_two_processes(
        ["noting.py", "recipe.json", *more],
        cwd=folder,
        torchrun=by == "torchrun",
        environment={
            "NOTED_SCRIPT": str(script),
            "NOTED_OUT": str(out),
            "PYTHONPATH": os.pathsep.join([str(repository), os.environ.get("PYTHONPATH", "")]),
        },
    )
    return [json.loads((out / f"rank{rank}.json").read_text()) for rank in (0, 1)], printed


def check_shared(ranks, folder):
    """Every row once in each of two epochs, equally many for both, and nothing else is read."""
    origin_of = json.loads((folder / "origins.json").read_text())
    n = len(ranks[0]["given"])
    assert n == len(ranks[1]["given"]) == 14
    for epoch in (slice(n // 2), slice(n // 2, n)):
        seen = [row for rank in ranks for batch in rank["given"][epoch] for row in batch]
        assert set(seen) == set(origin_of)
        assert len(seen) - len(origin_of) < 2 * 16  # so that both have equally many
    for rank in ranks:
        given = {row for batch in rank["given"] for row in batch}
        assert {origin_of[row] for row in rank["read"]} <= given


@pytest.mark.parametrize(
    ("name", "by"), [("train_lightning", "itself"), ("train_accelerate", "torchrun")]
)
def test_every_row_once_an_epoch(name, by, repository, folder):
    ranks, printed = launched(name, repository, folder, by=by)
    check_shared(ranks, folder)
    assert "loss " in printed
    assert torch.tensor(float(printed.split()[-1])).isfinite()


def test_torchrun_goes_on_from_the_checkpoint_of_one_process(repository, folder):
    whole, _ = launched("train_torchrun", repository, folder, "checkpoint.pt")
    check_shared(whole, folder)
    again, _ = launched("train_torchrun", repository, folder, "checkpoint.pt")
    for before, after in zip(whole, again, strict=True):  # the last one is of batch 5 of epoch 1
        assert after["given"] == before["given"][7 + 5 :]


def test_trainer_goes_on_within_a_later_epoch(repository, folder):
    """It skips batches by number; none of them is read, and the order is that of the epoch."""
    pytest.importorskip("transformers")
    whole, _ = launched("train_hf_trainer", repository, folder, "trained")
    check_shared(whole, folder)
    saved = {path.name for path in (folder / "trained").glob("checkpoint-*")}
    assert saved == {"checkpoint-5", "checkpoint-10", "checkpoint-14"}
    shutil.rmtree(folder / "trained" / "checkpoint-14")
    again, _ = launched("train_hf_trainer", repository, folder, "trained")
    origin_of = json.loads((folder / "origins.json").read_text())
    for before, after in zip(whole, again, strict=True):
        assert after["given"] == before["given"][10:]  # step 10 is batch 3 of epoch 1
        given = {row for batch in after["given"] for row in batch}
        assert {origin_of[row] for row in after["read"]} <= given
