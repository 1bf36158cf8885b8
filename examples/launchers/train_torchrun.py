"""DistributedDataParallel: ``torchrun --nproc-per-node=2 train_torchrun.py recipe.json [checkpoint.pt]``.

With a checkpoint it goes on where it stopped, also within an epoch.
"""

import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

import mappedviz as mv

EPOCHS, EVERY = 2, 5  # a checkpoint every 5 steps

dist.init_process_group()  # gloo, and nccl where there are GPUs
rank = dist.get_rank()
cuda = torch.cuda.is_available()
device = torch.device("cuda", rank % torch.cuda.device_count()) if cuda else torch.device("cpu")

ds = mv.MappedCollection.from_recipe(mv.Recipe.load(sys.argv[1]))
checkpoint = Path(sys.argv[2]) if len(sys.argv) > 2 else None
key = ds.recipe.encoded_keys[0]
loader = mv.dataloader(ds, batch_size=16, shuffle=True, seed=0, pin_memory=cuda)

torch.manual_seed(0)
model = nn.Sequential(nn.LayerNorm(ds.n_vars), nn.Linear(ds.n_vars, len(ds.encoders[key])))
model = nn.parallel.DistributedDataParallel(model.to(device))
optimizer = torch.optim.Adam(model.parameters())

first = 0
if checkpoint and checkpoint.exists():
    saved = torch.load(checkpoint, map_location=device)
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    loader.load_state_dict(saved["loader"])  # all processes go on from the state of one
    first = saved["loader"]["epoch"]

for epoch in range(first, EPOCHS):
    for step, batch in enumerate(loader, 1):
        batch = mv.to_device(batch, device)
        loss = nn.functional.cross_entropy(model(batch["X"].float()), batch[key], ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if checkpoint and rank == 0 and step % EVERY == 0:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save({**state, "loader": loader.state_dict()}, checkpoint)
    if rank == 0:
        print(f"epoch {epoch}: loss {loss.item():.3f}")
dist.destroy_process_group()
