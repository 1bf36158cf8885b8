"""Accelerate: ``accelerate launch --num_processes=2 train_accelerate.py recipe.json``.

On CPUs: ``torchrun --nproc-per-node=2 train_accelerate.py recipe.json``.
"""

import sys

import torch
from accelerate import Accelerator
from torch import nn

import mappedviz as mv

ds = mv.MappedCollection.from_recipe(mv.Recipe.load(sys.argv[1]))
key = ds.recipe.encoded_keys[0]
accelerator = Accelerator(cpu=not torch.cuda.is_available())
torch.manual_seed(0)
model = nn.Sequential(nn.LayerNorm(ds.n_vars), nn.Linear(ds.n_vars, len(ds.encoders[key])))
# The loader as it is: each process reads the batches that it keeps, and no others.
model, optimizer, loader = accelerator.prepare(
    model,
    torch.optim.Adam(model.parameters()),
    mv.dataloader(ds, batch_size=16, shuffle=True, seed=0),
)

for epoch in range(2):
    for batch in loader:
        loss = nn.functional.cross_entropy(model(batch["X"].float()), batch[key], ignore_index=-1)
        optimizer.zero_grad()
        accelerator.backward(loss)
        optimizer.step()
    accelerator.print(f"epoch {epoch}: loss {loss.item():.3f}")
accelerator.end_training()
