"""What a study's objects amount to: the screens chosen for its views, or why there is no result."""

from dataclasses import dataclass

from core.types import REQUIRED_VIEWS, InstanceState, Outcome, Reason, View
from db import identity
from db.tables import Instance


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a study's inputs amount to; without an outcome it can be classified."""

    chosen: tuple[Instance, ...] = ()
    outcome: Outcome | None = None
    reason: Reason | None = None
    detail: str = ""


def judge(instances: list[Instance], *, accepted: str | None = None) -> Verdict:
    """What these objects amount to: the chosen screens, or why there is no result.

    ``accepted`` is the digest of the differing identities that somebody has declared to be one patient.
    """
    if identity.several_patients(instances) and identity.digest(instances) != accepted:
        return Verdict(outcome=Outcome.QUARANTINED, reason=Reason.PATIENTS_DIFFER)
    prepared = [i for i in instances if i.state is InstanceState.PREPARED and i.view is not None]
    by_view = {view: [i for i in prepared if i.view is view] for view in REQUIRED_VIEWS}
    chosen: list[Instance] = []
    for view, candidates in by_view.items():
        best = _best(candidates)
        if candidates and best is None:
            return Verdict(outcome=Outcome.NO_RESULT, reason=Reason.AMBIGUOUS, detail=view.caption)
        if best is not None:
            chosen.append(best)
    missing = [view for view in REQUIRED_VIEWS if not by_view[view]]
    return _incomplete(instances, tuple(chosen), missing) if missing else Verdict(chosen=tuple(chosen))


def _incomplete(instances: list[Instance], chosen: tuple[Instance, ...], missing: list[View]) -> Verdict:
    quarantined = [i.reason for i in instances if i.state is InstanceState.QUARANTINED]
    if chosen:
        detail = "missing: " + ", ".join(view.caption for view in missing)
        return Verdict(chosen, Outcome.NO_RESULT, Reason.INCOMPLETE, detail)
    if quarantined:
        reason = min((r for r in quarantined if r is not None), key=list(Reason).index, default=None)
        return Verdict(outcome=Outcome.QUARANTINED, reason=reason, detail=f"{len(quarantined)} in quarantine")
    return Verdict(outcome=Outcome.NO_RESULT, reason=Reason.NO_SCREENS)


def _best(candidates: list[Instance]) -> Instance | None:
    """By the rules' order, then the newest acquisition; None for a tie of different objects."""
    if not candidates:
        return None
    first_rank = min(i.rule_rank or 0 for i in candidates)
    ranked = [i for i in candidates if (i.rule_rank or 0) == first_rank]
    newest = max(_acquired_at(i) for i in ranked)
    best = [i for i in ranked if _acquired_at(i) == newest]
    return best[0] if len(best) == 1 else None


def _acquired_at(instance: Instance) -> str:
    """Later text is the newer acquisition; empty where the header does not say."""
    return instance.acquired_at.reveal() if instance.acquired_at else ""
