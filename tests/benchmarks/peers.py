"""Where the adapters run, and how one is asked: each job in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


@dataclass(frozen=True)
class Peer:
    """One library in the comparison.

    Attributes
    ----------
    name
        As in the tables.
    script
        File of its adapter.
    env
        Folder of its environment below the one given by ``--envs``; None: this interpreter.
    checkout
        Another checkout of mappedviz, with its environment in ``.venv``; None: this one.
    """

    name: str
    script: str
    env: str | None
    checkout: Path | None = None

    def python(self, envs: Path | None) -> Path | None:
        """Its interpreter, None where the environment does not exist."""
        if self.checkout is not None:
            return self.checkout / ".venv" / "bin" / "python"
        if self.env is None:
            return Path(sys.executable)
        if envs is None:
            return None
        python = envs / self.env / "bin" / "python"
        return python if python.exists() else None


PEERS = {
    peer.name: peer
    for peer in (
        Peer("mappedviz", "mappedviz_adapter.py", None),
        Peer("lamindb", "lamindb_adapter.py", "lamindb"),
        Peer("annloader", "annloader_adapter.py", "torch"),
        Peer("scdataset", "scdataset_adapter.py", "torch"),
        Peer("annbatch", "annbatch_adapter.py", "annbatch"),
        Peer("limit", "limits_adapter.py", None),
    )
}


def _watch(pid: int, peak: dict[str, int], stop: threading.Event) -> None:
    """Follow a process's private and its mapped memory from outside, so that it is not slowed."""
    while not stop.wait(0.02):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            return
        for line in status.splitlines():
            key, _, value = line.partition(":")
            if key in ("RssAnon", "RssFile", "VmRSS"):
                peak[key] = max(peak.get(key, 0), int(value.split()[0]) * 1024)


def busy() -> float:
    """Processor seconds that the whole machine has used, those taken by its host included."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    except OSError:  # not Linux: nothing is known of others
        return 0.0
    user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields)
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _mine() -> float:
    """Processor seconds of this process and of the children that have ended."""
    return sum(os.times()[:4])


def others_for(seconds: float) -> float:
    """Processors that others keep busy, watched for some seconds."""
    start, used, own = time.monotonic(), busy(), _mine()
    time.sleep(seconds)
    return (busy() - used - (_mine() - own)) / (time.monotonic() - start)


def ask(
    peer: Peer, jobs: list[dict[str, Any]], envs: Path | None, timeout: float = 900
) -> dict[str, Any]:
    """Run jobs in one fresh process; results in their order, or one error for all of them.

    The peaks of memory are those of the whole process: private (``RssAnon``), which is what a
    machine runs out of, and with the mapped pages of files (``VmRSS``), which the kernel may drop.
    ``others`` is how many processors the rest of the machine kept busy meanwhile.
    """
    python = peer.python(envs)
    if python is None:
        return _all_failed(jobs, "no environment: make_peer_envs.sh makes it")
    env = {
        **os.environ,
        "PYTHONPATH": str(peer.checkout or ROOT),
        "PYTHONHASHSEED": "0",
        "TQDM_DISABLE": "1",
    }
    begun, used, own = time.monotonic(), busy(), _mine()
    with subprocess.Popen(
        [str(python), str(HERE / "adapters" / peer.script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    ) as process:
        peak: dict[str, int] = {}
        stop = threading.Event()
        watcher = threading.Thread(target=_watch, args=(process.pid, peak, stop))
        watcher.start()
        try:
            out, err = process.communicate(json.dumps(jobs), timeout=timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            err += f"\nstopped after {time.monotonic() - begun:.0f} s"
        finally:
            stop.set()
            watcher.join()
    lines = out.splitlines()
    if not lines or process.returncode:
        tail = (err.strip().splitlines() or ["no output"])[-1]
        return _all_failed(jobs, f"exit status {process.returncode}: {tail}")
    others = max(0.0, (busy() - used - (_mine() - own)) / (time.monotonic() - begun))
    answer: dict[str, Any] = json.loads(lines[-1])
    for result in answer["results"]:
        result.update(
            anonymous=peak.get("RssAnon", 0), resident=peak.get("VmRSS", 0), others=others
        )
    return answer


def _all_failed(jobs: list[dict[str, Any]], why: str) -> dict[str, Any]:
    return {"results": [{"id": job["id"], "error": why} for job in jobs], "versions": {}}
