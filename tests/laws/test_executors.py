"""Audits and copies are the same on every executor: none, processes, loky, a Dask cluster; and one that dies."""

import functools
import json
import os
import signal
import threading
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import pytest

import mappedviz as mv
from mappedviz.audits import ScanCache, ScanCancelledError
from mappedviz.errors import RecipeTypeError, StoreError, StoreWarning
from mappedviz.stores import children
from mappedviz.stores.children import IdleChild
from tests.audits import write
from tests.stores import BROKEN

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of libraries below the executors
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*(port|Port).*in use:UserWarning"),
]


@pytest.fixture(scope="module")
def processes():
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as executor:
        yield executor


@pytest.fixture(scope="module")
def loky():
    executor = pytest.importorskip("loky").get_reusable_executor(max_workers=2, timeout=600)
    yield executor
    executor.shutdown(wait=True)


@pytest.fixture(scope="module")
def client():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def dask(client):
    return client.get_executor()


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores")
    made = [str(write(folder, f"s{i}", store=i)) for i in range(6)]
    return [*made, str(BROKEN["html"](None, folder / "bad")), str(folder / "nowhere.h5ad")]


def audited(stores, **options):
    options = {"workers": 0, "progress": False, **options}
    return mv.audit(stores, "cell_type", cache=ScanCache(), **options)


@pytest.fixture(scope="module")
def expected(stores):
    return json.loads(audited(stores).to_json())


@pytest.mark.parametrize("name", ["processes", "loky", "dask"])
@pytest.mark.parametrize("open_timeout", [None, 60.0])
def test_an_audit_is_the_same(stores, expected, name, open_timeout, request):
    executor = request.getfixturevalue(name)
    audit = audited(stores, executor=executor, open_timeout=open_timeout)
    assert json.loads(audit.to_json()) == expected
    assert audit.fatal


def test_relative_paths_mean_what_they_mean_here(stores, monkeypatch, processes, tmp_path):
    monkeypatch.chdir(tmp_path)
    given = [os.path.relpath(path) for path in stores]
    there = audited(given, executor=processes)
    assert json.loads(there.to_json()) == json.loads(audited(given).to_json())


def test_progress_counts_what_is_done(stores, processes):
    seen = []
    audited(stores, executor=processes, progress=lambda done, of: seen.append((done, of)))
    assert seen[-1] == (len(stores), len(stores))


@pytest.mark.parametrize("name", ["processes", "dask"])
def test_cancelling_ends_an_audit_and_leaves_the_executor(stores, name, request):
    executor = request.getfixturevalue(name)
    cancel = threading.Event()
    with pytest.raises(ScanCancelledError):
        audited(stores, executor=executor, cancel=cancel, progress=lambda *_: cancel.set())
    assert executor.submit(sum, [1, 2]).result() == 3


def test_a_store_that_hangs_is_given_up_by_a_process_of_an_executor(stores, monkeypatch):
    monkeypatch.setattr(children, "idle", IdleChild())
    monkeypatch.setattr(
        children,
        "_PROGRAM",
        "import time, mappedviz.audits.children as s\n"
        "from mappedviz.stores.children import serve_calls\n"
        "real = s.read_store\n"
        "def read(path, *rest):\n"
        "    if '/s1.h5ad' in path: time.sleep(600)\n"
        "    return real(path, *rest)\n"
        "s.read_store = read\n"
        "serve_calls()\n",
    )
    with ThreadPoolExecutor(2) as executor:
        audit = audited(stores[:3], executor=executor, open_timeout=8.0)
    children.idle.end()
    assert "did not open within 8 s" in audit.stores["status"]["s1.h5ad"]
    assert (audit.stores["status"] == "ok").sum() == 2


class Dying(Executor):
    """An executor of which something dies after some calls."""

    def __init__(self, executor, end, after=3):
        self.executor, self.end, self.left = executor, end, after

    def submit(self, fn, /, *args, **kwargs):
        self.left -= 1
        if self.left == 0:
            self.end()
        return self.executor.submit(fn, *args, **kwargs)


def test_a_process_that_is_killed_costs_a_warning(stores, expected):
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pid = pool.submit(os.getpid).result()
        dying = Dying(pool, lambda: os.kill(pid, signal.SIGKILL))
        seen = []
        with pytest.warns(
            StoreWarning, match="the executor lost .* of 8 stores.*BrokenProcessPool"
        ):
            audit = audited(stores, executor=dying, progress=lambda *done: seen.append(done))
    assert json.loads(audit.to_json()) == expected
    assert seen[-1] == (8, 8)


def test_a_scheduler_that_dies_costs_a_warning(stores, expected):
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None)
    client = distributed.Client(cluster)
    dying = Dying(client.get_executor(), cluster.close)
    with pytest.warns(StoreWarning, match="the executor lost .* of 8 stores"):
        audit = audited(stores, executor=dying)
    client.close()
    assert json.loads(audit.to_json()) == expected


