"""Who may call: under known host names, pages of known origin (CORS), and holders of the token where one is set."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence

from flask import Flask, Response, request

from optimizer.web.answers import json_answer, refuse

_METHODS = "GET, POST, OPTIONS"
_HEADERS = "Content-Type, Authorization, Accept"
_PREFLIGHT_SECONDS = "600"
#: Of a caller's Host header so much is repeated.
_SHOWN = 60


def register_access(app: Flask, origins: Sequence[str], hosts: Sequence[str], token: str | None) -> None:
    """Answer preflights, mark answers for pages of `origins`, refuse other `hosts`, and /api without `token` (None: open).

    Preflights of unknown paths are answered too, so that a page of an allowed origin can read why there is nothing.
    """
    allowed = origin_pattern(origins)

    @app.before_request
    def check() -> Response | None:
        host = request.headers.get("Host", "")
        # A page of a name that its owner points to this machine (DNS rebinding) would be of this service's own origin.
        if host and not is_allowed_host(host, hosts):
            return refuse(421, f"this service does not answer as {host[:_SHOWN]!r}: name it in ALLOWED_HOSTS if it should")
        if request.method == "OPTIONS" and (request.url_rule is not None or "Origin" in request.headers):
            return json_answer({})
        if token is None or not request.path.startswith("/api/"):
            return None
        given = request.headers.get("Authorization", "")
        if hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            return None
        response = refuse(401, "a bearer token is needed: send Authorization: Bearer …")
        response.headers["WWW-Authenticate"] = "Bearer"
        return response

    @app.after_request
    def mark(response: Response) -> Response:
        origin = request.headers.get("Origin")
        response.vary.add("Origin")
        if origin is not None and allowed.fullmatch(origin):
            response.headers["Access-Control-Allow-Origin"] = origin
            if request.method == "OPTIONS":
                response.headers["Access-Control-Allow-Methods"] = _METHODS
                response.headers["Access-Control-Allow-Headers"] = _HEADERS
                response.headers["Access-Control-Max-Age"] = _PREFLIGHT_SECONDS
        return response


def is_allowed_host(host: str, allowed: Sequence[str]) -> bool:
    """Whether a Host header names one of these hosts, at any port; `*` among them allows all.

    >>> [is_allowed_host(h, ("localhost", "[::1]")) for h in ("LOCALHOST:5000", "[::1]:80", "localhost.evil.com", "evil.com")]
    [True, True, False, False]
    """
    name = re.sub(r":[0-9]*$", "", host.strip()).lower().rstrip(".")
    return "*" in allowed or name in allowed


def origin_pattern(origins: Sequence[str]) -> re.Pattern[str]:
    """Matches these origins as a whole; `:*` at the end of one stands for any port.

    >>> pattern = origin_pattern(["http://127.0.0.1:*"])
    >>> [pattern.fullmatch(o) is not None for o in ("http://127.0.0.1:80", "http://127.0.0.1.evil.com", "http://127.0.0.1:80.x")]
    [True, False, False]
    """
    patterns = [re.escape(o[:-2]) + r":[0-9]{1,5}" if o.endswith(":*") else re.escape(o) for o in origins]
    return re.compile("|".join(patterns) or r"(?!)")
