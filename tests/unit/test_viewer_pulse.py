"""Open pages are told that something changed: by one look for all of them, as long as somebody listens."""

import asyncio

from reader import classified
from ward import Ward

from core.types import AuditAction
from db import audit
from viewer.pulse import Pulse, recent


def test_what_staff_do_by_looking_is_no_change_and_whatever_happens_to_a_study_is_one(ward: Ward):
    before = recent(ward.sessions)
    study_id = classified(ward)
    after = recent(ward.sessions)
    assert not after <= before
    with ward.sessions.write() as session:
        audit.record(session, AuditAction.VIEW, actor="web", now=ward.clock.now, study_id=study_id, detail="study")
    assert recent(ward.sessions) == after
    with ward.sessions.write() as session:
        audit.record(session, AuditAction.SEND, actor="perfuscope", now=ward.clock.now, study_id=study_id)
    assert not recent(ward.sessions) <= after
    ward.clock.turn(60)
    assert recent(ward.sessions) == frozenset()


def test_every_listener_is_told_once_of_each_change_and_the_looking_ends_with_the_last():
    found = {"first"}
    looks = []

    def look() -> frozenset[str]:
        looks.append(1)
        return frozenset(found)

    async def story() -> None:
        pulse = Pulse(look, every_s=0.01)
        streams = [pulse.stream() for _ in range(20)]
        assert all(["event: ready" in await anext(stream) for stream in streams])
        told = [asyncio.create_task(anext(stream)) for stream in streams]
        assert all("event: change" in text for text in await asyncio.gather(*told))
        told = [asyncio.create_task(anext(stream)) for stream in streams]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in told)
        found.add("second")
        assert {text.partition("data: ")[2] for text in await asyncio.gather(*told)} == {"2\n\n"}
        for stream in streams:
            await stream.aclose()
        await asyncio.sleep(0.05)
        assert not pulse.beats
        seen = len(looks)
        await asyncio.sleep(0.05)
        assert len(looks) == seen

    asyncio.run(asyncio.wait_for(story(), 10))


def test_streams_end_when_the_server_is_about_to_stop():
    async def story() -> list[str]:
        pulse = Pulse(frozenset, every_s=0.01)
        stream = pulse.stream()
        said = [await anext(stream)]
        pulse.end()
        said += [text async for text in stream]
        return said

    first, *others = asyncio.run(asyncio.wait_for(story(), 10))
    assert "event: ready" in first
    assert not [text for text in others if "event" in text]
