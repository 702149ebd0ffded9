"""What a form says: a dependency for routes that take one. Files are not taken here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import Depends, HTTPException, Request

LARGEST_FORM = 64 * 1024


@dataclass(frozen=True, slots=True)
class Fields:
    """A form's fields; one that is missing is empty."""

    sent: Mapping[str, list[str]]

    def one(self, name: str) -> str:
        """A field's value, the last one sent."""
        return self.sent.get(name, [""])[-1]

    def all(self, name: str) -> list[str]:
        """Every value of a field that may come several times."""
        return self.sent.get(name, [])


async def _fields(request: Request) -> Fields:
    """The fields of an urlencoded form, without NULs, which no database takes; 400 for anything else."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise HTTPException(400)
    try:
        body = await bounded(request, LARGEST_FORM)
        sent = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=200)
    except ValueError:
        raise HTTPException(400) from None
    return Fields({name: [value.replace("\0", "") for value in values] for name, values in sent.items()})


async def bounded(request: Request, most_bytes: int) -> bytearray:
    """The body of a request, once in memory; 413 as soon as it is longer than allowed."""
    body = bytearray()
    async for part in request.stream():
        if len(body) + len(part) > most_bytes:
            raise HTTPException(413)
        body += part
    return body


Form = Annotated[Fields, Depends(_fields)]
