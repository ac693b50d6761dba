"""The deployment: the settings and versions that all workers of a KAFKA_PREFIX share, as records of the topic `deployment`.

Workers with different settings would write rows of two horizons into one table. So the first worker records its settings and
version, and later workers compare theirs. `streams rebuild` begins a new incarnation with one record, and lets workers in with
a second record at its end.

Pure. A protocol is a generator: it yields a record to append, or None to read the log, and is sent all records in the order of
the log. A record that cannot be decoded is None.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Annotated, Any, Final

import msgspec

from errors import BrokerError, MessageError, SettingsError
from records.versioned import Versioned
from settings import Settings

DEPLOYMENT_VERSION: Final = 1
KEY: Final = b"deployment"
#: Changelogs carry the incarnation in four bytes.
_MOST_INCARNATIONS: Final = 2**32 - 1
_REBUILD: Final = "stop all workers and run `python -m streams rebuild`"


class Writer(msgspec.Struct, frozen=True, kw_only=True):
    """The process that wrote a record. `nonce` is unique to it, `at` is for people."""

    worker: str
    host: str
    pid: int
    nonce: str
    at: str


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """The settings and versions that must be the same for all workers.

    `incarnation` grows with every rebuild. `rebuilding`: a rebuild has begun and not ended, no worker may start. `settings` are
    the settings that change forecasts, as they are written in the environment; `formats` are the versions of stored values.
    """

    schema_version: int = DEPLOYMENT_VERSION
    incarnation: Annotated[int, msgspec.Meta(ge=0, le=_MOST_INCARNATIONS)] = 0
    rebuilding: bool = False
    settings: dict[str, str]
    settings_hash: str
    code_version: str
    formats: dict[str, int]
    writer: Writer


Protocol = Generator[Deployment | None, Sequence[Deployment | None], Deployment]

_codec = Versioned(Deployment, DEPLOYMENT_VERSION, json=True)


def new_deployment(settings: Settings, *, code_version: str, formats: dict[str, int], writer: Writer) -> Deployment:
    """A deployment with the settings of this process, of the first incarnation."""
    return Deployment(
        settings={name.upper(): _text(value) for name, value in settings.forecast_values.items()},
        settings_hash=settings.forecast_hash,
        code_version=code_version,
        formats=formats,
        writer=writer,
    )


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def encode_deployment(deployment: Deployment) -> bytes:
    """The deployment as JSON."""
    return _codec.encode(deployment)


def decode_deployment(value: bytes) -> Deployment:
    """The deployment in a record's value. Raises SchemaError for a newer version, else MessageError."""
    return _codec.decode(value, "the workers' deployment", lambda error: MessageError(f"not a deployment: {error}"))


def counting(records: Sequence[Deployment | None]) -> Deployment | None:
    """The record that counts: the first of the highest incarnation, without `rebuilding` if possible; None if there is none."""
    known = [record for record in records if record is not None]
    highest = max((record.incarnation for record in known), default=0)
    candidates = [record for record in known if record.incarnation == highest]
    return next((record for record in candidates if not record.rebuilding), candidates[0] if candidates else None)


def says_the_same(one: Deployment | None, other: Deployment) -> bool:
    """Whether two records are equal except for their writers. Records of different rebuilds are never equal."""
    return one is not None and _content(one) == _content(other)


def _content(deployment: Deployment) -> tuple[object, ...]:
    return (
        deployment.incarnation,
        deployment.rebuilding and deployment.writer.nonce,
        deployment.settings,
        deployment.settings_hash,
        deployment.code_version,
        deployment.formats,
    )


def agree(mine: Deployment) -> Protocol:
    """The protocol of a starting worker. Its result is the deployment that counts, which may differ from `mine`.

    Two workers that find an empty log both write; the first record counts. Compaction keeps the last record, so the record that
    counts is written again after any other record.
    """
    records = yield None
    if counting(records) is None:
        yield mine
        records = yield None
    chosen = counting(records)
    if chosen is None:
        raise BrokerError("the record of the deployment was acknowledged and is not on its topic: has the topic been deleted?")
    if not says_the_same(records[-1], chosen):
        yield chosen
    return chosen


def begin_rebuild(mine: Deployment) -> Protocol:
    """The protocol that begins the next incarnation with the settings of `mine`: no worker starts, running workers leave.

    Raises BrokerError if another rebuild was faster.
    """
    records = yield None
    current = counting(records)
    before = 0 if current is None else current.incarnation
    begun = msgspec.structs.replace(mine, incarnation=before + 1, rebuilding=True)
    yield begun
    yield from confirm_rebuild(begun)
    return begun


def confirm_rebuild(begun: Deployment) -> Protocol:
    """The protocol that confirms a rebuild. Raises BrokerError if another rebuild counts by now."""
    records = yield None
    found = counting(records)
    if found != begun:
        other = "" if found is None else f" ({found.writer.host}, process {found.writer.pid}, {found.writer.at})"
        raise BrokerError(
            f"another rebuild was begun meanwhile{other}: this rebuild stops; wait for the other, or run it again"
        )
    return begun


def end_rebuild(begun: Deployment) -> Protocol:
    """The protocol that ends a rebuild and lets workers in. Raises BrokerError if another rebuild counts by now."""
    yield from confirm_rebuild(begun)
    ended = msgspec.structs.replace(begun, rebuilding=False)
    yield ended
    return ended


def refuse_difference(recorded: Deployment, mine: Deployment) -> None:
    """Raise SettingsError if the settings or the version of `mine` differ from the recorded deployment's."""
    problems = _different_versions(recorded, mine)
    settings = _different_settings(recorded, mine)
    if settings:
        problems.append(f"{', '.join(settings)}; set it back")
    if problems:
        writer = recorded.writer
        raise SettingsError(
            f"the workers agreed on other values (recorded by worker {writer.worker} on {writer.host}, {writer.at}): "
            f"{'; '.join(problems)}, or {_REBUILD}"
        )


def _different_versions(recorded: Deployment, mine: Deployment) -> list[str]:
    versions = {
        "version": (recorded.code_version, mine.code_version),
        **{
            f"format of {name}": (recorded.formats.get(name), mine.formats.get(name))
            for name in sorted(recorded.formats.keys() | mine.formats.keys())
        },
    }
    found = [f"{what} {there} there and {here} here" for what, (there, here) in versions.items() if there != here]
    return [f"{', '.join(found)}; run the version that is there"] if found else []


def _different_settings(recorded: Deployment, mine: Deployment) -> list[str]:
    names = sorted(recorded.settings.keys() | mine.settings.keys())
    pairs = {name: (recorded.settings.get(name), mine.settings.get(name)) for name in names}
    found = [
        f"{name} is {_or_absent(there)} there and {_or_absent(here)} here"
        for name, (there, here) in pairs.items()
        if there != here
    ]
    if not found and recorded.settings_hash != mine.settings_hash:
        found = [f"the hash of the settings is {recorded.settings_hash} there and {mine.settings_hash} here"]
    return found


def _or_absent(value: str | None) -> str:
    return "absent" if value is None else value
