"""Putting a model in force: by written criteria, not worse than the active one, and on record where it is forced."""

from types import SimpleNamespace

import pytest
import toy_artifact
from typer.testing import CliRunner

from cli import activation, database
from cli.model import model_app
from core.settings import load as load_settings
from core.types import LABELS, AuditAction
from db import model_versions
from db.session import Sessions, make_engine
from db.tables import AuditEvent
from models import acceptance, artifact
from models import card as cards
from models.card import NoveltyLimits, Parity
from models.figures import Baseline, Evaluation, Figures, Proportion


def figures(right, n=240, auc=0.92):
    """Of n patients, a third of each label, of whom ``right`` of each label are told."""
    third = n // 3
    wrong = third - right
    confusion = ((right, wrong, 0), (wrong, right, 0), (0, wrong, right))
    recall = {label: Proportion.of(right, third) for label in LABELS}
    balanced = round(right / third, 4)
    return Figures(
        accuracy=Proportion.of(3 * right, n),
        recall=recall,
        balanced_accuracy=balanced,
        confusion=confusion,
        auc_abnormal=auc,
    )


def evaluation(right=60, *, auc=0.92, tpd=0.88, truth="a" * 64, n=240):
    rule = Baseline(name="stress TPD > 5 %", figures=figures(right, n, tpd))
    always = Baseline(name="always normal", figures=figures(right, n, None))
    return Evaluation(
        data="held out",
        source="simulated",
        truth_sha256=truth,
        patients=n,
        study=figures(right, n, auc),
        views={},
        needs_review=Proportion.of(0, n),
        accuracy_of_accepted=Proportion.of(0, 0),
        baselines=(always, rule),
    )


def limits(refused=1):
    three = (1.0, 1.0, 1.0)
    views = dict.fromkeys(("qps", "stress_qgs", "rest_qgs"), three)
    return NoveltyLimits(
        quantile=0.99,
        validation_patients=100,
        study=1.0,
        views=views,
        refused_held_out=Proportion.of(refused, 200),
        held_out="200 simulated patients",
    )


def model(folder, name, **changes):
    values = {
        "name": name,
        "evaluations": (evaluation(),),
        "novelty": limits(),
        "parity": Parity(crops=600, max_abs_difference=1e-5, flips=0),
    }
    return toy_artifact.write(folder / name, network=name.encode(), **values | changes)


@pytest.fixture
def home(tmp_path):
    """An installation whose active model meets the criteria."""
    first = model(tmp_path, "first")
    settings = load_settings(None, home=tmp_path / "home", model=first)
    settings.home.mkdir()
    database.prepare(settings)
    return settings


def run(home, *arguments):
    result = CliRunner(env={"COLUMNS": "100"}).invoke(
        model_app, ["activate", *map(str, arguments), "--home", str(home.home)]
    )
    return result.exit_code, result.stderr.strip(), result.stdout


def active(home):
    engine = make_engine(home.database)
    with Sessions(engine).read() as session:
        row = model_versions.active(session)
        found = row.name, row.activations
    engine.dispose()
    return found


def events(home):
    engine = make_engine(home.database)
    with Sessions(engine).read() as session:
        found = session.query(AuditEvent).filter(AuditEvent.action == AuditAction.ACTIVATE).all()
    engine.dispose()
    return found


def test_a_new_database_begins_with_a_model_and_says_that_nothing_was_compared(home):
    name, activations = active(home)
    assert name == "first"
    assert [a["reason"] for a in activations] == [model_versions.FIRST.reason]


def test_a_model_that_meets_the_criteria_and_is_not_worse_is_put_in_force(home, tmp_path):
    code, _, said = run(home, model(tmp_path, "better", evaluations=(evaluation(65),)))
    assert code == 0
    assert "better 1" in said
    name, (on_record,) = active(home)
    assert name == "better"
    assert on_record["missed"] == []
    assert on_record["actor"].startswith("os:")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {"evaluations": (evaluation(50),)},
            "balanced accuracy against the active model is 0.625, wanted at least 0.75",
        ),
        ({"evaluations": (evaluation(60, auc=0.9),)}, "AUC against the active model is 0.9, wanted at least 0.91"),
        ({"evaluations": (evaluation(60, tpd=0.95),)}, "AUC is 0.92, wanted at least 0.95"),
        ({"evaluations": (evaluation(20),)}, "balanced accuracy is 0.25, wanted at least 0.6 and 2 more"),
        ({"evaluations": (evaluation(30, n=120),)}, "patients of the reference set is 120, wanted at least 200"),
        ({"evaluations": ()}, "patients of the reference set is unknown"),
        ({"evaluations": (evaluation(truth="b" * 64),)}, "the active model's figures on the same patients"),
        ({"novelty": None}, "held-out MPI studies tried for refusals is unknown"),
        ({"novelty": limits(refused=5)}, "share of them refused is 0.025, wanted at most 0.01"),
        ({"parity": Parity(crops=600, max_abs_difference=2e-4, flips=0)}, "difference between them is 0.0002"),
        ({"parity": Parity(crops=600, max_abs_difference=1e-5, flips=1)}, "other answers among them is 1"),
    ],
)
def test_a_model_that_misses_a_criterion_is_refused_in_one_sentence(home, tmp_path, changes, named):
    code, sentence, _ = run(home, model(tmp_path, "lesser", **changes))
    assert code == 2
    assert named in sentence
    assert sentence.count("\n") == 0
    assert sentence.startswith("lesser is not activated: ")
    assert active(home)[0] == "first"


def test_force_needs_a_reason_and_is_on_record(home, tmp_path):
    lesser = model(tmp_path, "lesser", novelty=None)
    code, sentence, _ = run(home, lesser, "--force")
    assert (code, sentence) == (2, "--force needs --reason TEXT: it is kept with the activation.")
    assert run(home, lesser, "--reason", "because")[0] == 2
    code, _, _ = run(home, lesser, "--force", "--reason", "a demonstration")
    assert code == 0
    name, (on_record,) = active(home)
    assert name == "lesser"
    assert on_record["reason"] == "a demonstration"
    assert len(on_record["missed"]) == 2
    (event,) = events(home)
    assert event.detail.startswith("lesser 1 ")
    assert event.detail.endswith("forced missed=2")


def test_both_models_are_scored_on_the_reference_that_is_named(home, tmp_path, monkeypatch):
    scored = {"first": evaluation(60, truth="c" * 64), "better": evaluation(70, truth="c" * 64)}
    everybody = SimpleNamespace(unseen=lambda: SimpleNamespace(patients=("TEST-1",)))
    monkeypatch.setattr("training.datasets.read", lambda folder, progress: everybody)
    monkeypatch.setattr(activation, "_figures", lambda found, _patients, _name: scored[found.card.name])
    better = model(tmp_path, "better", evaluations=())
    assert run(home, better, "--reference", tmp_path)[0] == 0
    code, sentence, _ = run(home, tmp_path / "first", "--reference", tmp_path)
    assert code == 2
    assert "balanced accuracy against the active model is 0.75, wanted at least 0.875" in sentence


def test_the_written_criteria_can_be_read():
    wanted = acceptance.written()
    assert wanted.novelty.refused_on_mpi == 0.01
    assert wanted.parity.max_abs_difference == 1e-4


def test_a_set_without_a_known_deficit_is_not_asked_for_it():
    bare = evaluation().model_copy(update={"baselines": ()})
    names = [criterion.name for criterion in acceptance.judge(_card(), bare, acceptance.written())]
    assert "AUC" not in names


def _card():
    return cards.read(artifact.shipped() / artifact.CARD)
