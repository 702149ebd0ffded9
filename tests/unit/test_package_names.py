"""What is shipped: every package and every data file, under names that nobody else claims; never to an index."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LISTED = PROJECT["tool"]["setuptools"]["packages"]
TOP = sorted({name.partition(".")[0] for name in LISTED})


def shipped_files() -> set[str]:
    """Every file below a top-level package folder that is no by-product."""
    files = (path for name in TOP for path in (ROOT / name).rglob("*") if path.is_file())
    return {str(path.relative_to(ROOT)) for path in files if path.suffix != ".pyc"}


def test_no_other_distribution_claims_one_of_our_names():
    claimed = packages_distributions()
    assert {name: set(claimed.get(name, [])) - {"perfuscope"} for name in TOP} == {name: set() for name in TOP}


def test_every_package_folder_is_listed():
    folders = {str(path.parent.relative_to(ROOT)) for name in TOP for path in (ROOT / name).rglob("__init__.py")}
    assert sorted(LISTED) == sorted(folder.replace("/", ".") for folder in folders)


def test_every_folder_of_ours_with_code_in_it_is_a_package():
    code = {path.parent for name in TOP for path in (ROOT / name).rglob("*.py")}
    assert [str(folder) for folder in code if not (folder / "__init__.py").exists()] == []


def test_every_part_of_the_project_at_the_top_is_listed():
    assert sorted(path.parent.name for path in ROOT.glob("*/__init__.py")) == TOP


def test_neither_tests_nor_deployment_are_packaged_and_no_index_takes_it():
    assert not {"tests", "deploy", "docs"} & set(TOP)
    assert "Private :: Do Not Upload" in PROJECT["project"]["classifiers"]


def test_the_type_checker_and_the_layers_know_every_package():
    assert sorted(PROJECT["tool"]["mypy"]["packages"]) == TOP
    assert sorted(PROJECT["tool"]["importlinter"]["root_packages"]) == TOP


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """Built from a copy, so that the tree stays clean."""
    pytest.importorskip("setuptools")
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in TOP:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", PROJECT["project"]["readme"], *PROJECT["project"]["license-files"]):
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-q", "-w"]
    done = subprocess.run(
        [*command, str(target), str(source)], capture_output=True, text=True, timeout=150, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    (built,) = target.glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_holds_every_file_of_every_package_and_nothing_else(wheel):
    inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == shipped_files()


@pytest.mark.parametrize(
    "pattern",
    [
        "dicom_node/fonts/*.ttf",
        "dicom_node/layouts/*.toml",
        "training/recipes/*.toml",
        "models/artifacts/*/model.tflite",
        "models/artifacts/*/card.json",
        "db/migrations/script.py.mako",
        "db/migrations/versions/0001_*.py",
        "worker/pipeline/preparing.py",
    ],
)
def test_the_wheel_holds_what_the_program_reads_at_run_time(wheel, pattern):
    assert [name for name in wheel.namelist() if Path(name).match(pattern)]


def test_the_wheel_brings_the_command_the_licence_and_the_classifier(wheel):
    text = {name.rpartition("/")[2]: wheel.read(name).decode() for name in wheel.namelist() if ".dist-info/" in name}
    assert "perfuscope = cli.main:main" in text["entry_points.txt"]
    assert "Classifier: Private :: Do Not Upload" in text["METADATA"]
    assert "LICENSE" in text
