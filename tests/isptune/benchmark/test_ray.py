"""The engine 'ray' on a cluster of several nodes on this machine, of which one is killed."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from isptune.benchmark.engines import Event, make_engine
from isptune.benchmark.grid import BenchConfig, parse_bench_config
from isptune.benchmark.run_grid import run_benchmark
from isptune.errors import ConfigurationError

# Imported by the process that runs these tests alone.
pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "object_store_memory": 100_000_000})
    yield made
    made.shutdown()


# On a cluster the nodes find out what an option cannot be; here it is refused before anything runs.
BAD = {"name": "clipping", "options": {"margin": 9}, "label": "bad"}


def small(*more: dict[str, Any]) -> BenchConfig:
    return parse_bench_config(
        {
            "objectives": ["psnr", *more],
            "scenes": ["chart:192x128"],
            "seeds": 3,
            "budget": 800,
            "population": 20,
        }
    )


def test_a_cluster_that_loses_a_node_gives_the_same_logs(
    cluster: Any, tmp_path: Path, logs: Callable[[Path], dict[str, Any]]
) -> None:
    node = cluster.add_node(num_cpus=1, object_store_memory=100_000_000)
    cluster.wait_for_nodes()
    running: set[str] = set()
    lost: list[Event] = []
    killed = False

    def listener(event: Event) -> None:
        nonlocal killed
        if event.outcome is not None:
            running.discard(event.cell.path)
        elif event.lost:
            lost.append(event)
        else:
            running.add(event.cell.path)
        # Two cells run at once only where both nodes work.
        if len(running) == 2 and not killed:
            killed = True
            cluster.remove_node(node, allow_graceful=False)

    engine = make_engine("ray", 1, None, address=cluster.address)
    benchmark = run_benchmark(small(BAD), tmp_path / "ray", engine, listener)
    assert killed
    assert lost
    assert [run.status for run in benchmark.runs] == ["done"] * 3 + ["failed"] * 3
    assert benchmark.runs[3].error is not None
    assert benchmark.runs[3].error.startswith("the option margin of the objective 'clipping' is 9; allowed: ")
    plain = run_benchmark(small(), tmp_path / "plain", make_engine("in-process", 1))
    assert logs(tmp_path / "ray") == logs(tmp_path / "plain")
    assert [run.l1 for run in benchmark.runs[:3]] == [run.l1 for run in plain.runs]


def test_a_cluster_that_is_not_there_is_one_sentence() -> None:
    engine = make_engine("ray", 1, None, address="127.0.0.1:1")
    with pytest.raises(ConfigurationError, match=r"^there is no Ray cluster at '127\.0\.0\.1:1': "):
        engine.run([], print)
