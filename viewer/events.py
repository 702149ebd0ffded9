"""The stream of news for open pages: for whom it is open, how many of them, and until when."""

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

from fastapi import HTTPException, Request, Response
from fastapi.responses import StreamingResponse

from viewer import access
from viewer.pulse import Pulse

MOST_OF_ONE = 100
"""So many open pages of one user's are told: else one user could hold every connection that the server has."""
_KIND = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Events:
    """Hands the pulse on to whoever may hear it."""

    pulse: Pulse
    _open: Counter[UUID] = field(default_factory=Counter)

    async def listen(self, request: Request) -> Response:
        """Says that something changed, as long as the page is open and its user logged in; never what."""
        if request.method == "HEAD":
            return Response(media_type=_KIND)
        whose = access.principal(request).user_id
        if self._open[whose] >= MOST_OF_ONE:
            raise HTTPException(429)
        return StreamingResponse(self._counted(request, whose), media_type=_KIND)

    async def _counted(self, request: Request, whose: UUID) -> AsyncIterator[str]:
        self._open[whose] += 1
        stream = self.pulse.stream(partial(access.still_allowed, request))
        try:
            async for text in stream:
                yield text
        finally:
            self._open[whose] -= 1
            await stream.aclose()
