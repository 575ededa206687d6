"""Several hosts on one machine, in network namespaces: a run on a Dask cluster whose parts fail one after another.

    sudo python benchmarks/many_hosts.py --patients 3000

A scheduler, two workers and the command each have a network of their own, joined by a bridge. While the run goes on a
worker is killed, the cable of another is pulled for a while, the scheduler is killed and started again, and at last the
command itself is killed and given again. At the end every file is compared with an undisturbed run on this machine.
Linux, as root, with iproute2; the folder is shared, as NFS would be. Exit code 1 when anything differs.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kill_loop import fingerprint

BRIDGE, NET, PORT = "remission0", "10.77.0", 8786
HOSTS = {"scheduler": 2, "asker": 3, "worker1": 4, "worker2": 5}
ADDRESS = f"tcp://{NET}.{HOSTS['scheduler']}:{PORT}"
DASK = (sys.executable, "-m", "dask")
SOON = {  # what a cluster of days would take minutes for
    "DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL": "8s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "15s",
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "8s",
    "DASK_DISTRIBUTED__DEPLOY__LOST_WORKER_TIMEOUT": "8s",
}


def ip(*words: str, wrong: bool = True) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if wrong and done.returncode:
        raise SystemExit(f"ip {' '.join(words)}: {done.stderr.strip()}")


def lay_cables() -> None:
    remove_cables()
    ip("link", "add", BRIDGE, "type", "bridge")
    ip("link", "set", BRIDGE, "up")
    for host, number in HOSTS.items():
        ip("netns", "add", host)
        ip("link", "add", f"r-{number}", "type", "veth", "peer", "name", "eth0", "netns", host)
        ip("link", "set", f"r-{number}", "master", BRIDGE, "up")
        ip("-n", host, "addr", "add", f"{NET}.{number}/24", "dev", "eth0")
        ip("-n", host, "link", "set", "eth0", "up")
        ip("-n", host, "link", "set", "lo", "up")


def remove_cables() -> None:
    for host, number in HOSTS.items():
        ip("netns", "del", host, wrong=False)
        ip("link", "del", f"r-{number}", wrong=False)
    ip("link", "del", BRIDGE, wrong=False)


def on(host: str, words: tuple[str, ...], log: Path) -> subprocess.Popen[bytes]:
    """A process on a host, a group of its own."""
    with log.open("ab") as stream:
        return subprocess.Popen(
            ["ip", "netns", "exec", host, *words], stdout=stream, stderr=stream, start_new_session=True,
            env={**os.environ, **SOON},
        )  # fmt: skip


def kill(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=3000)
    parser.add_argument("--follow-up", type=float, default=3.0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="remission-hosts-"))
    asked = (
        "simulate",
        "cog-standard-risk",
        "--patients",
        f"{options.patients}",
        "--follow-up",
        f"{options.follow_up}",
    )
    command = (sys.executable, "-c", "from remission.cli import main; main()", *asked)
    undisturbed = subprocess.run([*command, "--out", f"{folder / 'here'}"], capture_output=True, text=True)
    if undisturbed.returncode:
        raise SystemExit(undisturbed.stderr)
    there = folder / "there"

    def scheduler() -> subprocess.Popen[bytes]:
        words = (*DASK, "scheduler", "--host", f"{NET}.{HOSTS['scheduler']}", "--port", f"{PORT}", "--no-dashboard")
        return on("scheduler", words, folder / "scheduler.log")

    def worker(number: int) -> subprocess.Popen[bytes]:
        """Started again whenever it ends, as a batch system or a service would."""
        host = f"worker{number}"
        words = (*DASK, "worker", ADDRESS, "--host", f"{NET}.{HOSTS[host]}", "--nthreads", "1", "--no-dashboard",
                 "--death-timeout", "20", "--local-directory", f"{folder / host}")  # fmt: skip
        loop = f"while true; do {' '.join(words)}; sleep 1; done"
        return on(host, ("sh", "-c", loop), folder / f"{host}.log")

    def ask() -> subprocess.Popen[bytes]:
        return on("asker", (*command, "--out", f"{there}", "--cluster", ADDRESS), folder / "asker.log")

    def finished() -> int:
        return len(list((there / "shards").glob("*.json"))) if (there / "shards").is_dir() else 0

    def more() -> None:
        """Wait until another shard is there, or the run is over."""
        before = finished()
        until = time.monotonic() + 300
        while finished() == before and running["asker"].poll() is None:
            if time.monotonic() > until:
                raise SystemExit(f"nothing moves after five minutes; logs: {folder}")
            time.sleep(0.05)

    running: dict[str, subprocess.Popen[bytes]] = {}
    told: list[str] = []

    def do(what: str, act: Callable[[], None]) -> None:
        if running["asker"].poll() is None:
            act()
            told.append(f"{what} (with {finished()} shards)")
            more()

    def cut() -> None:
        ip("link", "set", f"r-{HOSTS['worker2']}", "down")
        time.sleep(25)
        ip("link", "set", f"r-{HOSTS['worker2']}", "up")

    def restart() -> None:
        kill(running["scheduler"])
        time.sleep(3)
        running["scheduler"] = scheduler()

    def again() -> None:
        kill(running["asker"])
        running["asker"] = ask()

    def new_worker() -> None:
        kill(running["worker1"])
        running["worker1"] = worker(1)

    try:
        lay_cables()
        running |= {"scheduler": scheduler(), "worker1": worker(1), "worker2": worker(2)}
        running["asker"] = ask()
        more()
        do("a worker killed, and another one started", new_worker)
        do("the cable of the other worker pulled for 25 s", cut)
        do("the scheduler killed, and started again", restart)
        do("the command killed, and given again", again)
        code = running["asker"].wait(timeout=1800)
    finally:
        for process in running.values():
            if process.poll() is None:
                kill(process)
        remove_cables()
    print(*told, sep="\n")
    if code:
        raise SystemExit((folder / "asker.log").read_text()[-2000:])
    here, elsewhere = fingerprint(folder / "here"), fingerprint(there)
    if here != elsewhere:
        differ = sorted(name for name in {*here, *elsewhere} if here.get(name) != elsewhere.get(name))
        raise SystemExit(f"{len(differ)} files differ: {', '.join(differ[:5])}; logs: {folder}")
    print(f"{len(here)} files are byte for byte those of an undisturbed run on one machine.")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
