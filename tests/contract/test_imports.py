"""Who loads what: commands start quickly, and the inference worker stays small and blind to DICOM."""

import json
import resource
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

HEAVY = [
    "numpy",
    "tensorflow",
    "keras",
    "celery",
    "kombu",
    "pydicom",
    "pynetdicom",
    "ai_edge_litert",
    "sqlalchemy",
    "scipy",
    "highdicom",
]


NODE = "dicom_node.queue, dicom_node.receiver, dicom_node.reconciler, dicom_node.scp, cli.node"


@cache
def modules(imported: str) -> tuple[str, ...]:
    """What a process has loaded that imports this."""
    return tuple(
        loaded(f"import json, sys, {imported}; print(json.dumps({{'modules': sorted(sys.modules)}}))")["modules"]
    )


def loaded(code: str, *arguments: str) -> dict:
    """What the code printed as JSON in a process of its own."""
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_command_line_is_imported_within_a_second_and_without_the_heavy_libraries():
    code = """
import json, sys, time
began = time.process_time()
import cli.main
print(json.dumps({"seconds": time.process_time() - began, "modules": sorted(sys.modules)}))
"""
    first = loaded(code)
    assert [name for name in HEAVY if name in first["modules"]] == []
    assert first["seconds"] < 1 or loaded(code)["seconds"] < 1


def test_help_is_there_at_once():
    for _ in range(2):
        before = _spent_by_children()
        done = subprocess.run(
            [sys.executable, "-m", "cli", "--help"], capture_output=True, text=True, timeout=60, check=False
        )
        seconds = _spent_by_children() - before
        assert done.returncode == 0
        assert "Research use only, not for diagnosis" in done.stdout
        if seconds < 2:  # 0.5 s on an idle machine
            return
    pytest.fail(f"twice above 2 s of processor time, lastly {seconds:.1f}")


def _spent_by_children() -> float:
    """Seconds of processor time, which a busy machine stretches less than the clock's."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A home folder with the shipped model active."""
    path = tmp_path_factory.mktemp("home")
    command = [sys.executable, "-m", "cli", "db", "upgrade", "--home", str(path)]
    subprocess.run(command, capture_output=True, timeout=60, check=True)
    return path


def test_an_inference_worker_ready_for_work_has_loaded_neither_dicom_nor_tensorflow(home):
    code = """
import json, sys
from pathlib import Path
from core.jobs import JobStage, Queue
from core.settings import Settings
from worker import app
import worker.inference
settings = Settings(home=Path(sys.argv[1]))
app.build(settings, [Queue.INFERENCE])
runner = worker.inference.make_runner(settings)
assert list(runner.stages) == [JobStage.CLASSIFY]
peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
print(json.dumps({"mb": int(peak.split()[1]) / 1024, "modules": sorted(sys.modules)}))
"""
    found = loaded(code, str(home))
    forbidden = ["pydicom", "pynetdicom", "dicom_node", "tensorflow", "keras", "scipy", "training"]
    assert [name for name in forbidden if name in found["modules"]] == []
    assert "ai_edge_litert" in found["modules"]
    assert found["mb"] < 150


def test_the_node_loads_neither_tensorflow_nor_litert():
    forbidden = ("tensorflow", "keras", "ai_edge_litert", "worker", "models", "training")
    assert [name for name in forbidden if name in modules(NODE)] == []


@pytest.mark.parametrize(
    "process",
    [
        NODE,
        "viewer.app, viewer.server, cli.viewer",
        "dicom_node.report_picture",
        "worker.inference",
    ],
    ids=["node", "viewer", "picture", "inference"],
)
def test_only_the_edge_worker_loads_what_builds_structured_reports(process):
    assert "highdicom" not in modules(process)


def test_the_edge_worker_loads_no_tensorflow():
    found = modules("worker.edge")
    assert [name for name in ("tensorflow", "keras", "training") if name in found] == []
    assert "highdicom" in found
