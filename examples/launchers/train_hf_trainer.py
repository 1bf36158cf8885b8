"""Hugging Face's Trainer: ``torchrun --nproc-per-node=2 train_hf_trainer.py recipe.json [FOLDER]``.

With a folder that has checkpoints it goes on from the last one, also within an epoch.
"""

import sys
from pathlib import Path

import torch
import transformers
from torch import nn

import mappedviz as mv


class Classifier(nn.Module):
    """One layer; whatever a batch has beside X and the label is not used."""

    def __init__(self, n_genes: int, n_classes: int, key: str) -> None:
        super().__init__()
        self.key = key
        self.layers = nn.Sequential(nn.LayerNorm(n_genes), nn.Linear(n_genes, n_classes))

    def forward(self, X, **columns):
        """Return loss and logits, as Trainer asks for them."""
        logits = self.layers(X.float())
        loss = nn.functional.cross_entropy(logits, columns[self.key], ignore_index=-1)
        return {"loss": loss, "logits": logits}


class Trainer(transformers.Trainer):
    """A Trainer whose batches come from a collection."""

    def get_train_dataloader(self):
        """Return the loader, shared among processes; a seed, so that the order can be made again."""
        loader = mv.dataloader(
            self.train_dataset, self._train_batch_size, shuffle=True, seed=self.args.seed
        )
        return self.accelerator.prepare(loader)


ds = mv.MappedCollection.from_recipe(mv.Recipe.load(sys.argv[1]))
key = ds.recipe.encoded_keys[0]
folder = Path(sys.argv[2]) if len(sys.argv) > 2 else None
transformers.set_seed(0)
trainer = Trainer(
    Classifier(ds.n_vars, len(ds.encoders[key]), key),
    transformers.TrainingArguments(
        output_dir=str(folder or "trainer_output"),
        num_train_epochs=2,
        per_device_train_batch_size=16,
        save_strategy="steps" if folder else "no",
        save_steps=5,
        report_to="none",
        use_cpu=not torch.cuda.is_available(),
        disable_tqdm=True,
    ),
    train_dataset=ds,
)
trainer.train(resume_from_checkpoint=any(folder.glob("checkpoint-*")) if folder else None)
if trainer.is_world_process_zero():
    print(f"loss {trainer.state.log_history[-1]['train_loss']:.3f}")
