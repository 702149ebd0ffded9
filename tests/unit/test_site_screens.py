"""What a site sets for its own screens: layout files, rules for one sender; and views that repeat each other."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner
from ward import CHECKING, POLICY, Ward

from cli.main import app
from core.settings import Settings
from core.settings import ViewRule as RuleSetting
from core.types import InstanceState, Outcome, Reason, View
from db.tables import Instance
from dicom_node import layouts, rules
from dicom_node.layouts import LayoutError
from training.phantom.cohort import simulate
from training.phantom.dicom import write_study
from worker import edge
from worker.pipeline.preparing import Preparing

STRIPS = Path(layouts.__file__).with_name("strips_1024.toml").read_text(encoding="utf-8")


@pytest.fixture
def own_layout(tmp_path: Path) -> Path:
    path = tmp_path / "own.toml"
    path.write_text(STRIPS.replace('name = "strips-1024"', 'name = "own"\nrank = 1'), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_study(simulate(8, 0, layout="strips-1024"), tmp_path_factory.mktemp("study"))


def test_a_good_layout_file_is_taken(own_layout: Path) -> None:
    edge.check(Settings(layouts=(own_layout,)))
    shipped = [layout.name for layout in layouts.shipped()]
    assert [layout.name for layout in layouts.load_all([own_layout])] == [*shipped, "own"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "own.toml: the file cannot be read"),
        ("name = 3", "own.toml: name in the file must be a text"),
        (STRIPS, "two layouts are called strips-1024"),
        (STRIPS.replace("[palette]", "[paint]"), "own.toml: palette is missing in the file"),
        (STRIPS.replace("[192, 255, 128, 0]", "[192, 255, 128]"), "anchors in palette must be a list of 4"),
        (STRIPS.replace('name = "strips-1024"', 'name = "own"'), "give one a higher rank"),
    ],
)
def test_a_wrong_layout_file_stops_the_worker_with_one_sentence(
    own_layout: Path, content: str | None, sentence: str
) -> None:
    own_layout.unlink()
    if content is not None:
        own_layout.write_text(content, encoding="utf-8")
    with pytest.raises(LayoutError) as caught:
        edge.check(Settings(layouts=(own_layout,)))
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_predict_uses_the_sites_layouts_and_says_which_file_is_wrong(
    own_layout: Path, study: list[Path], tmp_path: Path
) -> None:
    config = tmp_path / "site.toml"
    config.write_text(f"layouts = [{json.dumps(str(own_layout))}]\n", encoding="utf-8")
    asked = [
        "predict",
        *map(str, study[:3]),
        "--format",
        "json",
        "--config",
        str(config),
        "--home",
        str(tmp_path / "h"),
    ]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert [item["kind"] for item in json.loads(done.stdout)] == ["view", "view", "view", "study"]
    assert not (tmp_path / "h").exists()
    own_layout.write_text("name = 3", encoding="utf-8")
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 2
    assert "own.toml: name in the file must be a text" in done.output


@pytest.mark.parametrize(
    ("sender", "state"), [("TESTPACS", InstanceState.PREPARED), ("OTHERPACS", InstanceState.QUARANTINED)]
)
def test_a_rule_for_one_sender_names_that_senders_screens_only(
    ward: Ward, study: list[Path], sender: str, state: InstanceState
) -> None:
    own = RuleSetting(view=View.QPS, keywords={"SeriesDescription": "results"}, senders=(sender,))
    inbox: Any = SimpleNamespace(path=lambda _: study[0])
    ruled = rules.in_force(Settings(view_rules=(own,)))
    preparing = Preparing(ward.sessions, inbox, layouts.shipped(), ruled, POLICY, CHECKING)
    instance_id = ward.arrive("1.1.0")
    assert instance_id is not None
    claimed: Any = SimpleNamespace(subject=instance_id)
    ward._end(instance_id, preparing.work(claimed))
    with ward.sessions.read() as session:
        assert session.get_one(Instance, instance_id).state is state


def test_two_views_with_the_very_same_maps_get_no_result(ward: Ward) -> None:
    prepared: Callable[..., None] = ward.prepared
    for number, (view, crop) in enumerate(zip(View, ["qps", "the same", "the same"], strict=True)):
        prepared(ward.arrive(f"1.1.{number}"), view, crop)
    ward.clock.turn(31)
    ward.tick()
    case = ward.live()
    assert (case.outcome, case.reason) == (Outcome.NO_RESULT, Reason.IMPLAUSIBLE)
    assert case.detail == "two views show the same maps"
