"""What a form sends: read whole, within a limit, and only as the browser's plain forms send it."""

from collections.abc import Mapping
from typing import Annotated
from urllib.parse import parse_qsl

from fastapi import Depends, HTTPException, Request

_MOST_BYTES = 32 * 1024
_MOST_FIELDS = 40


async def read(request: Request) -> Mapping[str, str]:
    """The fields of a posted form, the last of each name; 400 for anything else."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(400)
    body = await bounded(request, _MOST_BYTES)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS, errors="strict"))
    except ValueError:
        raise HTTPException(400) from None


async def bounded(request: Request, most_bytes: int) -> bytes:
    """The body of a request; 413 as soon as it is longer than allowed."""
    parts, length = [], 0
    async for part in request.stream():
        length += len(part)
        if length > most_bytes:
            raise HTTPException(413)
        parts.append(part)
    return b"".join(parts)


Fields = Annotated[Mapping[str, str], Depends(read)]
