"""Redis as the broker: what was in the hand of a killed worker comes back; emptied or restarted, it is found again."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
from harness import free_port, until
from kombu import Connection, Queue
from production import Redis

from core import broker
from core.jobs import Bell
from core.jobs import Queue as JobQueue
from core.settings import Settings
from dicom_node.queue import Bellringer

TAKE = """
import sys, time
from kombu import Connection, Queue
connection = Connection(sys.argv[1])
consumer = connection.Consumer([Queue("edge", routing_key="edge")], callbacks=[lambda *_: print("taken", flush=True)])
consumer.qos(prefetch_count=1)
with consumer:
    connection.drain_events(timeout=20)
    time.sleep(60)
"""


@pytest.fixture
def redis() -> Iterator[Redis]:
    server = Redis.make()
    yield server
    server.remove()


@pytest.fixture
def settings(redis: Redis, tmp_path) -> Settings:
    return Settings(home=tmp_path, broker_url=redis.url)


@pytest.fixture
def ringer(settings: Settings) -> Iterator[Bellringer]:
    made = Bellringer(settings)
    yield made
    made.close()


def waiting(redis: Redis) -> int:
    with redis.client() as client:
        return int(client.llen("edge"))


def ring(ringer: Bellringer) -> None:
    ringer.ring([Bell(uuid4(), JobQueue.EDGE)])


def test_the_transport_options_are_what_the_transport_uses(settings: Settings) -> None:
    options = broker.options(settings)
    wanted = options["broker_transport_options"]
    assert options["task_time_limit"] < wanted["visibility_timeout"], "else a long task would be done twice"
    assert options["task_soft_time_limit"] < options["task_time_limit"]
    with Connection(settings.broker_url, transport_options=wanted) as connection:
        channel = connection.default_channel
        for name, value in wanted.items():
            assert getattr(channel, name) == value, name
        channel.close()


def test_a_bell_in_the_hand_of_a_killed_worker_comes_back(redis: Redis, settings: Settings, ringer: Bellringer) -> None:
    ring(ringer)
    victim = subprocess.Popen([sys.executable, "-c", TAKE, redis.url], stdout=subprocess.PIPE)
    assert victim.stdout is not None
    assert victim.stdout.readline() == b"taken\n"
    victim.kill()
    victim.wait()
    victim.stdout.close()
    assert waiting(redis) == 0, "it is in nobody's hand and not in the queue"

    options = broker.options(settings)["broker_transport_options"] | {"visibility_timeout": 1}
    came: list[object] = []
    with Connection(redis.url, transport_options=options) as connection:
        queue = Queue("edge", routing_key="edge")
        with connection.Consumer([queue], callbacks=[lambda body, message: (came.append(body), message.ack())]):
            deadline = time.monotonic() + 30
            while not came and time.monotonic() < deadline:
                with suppress(TimeoutError):
                    connection.drain_events(timeout=1)
    assert len(came) == 1


def test_the_node_finds_a_restarted_or_emptied_redis_again_by_itself(redis: Redis, ringer: Bellringer) -> None:
    ring(ringer)
    until(lambda: waiting(redis) == 1, 10, "the bell is in the queue")
    redis.stop(signal.SIGKILL)
    ring(ringer)
    redis.start()
    redis.flush()
    ring(ringer)
    until(lambda: _rung(redis, ringer), 20, "a later bell is heard")


def _rung(redis: Redis, ringer: Bellringer) -> bool:
    ring(ringer)  # as the reconciler does, until somebody hears it
    return waiting(redis) > 0


def test_bells_outlive_a_restart_of_redis(redis: Redis, ringer: Bellringer) -> None:
    ring(ringer)
    until(lambda: waiting(redis) == 1, 10, "the bell is in the queue")
    redis.stop()
    redis.start()
    assert waiting(redis) == 1


def test_the_example_of_deploy_starts_and_evicts_nothing(tmp_path) -> None:
    example = Path(__file__).parents[2] / "deploy" / "redis.conf"
    port = free_port()
    command = ["redis-server", str(example), "--port", str(port), "--dir", str(tmp_path)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    server = Redis(tmp_path, port, process)
    try:
        until(server._answers, 20, "Redis answers")
        with server.client() as client:
            assert client.info("memory")["maxmemory_policy"] == "noeviction"
            assert client.info("persistence")["aof_enabled"] == 1
    finally:
        server.stop()
