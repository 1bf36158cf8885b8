"""Lightning: fit, stop in the middle of an epoch, fit again from the checkpoint, and two processes."""

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import Callback

import mappedviz as mv
from tests.loaders import ORDERS

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]


class Model(lightning.LightningModule):
    """Notes the rows of each epoch."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 3)
        self.seen = {}

    def training_step(self, batch, _):
        rows = [int(origin) for origin in batch["origin"]]
        self.seen.setdefault(self.current_epoch, []).append(rows)
        return torch.nn.functional.cross_entropy(
            self.layer(batch["X"].float()), batch["cell_type"].clamp(min=0)
        )

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1e-9)


class StopAfter(Callback):
    """Saves a checkpoint after some batches and stops."""

    def __init__(self, steps, path):
        self.steps, self.path = steps, path

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == self.steps:
            trainer.save_checkpoint(self.path)
            trainer.should_stop = True
            raise KeyboardInterrupt  # in the middle of an epoch, as a machine that is taken away


def trainer(folder, epochs, *callbacks):
    return lightning.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        default_root_dir=folder,
        callbacks=list(callbacks),
    )


@pytest.mark.parametrize(
    ("workers", "order"), [*((0, order) for order in ORDERS), (2, ORDERS[0]), (2, ORDERS[-1])]
)
def test_fit_stop_and_fit_again(two_plain, order, workers, tmp_path):
    def loader():
        options = {"multiprocessing_context": "fork", "num_workers": 2} if workers else {}
        return mv.dataloader(two_plain, 20, seed=3, **order, **options)

    whole = Model()
    trainer(tmp_path, 3).fit(whole, loader())
    assert [len(batches) for batches in whole.seen.values()] == [11, 11, 11]
    for steps in (3, 11, 15):
        path = tmp_path / f"{steps}.ckpt"
        first, second = Model(), Model()
        with pytest.raises(SystemExit):  # what Lightning makes of an interrupt
            trainer(tmp_path, 3, StopAfter(steps, path)).fit(first, loader())
        trainer(tmp_path, 3).fit(second, loader(), ckpt_path=path, weights_only=False)
        both = {}
        for model in (first, second):
            for epoch, batches in model.seen.items():
                both.setdefault(epoch, []).extend(batches)
        assert both == whole.seen, steps
