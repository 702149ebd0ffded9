"""How ``perfuscope evaluate`` puts a whole report together."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from cli.sentences import counted
from core.errors import PerfuscopeError

if TYPE_CHECKING:
    from models.artifact import Artifact
    from training.datasets import Dataset
    from training.evaluation.answers import Answers, Cohort
    from training.evaluation.baselines import Contender
    from training.evaluation.report import About
    from training.evaluation.result import Report
    from training.recipe import Recipe

_EXTRA = 'pip install "perfuscope[training]"'


def has_extra() -> bool:
    """Whether what draws and tests is installed."""
    return all(find_spec(name) for name in ("sklearn", "matplotlib", "statsmodels"))


def check_page(page: Path | None) -> None:
    """PerfuscopeError if a report is wanted that could not be written."""
    if page is None:
        return
    if not has_extra():
        raise PerfuscopeError(f"The report needs scikit-learn, statsmodels and matplotlib: {_EXTRA}.")
    if page.is_dir() or not page.resolve().parent.is_dir():
        raise PerfuscopeError(f"--html must name a file in a folder that exists, not {page}.")


def everything(
    found: "Artifact",
    patients: "Dataset",
    answers: "Answers",
    *,
    home: Path,
    page: Path | None,
    screen: Console,
    command: str,
) -> "Report":
    """The report of a finished model; written as a page where one is wanted."""
    from training.evaluation import baselines, bootstrap, lettering, report
    from training.evaluation.answers import Cohort

    cohort = Cohort.of(patients, name=home.resolve().name)
    prints = None
    if page is not None:  # reading whole screens again is worth it for the page alone
        with counted(screen, "reading what is printed") as progress:
            prints = lettering.of_studies(home, cohort.patients, progress=progress)
    beside = baselines.contenders(
        cohort,
        rule=found.card.tpd_rule,
        folds=baselines.some_folds(cohort.labels, seed=bootstrap.SEED),
        prints=prints,
    )
    identity = found.identity
    about = report.About(
        kind="model",
        model={"name": identity.name, "version": identity.version, "sha256": identity.sha256},
        command=command,
        review_below=found.card.review_below,
    )
    return _finished(cohort, answers, beside, about=about, page=page, screen=screen)


def recipe_by_folds(
    name: str, data: Path, *, cv: str, run: Path | None, page: Path | None, screen: Console, command: str
) -> "Report":
    """The report of a recipe by cross-validation; written as a page where one is wanted."""
    from training import datasets
    from training import recipe as recipes
    from training.evaluation import baselines, cross_validation, folds, lettering, report, trainers
    from training.evaluation.answers import Cohort

    if find_spec("tensorflow") is None or not has_extra():
        raise PerfuscopeError(f"Cross-validation trains, and training needs TensorFlow and scikit-learn: {_EXTRA}.")
    recipe = recipes.read(recipes.find(name))
    plan = cross_validation.Plan.of(cv, seed=recipe.seed)
    with counted(screen, "reading") as progress:
        patients = datasets.read(data, progress=progress).original()
    where = run or data.resolve().parent / f"{data.resolve().name}-cv-{recipe.name}-{cv}"
    with counted(screen, f"training {plan.repeats * plan.folds} networks") as progress:
        pooled = cross_validation.cross_validation(
            patients,
            trainers.trainer_of(recipe, run=where),
            plan,
            run=where,
            identity={"recipe": recipe.model_dump(mode="json")},
            progress=progress,
        )
    cohort = Cohort.of(patients, name=data.resolve().name)
    answers = folds.answers(recipe.name, pooled, cohort.labels)
    prints = lettering.of_studies(data, cohort.patients) if page is not None else None
    beside = baselines.contenders(cohort, rule=None, folds=pooled.folds(), prints=prints)
    about = report.About(
        kind="cross-validation",
        model=_recipe_identity(recipe, cv),
        command=command,
        review_below=None,
        folds=folds.each_fold(pooled, cohort.labels, answers),
        temperature=folds.temperature(pooled, cohort.labels, answers),
    )
    return _finished(cohort, answers, beside, about=about, page=page, screen=screen)


def _recipe_identity(recipe: "Recipe", cv: str) -> dict[str, str]:
    return {"name": f"Recipe {recipe.name}", "version": recipe.version, "validation": f"{cv}, seed {recipe.seed}"}


def _finished(
    cohort: "Cohort",
    answers: "Answers",
    beside: "Sequence[Contender]",
    *,
    about: "About",
    page: Path | None,
    screen: Console,
) -> "Report":
    from training.evaluation import bootstrap, report
    from training.evaluation import page as pages

    with screen.status("computing intervals"):
        found = report.report(cohort, answers, beside, about=about, drawn=bootstrap.draws(cohort.labels))
        if page is not None:
            pages.write(found, cohort, page)
    return found
