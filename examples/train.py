"""Train on what was decided in the notebook: ``python train.py recipe.json``."""

import sys

import torch
from torch import nn

import mappedviz as mv

recipe = mv.Recipe.load(sys.argv[1])
train, validation = mv.MappedCollection.from_recipe(recipe).split()
key, order = recipe.encoded_keys[0], {"weights": True} if recipe.weights_keys else {"shuffle": True}
loader = mv.dataloader(train, batch_size=64, seed=0, **order)

torch.manual_seed(0)
n = len(train.encoders[key].classes)
model = nn.Sequential(nn.LayerNorm(train.n_vars), nn.Linear(train.n_vars, n))
optimizer = torch.optim.Adam(model.parameters())
for epoch in range(5):
    losses, table = [], torch.zeros(n + 1, n)  # cells by class and guess; last row: no label, -1
    for batch in loader:
        loss = nn.functional.cross_entropy(model(batch["X"].float()), batch[key], ignore_index=-1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    for batch in mv.dataloader(validation, batch_size=512):
        guess = model(batch["X"].float()).argmax(1)
        table.index_put_((batch[key], guess), torch.ones(()), accumulate=True)
    right, cells = table.diagonal(), table[:n].sum(1)
    print(
        f"epoch {epoch}: loss {sum(losses) / len(losses):.3f}, validation {right.sum() / cells.sum():.1%}"
        f" right, mean over classes {(right / cells).nanmean():.1%}"
    )
