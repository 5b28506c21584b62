"""Errors that only a door can meet: a wrong method, a body that does not arrive."""

from collections.abc import Iterable

from vault.errors import VaultError


class MethodNotAllowedError(VaultError):
    """The path exists, the method does not: use one that ``Allow`` lists."""

    code = "method_not_allowed"

    def __init__(self, message: str, *, allowed: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.allowed = tuple(sorted(allowed))


class RequestTimeoutError(VaultError):
    """The body did not arrive in time: send it faster."""

    code = "request_timeout"


class UpgradeRequiredError(VaultError):
    """The path speaks WebSocket only: send a whole opening handshake (RFC 6455, 4.1) with GET."""

    code = "upgrade_required"


class CrossSiteError(VaultError):
    """Another site's page sent this with the browser's cookie: act from the vault's own pages."""

    code = "cross_site"


class RouteTableError(Exception):
    """The route table contradicts itself; the message names the route. The program does not start."""
