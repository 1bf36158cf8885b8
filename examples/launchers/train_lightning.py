"""Lightning with DDP: ``python train_lightning.py recipe.json``; it starts the second process itself."""

import sys

import lightning
import torch
from torch import nn

import mappedviz as mv


class Classifier(lightning.LightningModule):
    """One layer."""

    def __init__(self, n_genes: int, n_classes: int, key: str) -> None:
        super().__init__()
        self.key = key
        self.layers = nn.Sequential(nn.LayerNorm(n_genes), nn.Linear(n_genes, n_classes))

    def training_step(self, batch, _):
        """Return the loss of a batch, which Lightning has moved to the device."""
        loss = nn.functional.cross_entropy(
            self.layers(batch["X"].float()), batch[self.key], ignore_index=-1
        )
        self.log("loss", loss, batch_size=len(batch[self.key]))
        return loss

    def configure_optimizers(self):
        """Return the optimizer."""
        return torch.optim.Adam(self.parameters())


ds = mv.MappedCollection.from_recipe(mv.Recipe.load(sys.argv[1]))
key = ds.recipe.encoded_keys[0]
lightning.seed_everything(0, verbose=False)
trainer = lightning.Trainer(
    max_epochs=2,
    accelerator="auto",
    devices=2,
    strategy="ddp",
    logger=False,
    enable_checkpointing=False,  # a checkpoint keeps the state of the loader, if there are any
    enable_progress_bar=False,
    enable_model_summary=False,
)
trainer.fit(
    Classifier(ds.n_vars, len(ds.encoders[key]), key),
    mv.dataloader(ds, batch_size=16, shuffle=True, seed=0),
)
if trainer.is_global_zero:
    print(f"loss {trainer.callback_metrics['loss']:.3f}")
