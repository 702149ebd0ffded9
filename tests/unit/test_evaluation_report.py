"""The report: page and JSON agree, nothing comes from elsewhere, and nothing is said of fewer than five."""

import html
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest

from core.types import LABELS
from models.card import TpdRule
from training.evaluation import ablation, baselines, bootstrap, page, report
from training.evaluation.answers import Answers, Cohort
from training.evaluation.page import interval, share
from training.evaluation.subgroups import groups

N = 60


def cohort(*, source="simulated", n=N):
    rng = np.random.default_rng(7)
    labels = np.arange(n) % 3
    tpd = np.stack([labels * 6 + rng.normal(4, 3, n), (labels == 2) * 9 + rng.normal(2, 2, n)], axis=1)
    facts = [
        {"sex": "F" if i % 3 else "M", "age_years": float(50 + i % 40), "tpd_stress": float(t), "territory": ""}
        for i, t in enumerate(tpd[:, 0])
    ]
    facts[0]["territory"] = facts[1]["territory"] = "LAD"
    for row in facts[2:]:
        row["territory"] = "RCA"
    return Cohort(
        name="noise <b>",
        patients=tuple(f"SECRET-{i}" for i in range(n)),
        labels=labels,
        source=source,
        digest="ab" * 32,
        tpd=tpd,
        facts=tuple(facts),
        pixels=rng.integers(0, 255, (n, 3, 32, 32, 3), dtype=np.uint8),
        layouts={"qps-qgs-1280": 1},
        left_out={"SECRET-99": "incomplete: without qps"},
    )


def told(labels):
    rng = np.random.default_rng(8)
    logits = 1.2 * np.eye(3)[labels][:, None] + rng.normal(0, 1, (len(labels), 3, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return Answers.once("told", p.mean(axis=1), views=p)


def made(people):
    beside = baselines.contenders(
        people, rule=TpdRule(abnormal_above=6, infarction_above=6), folds=baselines.some_folds(people.labels, seed=1)
    )
    about = report.About(
        kind="model", model={"name": "told", "version": "1", "sha256": "cd" * 32}, command="told", review_below=0.5
    )
    return report.report(
        people, told(people.labels), beside, about=about, drawn=bootstrap.draws(people.labels, count=99)
    )


@pytest.fixture(scope="module")
def both():
    people = cohort()
    found = made(people)
    return found, page.html(found, people), json.loads(found.model_dump_json())


def text_of(markup):
    return html.unescape(re.sub(r"<[^>]+>", " ", markup))


def test_page_and_json_hold_the_same_numbers(both):
    found, markup, document = both
    text = " ".join(text_of(markup).split())
    assert document["summary"] in text
    wanted = [interval(found.study.scores.balanced_accuracy), interval(found.study.scores.auc)]
    wanted += [share(row.recall) for row in found.study.labels] + [share(row.precision) for row in found.study.labels]
    wanted += [interval(level.scores.auc) for level in found.views.values()]
    wanted += [share(found.review.accepted), share(found.review.wrong_among_accepted)]
    wanted += [interval(other.scores.balanced_accuracy) for other in found.baselines if other.scores]
    wanted += [share(group.accuracy) for group in found.subgroups]
    assert [figure for figure in wanted if figure not in text] == []
    assert document["study"]["scores"]["auc"]["value"] == found.study.scores.auc.value
    assert f"{document['study']['scores']['auc']['value']:.3f}" in text
    for i, row in enumerate(document["study"]["confusion"]):
        assert f"{row[i]}</text>" in markup


def test_the_page_needs_nothing_from_elsewhere(both):
    _, markup, _ = both
    links = re.findall(r'(?:href|src)="([^"]*)"', markup)
    assert [link for link in links if not link.startswith(("#", "data:image/png;base64,"))] == []
    assert "<script" not in markup
    assert not re.search(r"url\((?!#)", markup)
    ids = re.findall(r'\bid="([^"]*)"', markup)
    assert len(ids) == len(set(ids))
    for drawn in re.findall(r"<svg.*?</svg>", markup, flags=re.DOTALL):
        ET.fromstring(drawn)
        assert "#0000" not in drawn


def test_simulated_stands_beside_every_section_of_figures(both):
    _, markup, _ = both
    sections = re.findall(r"<h2>(.*?)</h2>(.*?)</section>", markup, flags=re.DOTALL)
    bare = [text_of(h) for h, body in sections if re.search(r"\d\.\d", text_of(body)) and "SIMULATED" not in h + body]
    assert bare == ["Lineage"]
    assert "60 simulated patients" in markup
    assert markup.count('class="tile"') == len(re.findall(r'<p><span class="source simulated">', markup))


def test_clinical_patients_are_rows_without_names():
    people = cohort(source="clinical")
    found = made(people)
    markup = page.html(found, people)
    assert "SECRET" not in markup + found.model_dump_json()
    assert found.worst
    assert f"Patient {found.worst[0].row}<" in markup


def test_names_are_text_and_never_markup(both):
    assert "noise <b>" not in both[1]
    assert "noise &lt;b&gt;" in both[1]


def test_no_figure_is_given_of_fewer_than_five():
    people = cohort()
    found = {(g.fact, g.value): g for g in groups(people, told(people.labels))}
    assert found["territory (simulated)", "LAD"].n == 2
    assert found["territory (simulated)", "LAD"].accuracy is None
    sexes = [g for g in found.values() if g.fact == "sex"]
    assert sum(g.n for g in sexes) == N
    women = np.array([row["sex"] == "F" for row in people.facts])
    right = told(people.labels).labels[0] == people.labels
    assert found["sex", "F"].accuracy.hits == right[women].sum()
    assert found["sex", "M"].sensitivity is None or found["sex", "M"].sensitivity.n >= 5


def test_baselines_that_cannot_be_are_said_to_be_missing(both):
    rows = {other.name: other for other in both[0].baselines}
    assert rows["text only"].missing == "no whole screens of one layout were read"
    assert rows["always normal"].scores.balanced_accuracy.value == pytest.approx(1 / 3, abs=1e-4)
    assert rows["printed numbers"].scores.balanced_accuracy.value > 0.4
    assert "not available: no whole screens" in both[1]


def test_fitted_baselines_never_answer_for_who_they_learned_from():
    labels = np.arange(40) % 2
    own = np.eye(40)  # a column each: whoever trained would be known by heart
    folds = baselines.some_folds(labels, seed=3)[0]
    assert sorted(i for _, tested in folds for i in tested) == list(range(40))
    assert all(not set(fit_on) & set(tested) for fit_on, tested in folds)
    given = ablation.out_of_fold(own, labels, folds).argmax(axis=1)
    assert (given == labels).mean() < 0.8


def test_a_rule_without_a_model_is_fitted_outside_its_folds():
    people = replace(cohort(), pixels=None)
    found = baselines.contenders(people, rule=None, folds=baselines.some_folds(people.labels, seed=1))[1]
    assert found.answers.labels.shape == (1, N)
    assert (found.answers.labels[0] == people.labels).mean() > 0.5
    alone = replace(cohort(n=3), pixels=None)
    assert baselines.contenders(alone, rule=None, folds=baselines.some_folds(alone.labels, seed=1))[1].missing


def test_worst_are_wrong_and_the_least_believed_first(both):
    given = [wrong.given_to_truth for wrong in both[0].worst]
    assert given == sorted(given)
    assert all(wrong.truth != wrong.answer and wrong.truth in LABELS for wrong in both[0].worst)
