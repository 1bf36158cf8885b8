"""The data module: a collection as models of scvi-tools, and Lightning, ask for it."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities.combined_loader import CombinedLoader

from mappedviz._types import Array
from mappedviz.errors import RecipeError
from mappedviz.loaders.loader import dataloader
from mappedviz.orders.arguments import check_collection, check_sizes
from mappedviz.scvi import checkpoints, models
from mappedviz.scvi.columns import Column, Keys, check_numbers, keys_of, prepared
from mappedviz.scvi.counts import check_counts
from mappedviz.scvi.registry import batch_names, n_obs_per_sample, registry_of
from mappedviz.scvi.splits import TRAIN_SIZE, Split

if TYPE_CHECKING:
    from pathlib import Path

    from anndata import AnnData  # type: ignore[import-untyped]

    from mappedviz.collection.mapped_collection import MappedCollection

_Model = TypeVar("_Model")
_INFERENCE = 1024  # rows per batch where nothing is learned
_TOO_FEW = 3  # rows of a last batch that scvi-tools does not train on: batch norm has no variance


class Finished:
    """A loader whose batches are finished for a model, as often as it is iterated over."""

    def __init__(self, loader: Any, finish: Callable[[Any], dict[str, Any]]) -> None:
        self.loader = loader
        self.finish = finish

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return map(self.finish, self.loader)


class DataModule(LightningDataModule):
    """The cells of a collection for models of scvi-tools, read while they train.

    Parameters
    ----------
    ds
        The collection, or a part of one. Joint variables are the genes of the model.
    batch_key
        Obs key of the batches, loaded or not. Each cell needs one.
    labels_key
        Obs key of the labels that SCANVI learns; cells without one are unlabelled.
    layer
        The matrix of counts; default: X, or the only one that the collection reads. A key of
        ``layer_alias`` is one.
    categorical_covariate_keys, continuous_covariate_keys, sample_key
        As for ``setup_anndata``.
    unlabeled_category
        The label that means "no label"; predictions never are it.
    split
        Cells for validation: None for the split of the recipe, or a tenth of the cells at random, as
        scvi-tools takes it, if it has none; a share; False for none; the arguments of
        :meth:`~mappedviz.MappedCollection.split` as a dict; or the parts themselves: two, or three with a test
        part. What is given here or by the recipe is kept, whatever ``train()`` says.
    weights
        Draw the cells for training in proportion to these; as for :func:`~mappedviz.dataloader`.
    store_key
        A name for the store of a cell, which then can be one of the keys above:
        ``batch_key="store", store_key="store"`` makes a batch of each store.
    batch_size
        Cells per batch.
    shuffle
        True, ``"block"`` or False; as for :func:`~mappedviz.dataloader`.
    seed
        Seed of the random order.
    counts
        Refuse a matrix that holds no counts, by some cells of each store.
    model_name
        Name of the class in :attr:`registry`, which a loading model compares with its own. A model that
        trains puts its own name there.
    **options
        Other arguments of :func:`~mappedviz.dataloader`.

    Raises
    ------
    RecipeError
        Cells without a batch or a covariate, no labelled cell to train on, labels that are the same
        as text, a split with nothing to train on.
    ElementError
        A matrix that holds no counts.
    MissingKeyError
        A key is in no store.

    Examples
    --------
    >>> import mappedviz as mv
    >>> from mappedviz.scvi import DataModule  # doctest: +SKIP
    >>> ds = mv.MappedCollection("cells/*.h5ad", layers_keys="counts")  # doctest: +SKIP
    >>> data = DataModule(ds, batch_key="donor")  # doctest: +SKIP
    >>> model = data.model(scvi.model.SCVI, n_latent=10)  # doctest: +SKIP
    >>> model.train(max_epochs=20, datamodule=data)  # doctest: +SKIP
    >>> latent = model.get_latent_representation(
    ...     dataloader=data.inference_dataloader()
    ... )  # doctest: +SKIP
    """

    def __init__(
        self,
        ds: MappedCollection,
        batch_key: str | None = None,
        labels_key: str | None = None,
        layer: str | None = None,
        categorical_covariate_keys: str | Sequence[str] | None = None,
        continuous_covariate_keys: str | Sequence[str] | None = None,
        sample_key: str | None = None,
        unlabeled_category: str = "Unknown",
        split: Any = None,
        weights: Any = None,
        *,
        store_key: str | None = None,
        batch_size: int = 128,
        shuffle: Any = True,
        seed: int | None = None,
        counts: bool = True,
        model_name: str = "SCVI",
        **options: Any,
    ) -> None:
        super().__init__()
        check_collection(ds)
        check_sizes(batch_size=batch_size)
        if not len(ds):
            raise RecipeError("has no cells", key="ds", remedy="See its obs_filter and obs_query.")
        asked = Keys(
            layer,
            batch_key,
            labels_key,
            sample_key,
            keys_of(categorical_covariate_keys),
            keys_of(continuous_covariate_keys),
            str(unlabeled_category),
            store_key,
        )
        asked.check()
        self._rows, self._layer = prepared(ds, asked)
        self.keys = Keys(**{**vars(asked), "layer": self._layer})
        self.batch_size = int(batch_size)
        self.model_name = model_name
        self._weights, self._shuffle, self._seed = weights, shuffle, seed
        self._options = options
        self.batch = None if batch_key is None else self._complete(batch_key, "batch_key")
        self.sample = None if sample_key is None else self._complete(sample_key, "sample_key")
        self.categorical = [
            self._complete(key, "categorical_covariate_keys") for key in self.keys.categorical
        ]
        for key in self.keys.continuous:
            check_numbers(self._rows, key)
        self.labels = None if labels_key is None else self._labels(labels_key)
        if counts:
            check_counts(self._rows, self._layer)
        self._use(Split.of(ds, self._rows, split))

    def _complete(self, key: str, parameter: str) -> Column:
        if key == self.keys.store:
            return Column.of_stores(self._rows, key)
        return Column.of(self._rows, key).check_complete(self._rows, parameter)

    def _labels(self, key: str) -> Column:
        labels = Column.of(self._rows, key)
        if self.keys.unlabeled in labels.names:
            raise RecipeError(
                f"has a code for {self.keys.unlabeled!r}, which means no label",
                key=f"encoders[{key!r}]",
                remedy=f"Give it the code -1 there, or another unlabeled_category={self.keys.unlabeled!r}.",
            )
        return labels

    # --- what it is -------------------------------------------------------------------

    @property
    def registry(self) -> dict[str, Any]:
        """The registry, which a model is made of; another dict each time."""
        return self.registry_for(self.model_name)

    def registry_for(self, model_name: str) -> dict[str, Any]:
        """Return the registry for a class of models."""
        return registry_of(
            self.keys,
            model_name=model_name,
            n_obs=self.n_obs,
            var_names=self.var_names,
            batch=self.batch,
            labels=self.labels,
            sample=self.sample,
            categorical=self.categorical,
        )

    @property
    def n_obs(self) -> int:
        """Number of cells."""
        return len(self._rows)

    @property
    def n_vars(self) -> int:
        """Number of genes."""
        return len(self.var_names)

    @property
    def var_names(self) -> Array:
        """Names of the genes."""
        return np.array(self._rows.var_joint, dtype=object)

    @property
    def n_batch(self) -> int:
        """Number of batches, at least 1."""
        return len(self.batch_labels)

    @property
    def n_labels(self) -> int:
        """Number of classes; 1 without a ``labels_key``."""
        return 1 if self.labels is None else len(self.labels)

    @property
    def n_samples(self) -> int:
        """Number of samples; 0 without a ``sample_key``."""
        return 0 if self.sample is None else len(self.sample)

    @property
    def n_continuous_cov(self) -> int:
        """Number of continuous covariates."""
        return len(self.keys.continuous)

    @property
    def n_cats_per_cov(self) -> list[int] | None:
        """Number of categories of each categorical covariate; None without any."""
        return [len(column) for column in self.categorical] or None

    @property
    def n_obs_per_sample(self) -> torch.Tensor:
        """Number of cells of each sample."""
        counts: torch.Tensor = n_obs_per_sample(self.sample)
        return counts

    @property
    def batch_labels(self) -> Array:
        """Names of the batches."""
        return batch_names(self.batch)

    @property
    def label_keys(self) -> Array | None:
        """Names of the classes; None without a ``labels_key``."""
        return None if self.labels is None else self.labels.names

    @property
    def sample_keys(self) -> Array | None:
        """Names of the samples; None without a ``sample_key``."""
        return None if self.sample is None else self.sample.names

    @property
    def labels_(self) -> Array | None:
        """Labels of the labelled cells for training, as text; None without a ``labels_key``."""
        if self.labels is None:
            return None
        labels: Array = self.labels.names[self.labels.codes[self._labelled(self.train_idx)]]
        return labels

    @property
    def n_train(self) -> int:
        """Number of cells for training."""
        return len(self.train_idx)

    @property
    def n_val(self) -> int:
        """Number of cells for validation."""
        return len(self.val_idx)

    # --- the split --------------------------------------------------------------------

    def set_split(
        self,
        train_size: float | None = TRAIN_SIZE,
        validation_size: float | None = None,
        shuffle_set_split: bool = True,
        batch_size: int | None = None,
    ) -> None:
        """Split the cells by shares, unless a split was given or is in the recipe.

        Parameters
        ----------
        train_size, validation_size, shuffle_set_split, batch_size
            As ``train()`` of a model has them.
        """
        self.set_batch_size(batch_size)
        asked = (train_size, validation_size)
        if not self._split.decided:
            self._use(
                Split.shares(
                    self._rows,
                    TRAIN_SIZE if train_size is None else train_size,
                    validation_size,
                    shuffle=shuffle_set_split,
                )
            )
        elif asked not in ((None, None), (TRAIN_SIZE, None)):
            warnings.warn(
                f"train_size={train_size}, validation_size={validation_size} change nothing: the split that "
                "the data module was given, or that the recipe has, is kept.",
                UserWarning,
                stacklevel=2,
            )

    def set_batch_size(self, batch_size: int | None) -> None:
        """Choose the number of cells per batch; None leaves it."""
        if batch_size is not None:
            check_sizes(batch_size=batch_size)
            self.batch_size = operator.index(batch_size)

    def _use(self, split: Split) -> None:
        self._split = split
        self.train_idx, self.val_idx, self.test_idx = split.train, split.validation, split.test
        if self.labels is not None and not len(self._labelled(self.train_idx)):
            raise RecipeError(
                f"{self.labels.key!r} labels none of the {self.n_train:,} cells for training",
                key="labels_key",
                remedy="Name a key with labels (obs_alias, relabel), or split the cells otherwise.",
            )

    def _labelled(self, rows: Array) -> Array:
        assert self.labels is not None
        labelled: Array = rows[self.labels.codes[rows] >= 0]
        return labelled

    # --- batches ----------------------------------------------------------------------

    def setup(self, stage: str | None = None) -> None:
        """Check that the model that trains fits, and tell it the name of its class.

        Parameters
        ----------
        stage
            Not used; Lightning has it.

        Raises
        ------
        RecipeError
            The model is of another collection, or needs what the cells do not have.
        """
        model = getattr(self.trainer, "_model", None)
        registry = getattr(model, "registry_", None)
        if not isinstance(registry, dict):
            return
        models.check_needs(self, model)
        checkpoints.check_same(self, registry, "datamodule")
        if registry.get("setup_method_name") == "setup_datamodule":
            registry["model_name"] = type(model).__name__  # by which it is loaded later

    def train_dataloader(self) -> Any:
        """Return the loader for training: batches, or for SCANVI pairs of all and of labelled cells."""
        weighted = not (self._weights is None or self._weights is False)
        order = {"weights": self._weights} if weighted else {"shuffle": self._shuffle}
        loader = self._loader(self.train_idx, **order, **self._ending(self.n_train))
        if not self._in_pairs():
            return loader
        labelled = self._loader(
            self._labelled(self.train_idx),
            weights=self.keys.labels,
            num_samples=self.n_train,
            **self._ending(self.n_train),
        )
        return CombinedLoader([loader, labelled], "max_size_cycle")

    def val_dataloader(self) -> Any:
        """Return the loader for validation, in order; an empty list if there are no cells for it."""
        return self._in_order(self.val_idx)

    def test_dataloader(self) -> Any:
        """Return the loader for the test, in order; an empty list if there are no cells for it."""
        return self._in_order(self.test_idx)

    def inference_dataloader(
        self, batch_size: int | None = None, indices: Sequence[int] | Array | None = None
    ) -> Finished:
        """Return finished batches in the order of the collection, as ``get_*(dataloader=)`` take them.

        Parameters
        ----------
        batch_size
            Cells per batch.
        indices
            Only these cells, in the order of the collection, such as :attr:`val_idx`. Default: all.
        """
        check_sizes(batch_size=batch_size)
        loader = self._loader(indices, batch_size=batch_size or max(self.batch_size, _INFERENCE))
        return Finished(loader, self._finished)

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int = 0) -> Any:
        """Return a batch of a loader, or several, as a model expects it."""
        if isinstance(batch, (list, tuple)):
            return [self._finished(one) for one in batch]
        return self._finished(batch)

    def _in_order(self, rows: Array) -> Any:
        if not len(rows):
            return []
        loader = self._loader(rows)
        labelled = self._labelled(rows) if self._in_pairs() else rows[:0]
        if not len(labelled):
            return loader
        return CombinedLoader([loader, self._loader(labelled)], "max_size_cycle")

    def _in_pairs(self) -> bool:
        """The model that trains tells; without one, labels do."""
        plan = getattr(self.trainer, "lightning_module", None)
        if self.labels is None or plan is None:
            return self.labels is not None
        return any(one.__name__.startswith("SemiSupervised") for one in type(plan).__mro__)

    def _loader(self, rows: Any, *, batch_size: int | None = None, **order: Any) -> Any:
        cells = self._rows if rows is None else self._rows.subset(rows)
        size = batch_size or self.batch_size
        return dataloader(cells, size, **{"seed": self._seed, **self._options, **order})

    def _ending(self, n: int) -> dict[str, Any]:
        """A last batch of one or two cells is left out; they are other ones in each epoch."""
        return (
            {"drop_last": True}
            if n > self.batch_size and 0 < n % self.batch_size < _TOO_FEW
            else {}
        )

    def _finished(self, batch: Mapping[str, Any]) -> dict[str, Any]:
        X = batch[self._layer]
        if X.layout != torch.strided:
            X = X.to_dense()
        keys = self.keys
        none = torch.zeros((len(X), 1), dtype=torch.int64)
        finished = {"X": X.float()}
        for name, key in (("batch", keys.batch), ("labels", keys.labels), ("sample", keys.sample)):
            finished[name] = none if key is None else self._columns(batch, [key])
        finished["labels"] = finished["labels"].where(finished["labels"] >= 0, self.n_labels)
        if keys.categorical:
            finished["extra_categorical_covs"] = self._columns(batch, keys.categorical)
        if keys.continuous:
            finished["extra_continuous_covs"] = self._columns(batch, keys.continuous).float()
        return finished

    def _columns(self, batch: Mapping[str, Any], keys: Sequence[str]) -> torch.Tensor:
        return torch.stack([batch[self.keys.column_of(key)] for key in keys], dim=1)

    # --- models -----------------------------------------------------------------------

    def model(self, cls: type[_Model], **parameters: Any) -> _Model:
        """Return a new model of a class, for these cells.

        Parameters
        ----------
        cls
            Such as ``scvi.model.SCVI``, ``LinearSCVI``, ``SCANVI``, ``PEAKVI``, ``scvi.external.MRVI``.
        **parameters
            Of the class.
        """
        return models.make_model(self, cls, **parameters)

    def load(
        self,
        cls: type[_Model],
        directory: str | Path,
        *,
        prefix: str | None = None,
        device: Any = None,
    ) -> _Model:
        """Return a model that was saved, for these cells.

        Of whatever a model was made, and with several categorical covariates, which scvi-tools' own
        ``load`` takes for one. Saved models are pickles: load what you trust.

        Parameters
        ----------
        cls
            The class of the model.
        directory, prefix
            As they were given to ``save()``.
        device
            Where the model goes; default: a GPU if there is one.

        Raises
        ------
        RecipeError
            The model was trained with other genes, batches, labels or covariates, so that the codes of these
            cells mean something else; or it is of another class.
        StoreError
            There is no saved model, or it cannot be read.
        """
        return checkpoints.load(self, cls, directory, prefix=prefix, device=device)

    def anndata_model(self, model: _Model) -> _Model:
        """Return a trained model as one that was made from an AnnData.

        It holds a few made-up cells instead of the collection, so that what needs an AnnData works:
        ``save``, ``load(dir, adata=data.template())``, ``prepare_query_anndata``, ``load_query_data`` with new
        batches, and methods with ``adata=``.

        Parameters
        ----------
        model
            A model that was trained with this data module.
        """
        return models.anndata_model(self, model)

    def template(self) -> AnnData:
        """Return a few made-up cells with the genes and all categories of the collection."""
        return models.template(self)
