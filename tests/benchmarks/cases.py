"""What is measured, by whom, and what ours must reach: the rows of the table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import fnmatch
from typing import Any

from .generate import FORMAT_WORDS

OURS = "mappedviz"
#: What ``make bench`` measures unless it is told otherwise: half an hour.
HEADLINES = (
    "getitem-plain",
    "random-*",
    "weighted-plain",
    "block-plain-*",
    "block-sharded-csr",
    "open-200-*",
    "start-*",
)


@dataclass(frozen=True)
class Contender:
    """One column of a case: a peer, and how it is asked.

    Attributes
    ----------
    peer
        Name in ``peers.PEERS``.
    label
        Name in the tables, unique within the case.
    options
        Given to the adapter.
    job
        Entries of the job that differ from the case's.
    """

    peer: str
    label: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    job: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name in the tables."""
        return self.label or self.peer


@dataclass(frozen=True)
class Target:
    """What one contender of ours must reach.

    Attributes
    ----------
    against
        ``"contender"`` of the same case or ``"case:contender"``; the best of several; empty for
        an absolute bound.
    factor
        At least (rates) or at most (times, memory) this many times the best of ``against``, or
        this value itself.
    ours
        The contender of ours that is judged.
    measure
        ``rate`` (cells a second), ``spent`` (seconds) or a memory peak.
    """

    factor: float
    against: tuple[str, ...] = ()
    ours: str = OURS
    measure: str = "rate"

    @property
    def at_least(self) -> bool:
        """Whether more is better."""
        return self.measure == "rate"


@dataclass(frozen=True)
class Case:
    """One row of the table: some work on one collection.

    Attributes
    ----------
    id, title
        Short name for ``--only``, words for the table.
    kind
        ``batches``, ``start``, ``getitem``, ``open``, ``weights`` or ``limit``.
    format
        On which files: one of ``generate.FORMATS``.
    data
        Which collection: ``main``, ``many`` (200 small stores) or ``labels`` (2 M rows).
    job
        The rest of the job.
    """

    id: str
    title: str
    kind: str
    format: str
    contenders: tuple[Contender, ...]
    targets: tuple[Target, ...] = ()
    data: str = "main"
    job: dict[str, Any] = field(default_factory=dict)

    @property
    def headline(self) -> bool:
        """Whether ``make bench`` measures it, which takes half an hour."""
        return any(fnmatch(self.id, one) for one in HEADLINES)


def names(contenders: tuple[Contender, ...]) -> tuple[str, ...]:
    """Their names, as targets want them."""
    return tuple(c.name for c in contenders)


LAMINDB = Contender("lamindb")
ANNLOADER = Contender("annloader")
# Larger fetches shuffle better, smaller ones are sometimes faster: ours must beat the better one.
SCDATASET = (
    Contender("scdataset", "scdataset"),
    Contender("scdataset", "scdataset, fetch 4,096", {"fetch": 4_096}),
)
# Block shuffles: blocks of 64 rows unless named.
SCDATASET_BLOCKS = (
    *SCDATASET,
    Contender("scdataset", "scdataset, blocks of 512", job={"block": 512}),
)
# Its own shuffled copy; "annbatch, same stores" reads the sharded stores of the collection.
ANNBATCH_OWN = Contender("annbatch", "annbatch, own copy", job={"data": "annbatch"})
ANNBATCH = Contender("annbatch", "annbatch, same stores", job={"unjoined": True})
# One batch fetched at a time, in long runs: its fastest, meant for data that are shuffled already.
FASTEST = {"block": 512, "buffer": 4_096}
ANNBATCH_OWN_BLOCKS = (
    ANNBATCH_OWN,
    Contender("annbatch", "annbatch, own copy, 512 in 4,096", job={**ANNBATCH_OWN.job, **FASTEST}),
)
ANNBATCH_FASTEST = Contender(
    "annbatch", "annbatch, same stores, 512 in 4,096", job={**ANNBATCH.job, **FASTEST}
)
STOCK = Contender(OURS)  # torch's own DataLoader around our data set
OWN = Contender(OURS, options={"loader": "own"})
OWN_FASTEST = Contender(OURS, "mappedviz, 512 in 4,096", {**OWN.options, "blocks": True}, FASTEST)
LIMIT_1 = Contender("limit", "limit, 1 thread", {"what": "fused"}, {"kind": "limit"})
LIMIT_2 = Contender("limit", "limit, 2 threads", {"what": "fused", "threads": 2}, {"kind": "limit"})
LIMIT_CSR = Contender("limit", "limit, 1 thread", {"what": "csr"}, {"kind": "limit"})
LIMIT_CSR_2 = Contender(
    "limit", "limit, 2 threads", {"what": "csr", "threads": 2}, {"kind": "limit"}
)