def test_a_client_is_no_executor_and_says_what_is(client, stores):
    with pytest.raises(RecipeTypeError, match="client.get_executor"):
        audited(stores, executor=client)


def test_scans_by_submitit(stores, tmp_path):
    """As docs/scale.md has it for SLURM, on the executor that submitit has for one machine."""
    submitit = pytest.importorskip("submitit")
    jobs = submitit.LocalExecutor(folder=tmp_path / "logs")
    jobs.update_parameters(timeout_min=10)
    there = stores[:-1]  # the last one is not there
    scan = functools.partial(mv.audits.write_scans, out=tmp_path / "scans", progress=False)
    for job in jobs.map_array(scan, [there]):
        job.result()
    found = audited([str(tmp_path / "scans")])
    paths = sorted(there)
    assert json.loads(found.to_json()) == json.loads(audited(paths).to_json())


#: Rows are chosen, joined and shuffled: each shard has rows of several stores.
RECIPE = {"join": "outer", "obs_keys": ["cell_type", "batch"], "obs_query": "origin > 3"}


def copied(stores, out, executor=None, **options):
    recipe = mv.Recipe(paths=stores[:6], **RECIPE)
    options = {"shuffle": True, "shard_size": 20, "progress": False, **options}
    return mv.optimize(None, out, recipe, executor, **options)


def digests(copy):
    return [(shard.path.rpartition("/")[2], shard.n_obs, shard.digest) for shard in copy.shards]


@pytest.fixture(scope="module")
def copy(stores, tmp_path_factory):
    made = copied(stores, tmp_path_factory.mktemp("copy") / "out")
    assert len(made.shards) > 3
    return made


@pytest.mark.parametrize("name", ["processes", "loky", "dask"])
def test_a_copy_is_the_same(stores, copy, name, request, tmp_path):
    seen = []
    there = copied(
        stores,
        tmp_path / "out",
        request.getfixturevalue(name),
        progress=lambda *done: seen.append(done),
    )
    assert digests(there) == digests(copy)
    assert seen[-1] == (len(copy.shards), len(copy.shards))
    assert there.collection().encoders == copy.collection().encoders
    labels = [one.collection().get_merged_labels("cell_type").tolist() for one in (there, copy)]
    assert labels[0] == labels[1]


def parts_of(out):
    return list((out / ".mappedviz").rglob("parts/*"))


@pytest.mark.parametrize("name", ["processes", "loky"])
def test_a_copy_whose_process_is_killed_goes_on_with_the_next_call(stores, copy, name, tmp_path):
    """Its error says so; what was finished is kept, what was half made is not."""
    if name == "loky":
        pool = pytest.importorskip("loky").ProcessPoolExecutor(1)
    else:
        pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))
    pid = pool.submit(os.getpid).result()
    kill = iter([pid])
    with pytest.raises(StoreError, match="the executor failed .*Call it again.*shards are kept"):
        copied(
            stores,
            tmp_path / "out",
            pool,
            progress=lambda done, of: (
                [os.kill(one, signal.SIGKILL) for one in kill] if done else None
            ),
        )
    pool.shutdown()
    assert parts_of(tmp_path / "out") == []
    again = copied(stores, tmp_path / "out")
    assert digests(again) == digests(copy)
    assert 1 <= sum(shard.again for shard in again.shards) < len(again.shards)


def test_a_copy_outlives_a_worker_of_a_cluster(stores, copy, client, tmp_path):
    """Dask gives what a worker had to another one; parts of the one that was killed are removed."""
    pids = list(client.run(os.getpid).values())
    kill = iter([pids[0]])

    def progress(done, of):
        for pid in kill:
            os.kill(pid, signal.SIGKILL)

    there = copied(stores, tmp_path / "out", client.get_executor(), progress=progress)
    assert digests(there) == digests(copy)
    assert parts_of(tmp_path / "out") == []
    client.wait_for_workers(2, timeout=60)
    assert pids[0] not in client.run(os.getpid).values()


def test_a_copy_whose_scheduler_dies_goes_on_with_the_next_call(stores, copy, tmp_path):
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None)
    client = distributed.Client(cluster)
    close = iter([cluster.close])
    with pytest.raises(StoreError, match="the executor failed .*Call it again.*shards are kept"):
        copied(
            stores,
            tmp_path / "out",
            client.get_executor(),
            progress=lambda done, of: [end() for end in close] if done else None,
        )
    client.close()
    assert parts_of(tmp_path / "out") == []
    again = copied(stores, tmp_path / "out")
    assert digests(again) == digests(copy)
    assert 1 <= sum(shard.again for shard in again.shards) < len(again.shards)
