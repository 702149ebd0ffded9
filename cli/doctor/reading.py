"""Whether the layouts in force may be used, and whether something here can read those that must be read."""

from core.errors import PerfuscopeError
from core.finding import Finding, fail, ok, warn
from core.settings import Settings
from db.session import Sessions


def layouts(settings: Settings, sessions: Sessions) -> Finding:
    """None is suspended, and one on probation can be read for text."""
    from db import layout_states
    from db.layout_states import Standing
    from dicom_node import layout_decisions, textcheck
    from dicom_node import layouts as screen_layouts

    try:
        known = screen_layouts.load_all(settings.layout_files)
    except PerfuscopeError:
        return fail("layouts", "a layout file cannot be read", "See screens above.")
    with sessions.read() as session:
        standing = {one.name: layout_states.standing(session, layout_decisions.key(one)) for one in known}
    suspended = [name for name, found in standing.items() if found is Standing.SUSPENDED]
    if suspended:
        said = f"{', '.join(suspended)} suspended: text inside what is kept, or somebody must look"
        return fail("layouts", said, "See perfuscope layout list and perfuscope quarantine list, then layout resume.")
    probation = [name for name, found in standing.items() if found is Standing.PROBATION]
    reads = "off" not in {settings.checks.text, settings.checks.identity}
    if probation and reads and not textcheck.installed():
        said = f"{', '.join(probation)} on probation, and nothing here can read text: its screens stay in quarantine"
        return warn("layouts", said, 'Install the extra "ocr", or perfuscope layout trust NAME once you have looked.')
    said = f"{len(known)} in use" + (f", {', '.join(probation)} on probation" if probation else "")
    return ok("layouts", said)