# Nothing that reads each chunk of a compressed store can be faster in its first epoch.
LIMIT_DECODE = Contender(
    "limit", "limit, decoder, 2 threads", {"what": "decode", "threads": 2}, {"kind": "limit"}
)

# A tenth of the decoded collection: what a user with ten times the data would see.
SMALL_CACHE = 256 * 2**20
RANDOM_TARGETS = {"gzip": 9, "v2": 30, "v3": 15, "sharded": 50}


def _random(**more: Any) -> dict[str, Any]:
    return {"order": "random", "batch": 128, **more}


def _block(output: str, **more: Any) -> dict[str, Any]:
    return {"order": "block", "batch": 4_096, "output": output, **more}


def _starts() -> Iterator[Case]:
    """The start of an epoch, seconds until the tenth batch, for every kind of store and cache."""
    caches = {"16 MB cache": 16 * 2**20, "256 MB cache": SMALL_CACHE}
    ours = (
        *(
            Contender(OURS, f"mappedviz, {words}", {**OWN.options, "cache_bytes": size})
            for words, size in caches.items()
        ),
        OWN,
    )
    blocks = Contender(
        OURS,
        "mappedviz, 256 MB cache, block shuffle",
        {**OWN.options, "cache_bytes": SMALL_CACHE},
        {"order": "block"},
    )
    # Small fetches begin sooner: ours must not be behind the best at any moment.
    peers = (SCDATASET[1], Contender("scdataset", "scdataset, fetch 128", {"fetch": 128}))
    for format, words in FORMAT_WORDS.items():
        yield Case(
            f"start-{format}",
            f"start of an epoch, batch 128, true random, {words}",
            "start",
            format,
            (
                LAMINDB,
                *peers,
                *([ANNBATCH] if format == "sharded" else []),
                *ours,
                *([] if format == "plain" else [blocks, LIMIT_DECODE]),
            ),
            tuple(
                target
                for one in ours
                for target in (
                    Target(0.5, (), one.name, measure="spent"),
                    Target(1, names(peers), one.name, measure="spent"),
                    Target(1, names(peers), one.name, measure="first"),
                )
            ),
            job={"order": "random", "batch": 128, "patience": 5.0},
        )


