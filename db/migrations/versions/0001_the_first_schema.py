"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("queue", sa.String(length=40), nullable=False),
        sa.Column("subject", sa.Uuid(), nullable=False),
        sa.Column("destination", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("rings", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ring_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_token", sa.Uuid(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint("subject", "stage", "destination", name=op.f("uq_jobs_subject_stage_destination")),
    )
    op.create_index(op.f("ix_jobs_state_ring_at"), "jobs", ["state", "ring_at"], schema=None)

    op.create_table(
        "model_versions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("card", sa.JSON(), nullable=False),
        sa.Column("artifact", sa.LargeBinary(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_versions")),
        sa.UniqueConstraint("sha256", name=op.f("uq_model_versions_sha256")),
    )
    op.create_table(
        "studies",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("study_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("patient_id", sa.String(length=255), nullable=False),
        sa.Column("patient_name", sa.String(length=1024), nullable=False),
        sa.Column("patient_birth_date", sa.String(length=32), nullable=False),
        sa.Column("accession_number", sa.String(length=255), nullable=False),
        sa.Column("study_date", sa.String(length=32), nullable=False),
        sa.Column("sender_ae", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("open_associations", sa.Integer(), nullable=False),
        sa.Column("identity_revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_studies")),
        sa.UniqueConstraint("study_instance_uid", name=op.f("uq_studies_study_instance_uid")),
        schema="phi",
    )
    op.create_index(op.f("ix_studies_received_at"), "studies", ["received_at"], schema="phi")
    op.create_index(op.f("ix_studies_waiting_since"), "studies", ["waiting_since"], schema="phi")

    op.create_table(
        "view_images",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("instance_id", sa.Uuid(), nullable=False),
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("view", sa.String(length=40), nullable=False),
        sa.Column("layout", sa.String(length=64), nullable=False),
        sa.Column("layout_version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("png", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_view_images")),
        sa.UniqueConstraint("instance_id", name=op.f("uq_view_images_instance_id")),
    )
    op.create_index(op.f("ix_view_images_study_id"), "view_images", ["study_id"], schema=None)

    op.create_table(
        "cases",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("inputs", sa.JSON(), nullable=False),
        sa.Column("model_version_id", sa.Uuid(), nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("detail", sa.String(length=255), nullable=False),
        sa.Column("label", sa.String(length=40), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["model_version_id"], ["model_versions.id"], name=op.f("fk_cases_model_version_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cases")),
        sa.UniqueConstraint("study_id", "revision", name=op.f("uq_cases_study_id_revision")),
    )
    op.create_index(op.f("ix_cases_opened_at"), "cases", ["opened_at"], schema=None)

    op.create_table(
        "instances",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("sop_class_uid", sa.String(length=64), nullable=False),
        sa.Column("series_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("transfer_syntax_uid", sa.String(length=64), nullable=False),
        sa.Column("modality", sa.String(length=64), nullable=False),
        sa.Column("series_description", sa.String(length=255), nullable=False),
        sa.Column("patient_id", sa.String(length=255), nullable=False),
        sa.Column("patient_name", sa.String(length=1024), nullable=False),
        sa.Column("patient_birth_date", sa.String(length=32), nullable=False),
        sa.Column("path", sa.String(length=255), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("sender_ae", sa.String(length=64), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("current", sa.Boolean(), nullable=False),
        sa.Column("candidate", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=True),
        sa.Column("view", sa.String(length=40), nullable=True),
        sa.Column("rule_rank", sa.Integer(), nullable=True),
        sa.Column("acquired_at", sa.String(length=64), nullable=True),
        sa.Column("judged_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["study_id"], ["phi.studies.id"], name=op.f("fk_instances_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_instances")),
        sa.UniqueConstraint(
            "study_id", "sop_instance_uid", "sha256", name=op.f("uq_instances_study_id_sop_instance_uid_sha256")
        ),
        schema="phi",
    )
    op.create_index(op.f("ix_instances_sop_instance_uid"), "instances", ["sop_instance_uid"], schema="phi")
    op.create_index(op.f("ix_instances_study_id_state"), "instances", ["study_id", "state"], schema="phi")

    op.create_table(
        "reports",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("study_id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("sop_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("series_instance_uid", sa.String(length=64), nullable=False),
        sa.Column("path", sa.String(length=255), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["study_id"], ["phi.studies.id"], name=op.f("fk_reports_study_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
        sa.UniqueConstraint("case_id", "kind", name=op.f("uq_reports_case_id_kind")),
        sa.UniqueConstraint("sop_instance_uid", name=op.f("uq_reports_sop_instance_uid")),
        schema="phi",
    )
    op.create_index(op.f("ix_reports_study_id"), "reports", ["study_id"], schema="phi")

    op.create_table(
        "predictions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("view", sa.String(length=16), nullable=False),
        sa.Column("label", sa.String(length=40), nullable=False),
        sa.Column("p_normal", sa.Double(), nullable=False),
        sa.Column("p_ischemia", sa.Double(), nullable=False),
        sa.Column("p_infarction", sa.Double(), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("activation", sa.LargeBinary(), nullable=True),
        sa.Column("model_version_id", sa.Uuid(), nullable=False),
        sa.Column("preprocessing", sa.String(length=32), nullable=False),
        sa.Column("latency_ms", sa.Double(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"], name=op.f("fk_predictions_case_id")),
        sa.ForeignKeyConstraint(
            ["model_version_id"], ["model_versions.id"], name=op.f("fk_predictions_model_version_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_predictions")),
        sa.UniqueConstraint("case_id", "view", name=op.f("uq_predictions_case_id_view")),
    )


def downgrade() -> None:
    op.drop_table("predictions")
    op.drop_index(op.f("ix_reports_study_id"), table_name="reports", schema="phi")

    op.drop_table("reports", schema="phi")
    op.drop_index(op.f("ix_instances_study_id_state"), table_name="instances", schema="phi")
    op.drop_index(op.f("ix_instances_sop_instance_uid"), table_name="instances", schema="phi")

    op.drop_table("instances", schema="phi")
    op.drop_index(op.f("ix_cases_opened_at"), table_name="cases", schema=None)

    op.drop_table("cases")
    op.drop_index(op.f("ix_view_images_study_id"), table_name="view_images", schema=None)

    op.drop_table("view_images")
    op.drop_index(op.f("ix_studies_waiting_since"), table_name="studies", schema="phi")
    op.drop_index(op.f("ix_studies_received_at"), table_name="studies", schema="phi")

    op.drop_table("studies", schema="phi")
    op.drop_table("model_versions")
    op.drop_index(op.f("ix_jobs_state_ring_at"), table_name="jobs", schema=None)

    op.drop_table("jobs")
