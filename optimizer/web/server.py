"""The application under waitress, until SIGTERM or SIGINT."""

from __future__ import annotations

import errno
import logging
import signal
import sys
from types import FrameType
from typing import Final, NoReturn

import msgspec
import waitress
from flask import Flask
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import BaseWSGIServer
from waitress.task import ErrorTask
from waitress.utilities import RequestEntityTooLarge

from errors import SettingsError
from optimizer.web.access import origin_pattern
from optimizer.web.answers import too_large
from optimizer.web.app import OPTIMIZATIONS
from optimizer.web.optimization import Optimizations
from optimizer.web.request_threads import RequestThreads
from settings import Settings

logger = logging.getLogger(__name__)


#: A stream's silence is ended by its heartbeat, so only dead peers are this quiet.
_QUIET_SECONDS: Final = 120
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
#: Of Python's 5 ms a request that changes threads three times would wait 15 beside one that computes. Measured with 50 clients
#: beside a worker that writes: the slowest hundredth of them waits a third as long.
_SWITCH_SECONDS: Final = 0.0005
#: Answers up to this size wait for slow clients in memory, larger answers on disk: the table of 500 has 1.4 MB.
_IN_MEMORY_BYTES: Final = 4 << 20


class Server:
    """A listening socket and its threads. `port` is the real one where the settings say 0."""

    def __init__(self, app: Flask, settings: Settings) -> None:
        self._settings = settings
        self._optimizations: Optimizations = app.extensions[OPTIMIZATIONS]
        sockets: dict[int, object] = {}
        try:
            self._server = waitress.create_server(
                app,
                host=settings.host,
                port=settings.port,
                _dispatcher=RequestThreads(settings.request_threads + settings.max_streams),
                connection_limit=2 * (settings.request_threads + settings.max_streams),
                channel_timeout=_QUIET_SECONDS,
                # Flask refuses, in JSON, what is beyond the settings; this is only for what would fill the disk.
                max_request_body_size=100 * settings.max_request_bytes,
                asyncore_use_poll=True,
                outbuf_overflow=_IN_MEMORY_BYTES,
                map=sockets,
                ident=None,
            )
        except (OSError, ValueError) as error:  # waitress says ValueError for a host that is no address of any machine
            raise SettingsError(_cannot_listen(settings, error)) from error
        for listening in sockets.values():
            if isinstance(listening, BaseWSGIServer):
                listening.channel_class = _Channel
                listening.page_origins, listening.most_bytes = origin_pattern(settings.cors_origins), settings.max_request_bytes

    @property
    def port(self) -> int:
        """Where it listens."""
        # A name with several addresses (localhost: IPv4 and IPv6) has a socket for each.
        several = getattr(self._server, "effective_listen", None)
        return int(several[0][1] if several else self._server.effective_port)

    def run(self) -> None:
        """Serve until SIGTERM or SIGINT, in the main thread; requests under way have five seconds to end."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._leave)
        if self._settings.api_token is None and self._settings.host not in _LOOPBACK:
            logger.warning("anyone who reaches this host may call, for no API_TOKEN is set host=%s", self._settings.host)
        sys.setswitchinterval(_SWITCH_SECONDS)
        logger.info("serving url=%s", f"http://{self._settings.host}:{self.port}")
        self._server.run()
        self._server.close()

    def _leave(self, number: int, _: FrameType | None) -> NoReturn:
        logger.info("stopping signal=%s", signal.Signals(number).name)
        # First all who wait get an answer, or they would keep their threads; then this exception ends waitress and its threads.
        self._optimizations.close()
        raise SystemExit


class _JsonError(ErrorTask):  # type: ignore[misc]
    """What waitress refuses by itself (no HTTP, headers or a body beyond any measure), as JSON like every other error.

    A page of an allowed origin can read it too, as far as the request's headers could be read.
    """

    def execute(self) -> None:
        error = self.request.error
        is_too_large = isinstance(error, RequestEntityTooLarge)
        reason = too_large(self.channel.server.most_bytes) if is_too_large else f"{error.reason}: {error.body}"
        body = msgspec.json.encode({"error": reason})
        self.status = f"{error.code} {error.reason}"
        self.response_headers += [("Content-Type", "application/json"), ("Vary", "Origin")]
        origin = self.request.headers.get("ORIGIN")
        if origin is not None and self.channel.server.page_origins.fullmatch(origin):
            self.response_headers.append(("Access-Control-Allow-Origin", origin))
        self.content_length = len(body)
        self.set_close_on_finish()
        self.write(body)


class _Parser(HTTPRequestParser):  # type: ignore[misc]
    """Refuses what proxies may read otherwise: two lengths of one body (RFC 9112, section 6.3)."""

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if "CONTENT_LENGTH" in self.headers and (self.chunked or "TRANSFER_ENCODING" in self.headers):
            raise ParsingError("Content-Length and Transfer-Encoding together: send one of them")


class _Channel(HTTPChannel):  # type: ignore[misc]
    error_task_class = _JsonError
    parser_class = _Parser


def _cannot_listen(settings: Settings, error: OSError | ValueError) -> str:
    place = f"cannot listen on {settings.host}:{settings.port}"
    match error:
        case OSError(errno=errno.EADDRINUSE):
            return f"{place} (Address already in use): stop what uses it, or choose another --port"
        case OSError(errno=errno.EACCES):
            return f"{place} (Permission denied): choose a --port from 1024 on"
        case OSError():
            return f"{place} ({error.strerror}): name an address of this machine with --host"
        case _:
            return f"{place}: no such host; name an address of this machine with --host"