def cases() -> Iterator[Case]:
    """All of them, in the order in which they run."""
    yield Case(
        "read",
        "the machine: bytes of the collection read in sequence",
        "limit",
        "plain",
        (Contender("limit", "limit, 1 thread", {"what": "read"}),),
    )
    for format in ("plain", "gzip", "v3"):
        yield Case(
            f"getitem-{format}",
            f"one row at a time, `ds[i]`, {FORMAT_WORDS[format]}",
            "getitem",
            format,
            (LAMINDB, ANNLOADER, STOCK),
            (Target(50, ("lamindb",)),) if format == "plain" else (),
        )
    fused = (Target(70, ("lamindb",)), Target(0.65, ("limit, 1 thread",)))
    yield Case(
        "random-plain",
        "DataLoader, batch 128, true random, plain h5ad, inner",
        "batches",
        "plain",
        (
            LAMINDB,
            ANNLOADER,
            *SCDATASET,
            ANNBATCH_OWN,
            STOCK,
            Contender(OURS, "mappedviz.dataloader", {"loader": "own"}),
            LIMIT_1,
            LIMIT_2,
        ),
        (
            *fused,
            Target(7, names(SCDATASET)),
            Target(1, ("lamindb",), measure="anonymous"),
        ),
        job=_random(),
    )
    yield Case(
        "random-plain-outer",
        "DataLoader, batch 128, true random, plain h5ad, outer",
        "batches",
        "plain",
        (
            LAMINDB,
            STOCK,
            Contender(OURS, "mappedviz.dataloader", {"loader": "own"}),
            LIMIT_1,
            LIMIT_2,
        ),
        (*fused, Target(7, tuple(f"random-plain:{name}" for name in names(SCDATASET)))),
        job=_random(join="outer"),
    )
    yield Case(
        "weighted-plain",
        "DataLoader, batch 128, weighted sampler, plain h5ad",
        "batches",
        "plain",
        (
            LAMINDB,
            ANNLOADER,
            *SCDATASET,
            ANNBATCH_OWN,
            STOCK,
            Contender(OURS, "mappedviz.dataloader", {"loader": "own"}),
        ),
        (Target(0.9, ("random-plain:mappedviz",)),),
        job={"order": "weighted", "batch": 128},
    )
    yield Case(
        "weighted-v3",
        "batch 128, weighted sampler, zarr v3",
        "batches",
        "v3",
        (LAMINDB, ANNLOADER, *SCDATASET, OWN),
        job={"order": "weighted", "batch": 128, "epochs": 1},
    )
    for format in ("plain", "v3"):
        peers = (LAMINDB, ANNLOADER, *SCDATASET, *([ANNBATCH_OWN] if format == "plain" else []))
        yield Case(
            f"sequential-{format}",
            f"sequential epoch, batch 1,024, {FORMAT_WORDS[format]}",
            "batches",
            format,
            (*peers, OWN),
            job={"order": "sequential", "batch": 1_024, "epochs": 1},
        )
    for format, factor in RANDOM_TARGETS.items():
        small = Contender(
            OURS, "mappedviz, 256 MB cache", {**OWN.options, "cache_bytes": SMALL_CACHE}
        )
        yield Case(
            f"random-{format}",
            f"batch 128, true random, {FORMAT_WORDS[format]}, first epoch",
            "batches",
            format,
            (
                LAMINDB,
                ANNLOADER,
                *SCDATASET,
                *([ANNBATCH] if format == "sharded" else []),
                OWN,
                small,
                Contender(OURS, "mappedviz, torch's DataLoader"),
                LIMIT_DECODE,
            ),
            (
                Target(factor, ("lamindb",)),
                Target(1, names(SCDATASET)),
                Target(factor, ("lamindb",), small.name),
                Target(1, names(SCDATASET), small.name),
            ),
            # A loader that decodes ahead has not come to rest before: 3 s are as long as one window.
            job=_random(epochs=1, longer=2),
        )
    for output, factor in (("dense", 3), ("csr", 8)):
        words = {"dense": "dense", "csr": "CSR"}[output]
        yield Case(
            f"block-plain-{output}",
            f"block-shuffled, batch 4,096, plain h5ad, {words}",
            "batches",
            "plain",
            (
                *([LAMINDB] if output == "dense" else []),
                *SCDATASET_BLOCKS,
                *ANNBATCH_OWN_BLOCKS,
                OWN,
                *((LIMIT_1, LIMIT_2) if output == "dense" else (LIMIT_CSR, LIMIT_CSR_2)),
            ),
            (
                Target(factor, names(SCDATASET_BLOCKS)),
                Target(2, names(ANNBATCH_OWN_BLOCKS)),
            ),
            job=_block(output, epochs=1_000_000),
        )
        for format in ("gzip", "v3", "sharded"):
            same_stores = (ANNBATCH, ANNBATCH_FASTEST) if format == "sharded" else ()
            yield Case(
                f"block-{format}-{output}",
                f"block-shuffled, batch 4,096, {FORMAT_WORDS[format]}, {words}, first epoch",
                "batches",
                format,
                (*SCDATASET_BLOCKS, *same_stores, OWN, *([OWN_FASTEST] if same_stores else [])),
                (
                    # Each of ours against the one that shuffles as well.
                    Target(1, (ANNBATCH.name,)),
                    Target(1, (ANNBATCH_FASTEST.name,), OWN_FASTEST.name),
                )
                if same_stores
                else (Target(4, names(SCDATASET_BLOCKS)),),
                job=_block(output, epochs=1),
            )
    yield from _starts()
    for format in ("plain", "gzip", "v2", "v3", "sharded"):
        yield Case(
            f"second-{format}",
            f"second epoch, all in memory, batch 128, true random, {FORMAT_WORDS[format]}",
            "batches",
            format,
            (OWN,),
            () if format == "plain" else (Target(0.8, ("second-plain:mappedviz",)),),
            job=_random(fill=1),
        )
    yield Case(
        "open-4",
        "opening 4 big h5ad, labels and join included",
        "open",
        "plain",
        (LAMINDB, ANNLOADER, STOCK),
        (Target(1.5, ("lamindb",), measure="spent"),),
    )
    for format, bound in (("plain", 0.5), ("v3", 1.0)):
        yield Case(
            f"open-200-{format}",
            f"opening 200 small stores, {FORMAT_WORDS[format]}",
            "open",
            format,
            (LAMINDB, ANNLOADER, STOCK),
            (Target(bound, measure="spent"),),
            data="many",
        )
    yield Case(
        "weights",
        "`get_label_weights` over 2 M rows",
        "weights",
        "plain",
        (LAMINDB, STOCK),
        (Target(0.05, measure="spent"),),
        data="labels",
    )
    yield Case(
        "memory",
        "private memory grown by true random over gzip h5ad, cache of 256 MB",
        "batches",
        "gzip",
        (LAMINDB, Contender(OURS, options={"cache_bytes": SMALL_CACHE})),
        (Target(SMALL_CACHE * 1.25, measure="grown"),),
        job=_random(epochs=1),
    )
