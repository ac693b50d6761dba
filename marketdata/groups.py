"""Ticker groups: maintained files of members and their sectors, each with its date."""

from __future__ import annotations

import csv
import datetime as dt
import functools
import http.client
import io
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from errors import RequestError, SourceError
from records import canonical_ticker, is_ticker

_FOLDER: Final = Path(__file__).parent / "data"
#: Groups by the name that clients send, and where a newer list of members is published (None: nowhere in this form).
GROUPS: Final[Mapping[str, str | None]] = {
    "SP500": "https://raw.githubusercontent.com/datasets/s-and-p-500-companies/main/data/constituents.csv",
    "DOW": None,
}
#: What users of the HTTP client know.
UNKNOWN_GROUP: Final = "Unknown ticker group: {}"
_DATED: Final = "# members of "
#: Under these names lists of members have their columns.
_SYMBOL: Final = ("symbol", "ticker")
_SECTOR: Final = ("gics sector", "sector")
#: A group changes by a few members a year: a list that lost more than a fifth is not one of this group.
_KEPT_SHARE: Final = 0.8
_TIMEOUT_SECONDS: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """`sectors`: the sector of each member, by canonical symbol. `as_of`: the date of the list."""

    name: str
    as_of: dt.date
    sectors: Mapping[str, str]


def group(name: str) -> Group:
    """The group of this name, as its file is now. Raises RequestError for one that there is not."""
    if name not in GROUPS:
        raise RequestError(UNKNOWN_GROUP.format(name))
    return _group(name, _path(name), _path(name).stat().st_mtime_ns)


def known_sectors() -> Mapping[str, str]:
    """The sector of every ticker that is in any group."""
    return _sectors(tuple(group(name) for name in GROUPS))


@functools.lru_cache(maxsize=len(GROUPS))
def _group(name: str, path: Path, _changed: int) -> Group:
    dated, _, table = path.read_text(encoding="utf-8").partition("\n")
    return Group(name, dt.date.fromisoformat(dated.removeprefix(_DATED)), _members(table, name))


@functools.lru_cache(maxsize=1)
def _sectors(groups: tuple[Group, ...]) -> Mapping[str, str]:
    return {ticker: sector for each in groups for ticker, sector in each.sectors.items()}


def refresh(name: str, source: str | None, today: dt.date) -> tuple[Group, Group]:
    """Replace a group's file by the list at `source` (a path or URL of a CSV with symbols and sectors); the old and the new.

    Readers of the group, a running service too, see the new list at their next access. Raises RequestError for an unknown
    group, SourceError for a list that cannot be this group's and for a file that cannot be written.
    """
    old = group(name)
    address = source or GROUPS[name]
    if address is None:
        raise RequestError(f"{name}: name a list of its members with --source, a CSV with the columns symbol and sector")
    members = _members(_read(address), name)
    left = set(old.sectors) - set(members)
    if len(left) > (1 - _KEPT_SHARE) * len(old.sectors):
        raise SourceError(f"{address} lacks {len(left)} of the {len(old.sectors)} members of {name}: it is not its list")
    _write(_path(name), today, members)
    return old, group(name)


def _path(name: str) -> Path:
    return _FOLDER / f"{name.lower()}.csv"


def _write(path: Path, today: dt.date, members: Mapping[str, str]) -> None:
    """Replace the file in one step: a reader has the old list or the new list."""
    written = path.with_suffix(".new")
    try:
        with written.open("w", encoding="utf-8", newline="") as file:
            file.write(f"{_DATED}{today}\n")
            table = csv.writer(file, lineterminator="\n")
            table.writerow(("symbol", "sector"))
            table.writerows(sorted(members.items()))
        written.replace(path)
    except OSError as error:
        raise SourceError(f"{path} cannot be written: {error}") from error


def _members(table: str, name: str) -> dict[str, str]:
    reader = csv.DictReader(io.StringIO(table.lstrip("\ufeff")))
    columns = {column.strip().lower(): column for column in reader.fieldnames or ()}
    symbol = next((columns[c] for c in _SYMBOL if c in columns), None)
    sector = next((columns[c] for c in _SECTOR if c in columns), None)
    if symbol is None or sector is None:
        raise SourceError(
            f"the list of {name} needs a column symbol and a column sector; it has {', '.join(columns) or 'none'}"
        )
    members = {canonical_ticker(row[symbol] or ""): (row[sector] or "").strip() for row in reader}
    wrong = [ticker for ticker in members if not is_ticker(ticker)]
    if wrong:
        raise SourceError(f"the list of {name} has {wrong[0]!r} where a symbol should stand")
    return members


def _read(address: str) -> str:
    try:
        if address.startswith("https://"):
            with urllib.request.urlopen(address, timeout=_TIMEOUT_SECONDS) as answer:  # noqa: S310 - https only
                return str(answer.read().decode("utf-8"))
        if "://" in address:
            raise SourceError(f"{address}: only https:// addresses and files are read")
        return Path(address).read_text(encoding="utf-8")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise SourceError(f"{address} cannot be read: {error}") from error
