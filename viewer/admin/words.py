"""What codes are called on the administrators' pages. A code that is not known here is shown as it is."""

from datetime import datetime
from typing import Any

from core.delivery_codes import sentence
from core.jobs import JobStage, JobState
from core.orders import OrderKind, OrderState
from core.roles import Role
from core.types import AuditAction, Reason
from db.order_tables import Order
from db.tables import ModelVersion
from viewer import happened

PLACES = (
    ("overview", "/admin", "Overview", {Role.ADMIN, Role.AUDITOR}),
    ("quarantine", "/admin/quarantine", "Quarantine", {Role.ADMIN}),
    ("jobs", "/admin/jobs", "Jobs", {Role.ADMIN, Role.AUDITOR}),
    ("peers", "/admin/peers", "Peers", {Role.ADMIN, Role.AUDITOR}),
    ("models", "/admin/models", "Models", {Role.ADMIN, Role.AUDITOR}),
    ("statistics", "/admin/statistics", "Statistics", {Role.ADMIN}),
    ("audit", "/admin/audit", "Audit trail", {Role.ADMIN, Role.AUDITOR}),
    ("users", "/admin/users", "Users", {Role.ADMIN}),
    ("tokens", "/admin/tokens", "Tokens", {Role.ADMIN}),
)
"""The administrators' pages: name, address, title, and to whom each is open."""
STAGES = {
    JobStage.PREPARE: "Read and crop",
    JobStage.CLASSIFY: "Classify",
    JobStage.REPORT: "Make the report",
    JobStage.DELIVER: "Deliver",
    JobStage.COMMIT: "Ask for commitment",
    JobStage.CONFIRM: "Look after commitment",
    JobStage.REJECT: "Mark as rejected",
    JobStage.ORDER: "Do what was asked here",
}
STATES = {JobState.WAITING: "waiting", JobState.RUNNING: "running", JobState.DONE: "done", JobState.DEAD: "given up"}
ORDERS = {
    OrderKind.RELEASE: "Release",
    OrderKind.REJECT: "Reject",
    OrderKind.RETRY: "Try again",
    OrderKind.TRY_PEER: "Try a peer",
    OrderKind.ACTIVATE: "Activate a model",
    OrderKind.LAYOUT: "Save a layout",
}
ORDER_STATES = {OrderState.WAITING: "waiting", OrderState.DONE: "done", OrderState.REFUSED: "refused"}
_OURS = {
    "called_off": "nobody wants its result any more",
    "superseded": "a newer revision took its place",
}


def why(code: str | None) -> str:
    """Why a job is not done, in words."""
    if not code:
        return ""
    name, _, more = code.partition(":")
    if name == "bug":
        return f"failed by a mistake of Perfuscope's own ({more}); the worker's log says where"
    if name in {reason.value for reason in Reason}:
        return Reason(name).sentence
    return _OURS.get(code) or sentence(code) or code


def action(what: AuditAction) -> str:
    """An audit event's action as people say it."""
    return happened.EVENTS.get(what.value, what.value)


def about(order: Order) -> str:
    """What an order is about: a peer, a model, or the beginning of our own key."""
    named = order.asked.get("peer") or order.asked.get("name")
    if named:
        return str(named)
    return order.subject.hex[:8] if order.subject else "all that were given up"


def checks(found: dict[str, Any] | None) -> list[str]:
    """What was read off an object's pixels, in words; no text that was read is kept anywhere."""
    said = []
    text, identity = ((found or {}).get(name) for name in ("text", "identity"))
    if isinstance(text, dict):
        panels = sorted({place["panel"] or "between panels" for place in text["places"]})
        said.append(f"Text in {', '.join(panels)}" if panels else "No text")
    if isinstance(identity, dict):
        differs = [name.replace("_", " ") for name, how in identity.items() if how == "differs"]
        said.append(f"Burned-in {', '.join(differs)} not the header's" if differs else "Identity not in doubt")
    return said


def size(count: float) -> str:
    """Bytes as people say them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if count >= 10 or unit == "B" else f"{count:.1f} {unit}"


def activations(model: ModelVersion) -> list[dict[str, Any]]:
    """When, by whom and on what grounds a model was put in force, the newest first."""
    kept = reversed(model.activations or [])
    return [one | {"at": datetime.fromisoformat(one["at"])} for one in kept]
