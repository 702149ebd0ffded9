"""Whatever could name a patient is Phi: columns of the identified tables, fields and parameters in the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import String

from db import access_tables, day_tables, order_tables  # noqa: F401 - their tables belong to the metadata
from db.column_types import PhiText
from db.tables import PHI, Base

ROOT = Path(__file__).parents[2]
PACKAGES = ("cli", "core", "db", "dicom_node", "viewer", "worker")
"""Not ``training``: it invents its patients. Not ``models``: it knows none."""

NO_IDENTIFIERS = {
    "studies.sender_ae": "the sending machine's name",
    "studies.identities_accepted": "a digest",
    "instances.sop_class_uid": "the standard's, one of a list",
    "instances.transfer_syntax_uid": "the standard's, one of a list",
    "instances.path": "our own id and the day of receipt",
    "instances.sha256": "a digest",
    "instances.sender_ae": "the sending machine's name",
    "instances.state": "a word of ours",
    "instances.reason": "a word of ours",
    "instances.view": "a word of ours",
    "instances.decision": "a word of ours",
    "search_keys.kind": "a word of ours",
    "reports.kind": "a word of ours",
    "reports.path": "our own id and the day it was made",
    "reports.sha256": "a digest",
    "commitments.destination": "a peer's name, out of the settings",
    "commitment_items.sop_class_uid": "the standard's, one of a list",
    "commitment_items.state": "a word of ours",
    "reviews.reader": "who is on the staff; never a patient",
    "reviews.label": "a word of ours",
    "reviews.model_label": "a word of ours",
    "reviews.confidence": "a word of ours",
    "audit_events.actor": "a process, a machine, an operator or a user; never a patient",
    "audit_events.action": "a word of ours",
    "audit_events.detail": "codes and counts",
    "orders.kind": "a word of ours",
    "orders.actor": "who is on the staff; never a patient",
    "orders.state": "a word of ours",
    "users.name": "a user's login; staff, never a patient",
    "users.role": "a word of ours",
    "users.password": "a hash",
    "web_sessions.token_sha256": "a digest",
    "api_tokens.label": "what an administrator called a program",
    "api_tokens.token_sha256": "a digest",
    "api_tokens.scopes": "words of ours",
    "login_attempts.name_key": "a user's key, or a digest",
    "login_attempts.address": "a machine's address",
}
"""The columns of identified tables whose text names no patient, and why."""

NAMES = re.compile(
    r"patient_\w+|(study|series|sop_instance|series_instance|study_instance|sop)_(instance_)?uids?"
    r"|(\w+_)?birth_date|accession_number|study_(date|time|description)|series_description|acquired_at"
)
"""What identified things are called."""

TEXT_ALL_THE_SAME = {
    ("dicom_node/prepare.py", "acquired_at"): "withheld by its class; wrapped before it is stored",
    ("dicom_node/deidentify/pseudonyms.py", "patient_id"): "out of the header it takes away; withheld by its class",
    ("cli/demo.py", "study_instance_uid"): "of a patient that the demo invents",
    ("viewer/api/asked.py", "patient_id"): "out of a request's body; withheld by its class, wrapped before it is used",
    ("viewer/api/asked.py", "accession_number"): "out of a request's body; withheld by its class, wrapped likewise",
    **{
        ("viewer/api/told.py", name): "the shape of a document; nothing is ever held in it"
        for name in ("patient_id", "accession_number", "study_instance_uid", "sop_instance_uid")
    },
}
"""Where such a name stands for text all the same, and why."""


def identified() -> Iterator[tuple[str, object]]:
    for table in Base.metadata.tables.values():
        if table.schema == PHI:
            yield from ((f"{table.name}.{column.name}", column.type) for column in table.columns)


def test_text_in_the_identified_tables_is_phi_or_known_to_name_nobody():
    texts = {name for name, kind in identified() if isinstance(kind, String)}
    assert texts - NO_IDENTIFIERS.keys() == set()
    assert NO_IDENTIFIERS.keys() - texts == set()
    assert len([name for name, kind in identified() if isinstance(kind, PhiText)]) == 20


def test_no_other_table_has_room_for_it():
    columns = [c for table in Base.metadata.tables.values() if table.schema != PHI for c in table.columns]
    assert [c.name for c in columns if isinstance(c.type, PhiText) or NAMES.fullmatch(c.name)] == []


def declared(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Names with their annotations: fields, variables and parameters."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name | ast.Attribute):
            yield getattr(node.target, "id", None) or node.target.attr, ast.unparse(node.annotation)
        elif isinstance(node, ast.arg) and node.annotation is not None:
            yield node.arg, ast.unparse(node.annotation)
        elif isinstance(node, ast.FunctionDef) and node.returns is not None:
            yield node.name, ast.unparse(node.returns)


def test_fields_and_parameters_that_are_called_like_identifiers_are_phi():
    bare, withheld = set(), 0
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "migrations" in path.parts:
                continue
            for name, kind in declared(ast.parse(path.read_text())):
                if not NAMES.fullmatch(name):
                    continue
                withheld += "Phi" in kind
                if "Phi" not in kind and re.search(r"\bstr\b", kind):
                    bare.add((path.relative_to(ROOT).as_posix(), name))
    assert bare - TEXT_ALL_THE_SAME.keys() == set()
    assert TEXT_ALL_THE_SAME.keys() - bare == set()
    assert withheld > 40
