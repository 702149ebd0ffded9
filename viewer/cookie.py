"""The one cookie: what a browser is known by, before and after its user logs in."""

from dataclasses import dataclass

from fastapi import Request, Response


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie of one viewer's: browsers tell hosts apart, not ports, so its name does."""

    port: int

    def of(self, request: Request) -> str | None:
        """What the browser sent; empty is nothing."""
        return request.cookies.get(self._name(request)) or None

    def give(self, request: Request, response: Response, token: str) -> None:
        """Have the browser keep it until it is closed: for this site alone, out of scripts' reach."""
        response.set_cookie(
            self._name(request), token, path="/", secure=request.state.origin.secure, httponly=True, samesite="lax"
        )

    def take(self, request: Request, response: Response) -> None:
        """Have the browser forget it."""
        response.delete_cookie(
            self._name(request), path="/", secure=request.state.origin.secure, httponly=True, samesite="lax"
        )

    def _name(self, request: Request) -> str:
        """Over TLS with the prefix that nobody else's page can set (RFC 6265bis 4.1.3)."""
        return f"{'__Host-' if request.state.origin.secure else ''}perfuscope_{self.port}"
