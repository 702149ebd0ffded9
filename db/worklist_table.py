"""A list of studies as a table: the columns of every CSV file, and their cells, identified values withheld."""

from core.types import LABELS
from db.worklist_rows import Row

COLUMNS = (
    "study_id",
    "study_instance_uid",
    "patient_id",
    "accession_number",
    "state",
    "revision",
    "label",
    "status",
    *(f"p_{label.value}" for label in LABELS),
    "model",
    "model_version",
    "received_at",
    "completed_at",
    "reason",
    "sender",
    "novelty",
    "in_quarantine",
    "reports",
    "readers",
    "readers_standing",
    "readers_label",
)


def cells(row: Row) -> tuple[object, ...]:
    """A study's cells, in the order of ``COLUMNS``; what it does not have is None."""
    return (
        row.study_id,
        row.study_instance_uid,
        row.patient_id,
        row.accession_number,
        row.state,
        row.revision,
        row.label,
        row.status,
        *(row.probabilities[label] if row.probabilities else None for label in LABELS),
        row.model.name if row.model else None,
        row.model.version if row.model else None,
        row.received_at,
        row.completed_at,
        row.why,
        row.sender_ae,
        row.novelty,
        row.in_quarantine,
        " ".join(row.deliveries),
        row.readers.number if row.readers else None,
        row.readers.standing if row.readers else None,
        row.readers.label if row.readers else None,
    )
