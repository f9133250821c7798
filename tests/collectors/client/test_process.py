"""The client in processes of its own: what it imports, what a fork does to it, and how it ends with its process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.collectors.client.collector import Collector

ROOT = Path(__file__).parents[3]


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = {name: value for name, value in os.environ.items() if not name.startswith("WATCHKEEPER_")}
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=settings,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_the_client_brings_nothing_of_the_server_along() -> None:
    loaded = json.loads(run("import collectors.client, json, sys; print(json.dumps(sorted(sys.modules)))").stdout)
    packages = {name.partition(".")[0] for name in loaded}
    assert {"collectors", "httpx", "msgspec"} <= packages
    assert not packages & {
        "app",
        "migrations",
        "numpy",
        "pandas",
        "scipy",
        "sqlalchemy",
        "streamlit",
        "evidently",
        "fastapi",
    }
    ours = {name for name in loaded if name.startswith("collectors.")}
    assert all(name == "collectors.client" or name.startswith("collectors.client.") for name in ours)


def test_sending_imports_nothing_that_a_fork_could_leave_half_imported(collector: Collector) -> None:
    program = """
import json, sys
from collectors.client import Client
client = Client(sys.argv[1])
before = set(sys.modules)
client.log("fraud", "3", {"age": 31}, prediction=1)
assert client.flush()
print(json.dumps(sorted(set(sys.modules) - before)))
"""
    assert json.loads(run(program, collector.url.replace("127.0.0.1", "localhost")).stdout) == []


def test_what_was_logged_is_sent_when_the_process_ends(collector: Collector) -> None:
    program = """
import sys
from collectors.client import Client
client = Client(sys.argv[1], batch_interval=60)
for number in range(1200):
    client.log("fraud", "3", {"age": number}, prediction=1, prediction_id=str(number))
"""
    assert run(program, collector.url).stderr == ""
    assert collector.ids() == [str(number) for number in range(1200)]


def test_a_process_ends_in_time_and_says_what_is_left(collector: Collector) -> None:
    program = """
import sys, time
from collectors.client import Client
client = Client(sys.argv[1], exit_timeout=0.2)
for number in range(3):
    client.log("fraud", "3", {"age": number}, prediction=1)
"""
    collector.close()
    ended = run(program, collector.url)
    assert "closed with 3 records unsent" in ended.stderr
    assert "ConnectError" in ended.stderr
    assert "Traceback" not in ended.stderr


FORKING = """
import json, os, sys
from collectors.client import Client

client = Client(sys.argv[1], batch_interval=60)
{before}
read, write = os.pipe()
child = os.fork()
name = "parent" if child else "child"
{after}
flushed = client.flush(20)
stats = client.stats
report = {{"name": name, "flushed": flushed, "sent": stats.sent, "duplicates": stats.duplicates}}
if child:
    os.waitpid(child, 0)
    print(os.read(read, 10_000).decode())
    print(json.dumps(report))
else:
    os.write(write, json.dumps(report).encode())
    {end}
"""
LOG = 'client.log("fraud", "3", {"age": 31}, prediction=1, prediction_id=%s)'


@pytest.mark.parametrize("end", ["os._exit(0)", "sys.exit(0)"])
@pytest.mark.parametrize("running", [True, False], ids=["thread running", "no thread yet"])
def test_after_a_fork_each_process_sends_its_own_once(collector: Collector, running: bool, end: str) -> None:
    before = LOG % '"before"' if running else ""
    program = FORKING.format(before=before, after=LOG % "name", end=end)
    child, parent = [json.loads(line) for line in run(program, collector.url).stdout.splitlines()]
    assert child == {"name": "child", "flushed": True, "sent": 1, "duplicates": 0}
    assert parent == {"name": "parent", "flushed": True, "sent": 1 + running, "duplicates": 0}
    assert sorted(collector.ids()) == sorted(["child", "parent"] + ["before"] * running)
    assert collector.connections == 2


def test_a_fork_while_every_lock_is_busy_leaves_a_client_that_works(collector: Collector) -> None:
    program = """
import os, sys, threading
from collectors.client import Client

client = Client(sys.argv[1], batch_size=5)
over = threading.Event()

def work():
    while not over.is_set():
        client.log("fraud", "3", {"age": 31}, prediction=1)
        client.stats

for _ in range(4):
    threading.Thread(target=work).start()
children = []
for number in range(8):
    child = os.fork()
    if not child:
        client.log("fraud", "3", {"age": 31}, prediction=1, prediction_id=f"child-{number}")
        os._exit(0 if client.flush(20) and client.stats.sent == 1 else 1)
    children.append(child)
over.set()
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""
    assert run(program, collector.url).stdout.strip() == str([0] * 8)
    assert {f"child-{number}" for number in range(8)} <= set(collector.ids())


def test_a_client_closed_before_the_fork_is_closed_after_it(collector: Collector) -> None:
    program = """
import os, sys
from collectors.client import Client

client = Client(sys.argv[1])
client.close()
if child := os.fork():
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
else:
    client.log("fraud", "3", {"age": 31}, prediction=1)
    os._exit(0 if client.stats.dropped == {"closed": 1} else 1)
"""
    assert run(program, collector.url).stdout.strip() == "0"
