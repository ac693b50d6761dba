"""From a path to the files in it: folders with their sub-folders, compressed files and archives, known by their content."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import itertools
import lzma
import re
import tarfile
import urllib.parse
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from typing import Final

from errors import SourceError
from producers.forms.converted import json_rows, sheet_rows
from producers.forms.json_table import Row
from text import encodable

#: Endings that are opened in a folder. A file that is named itself is opened whatever its ending.
TABLES: Final = (
    ".csv", ".txt", ".tsv", ".tab", ".psv", ".prn", ".asc", ".dat", ".data", ".parquet", ".pq", ".parq",
    ".feather", ".arrow", ".json", ".jsonl", ".ndjson", ".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".mst", ".dly",
)  # fmt: skip
#: Other endings, which are no part of a ticker.
_OTHERS: Final = (
    ".xls",
    ".xlsx",
    ".ods",
    ".json",
    ".jsonl",
    ".ndjson",
    ".feather",
    ".arrow",
    ".text",
    ".lst",
    ".log",
    ".out",
    ".bak",
)
_COMPRESSED: Final = (".gz", ".bz2", ".xz", ".lzma", ".zst", ".z")
_ARCHIVES: Final = (".zip", ".tar", ".tgz", ".tbz2", ".txz")
#: A file that unpacks to more than this is no file of daily bars.
_LARGEST: Final = 4 << 30
PARQUET: Final = b"PAR1"
ARROW: Final = b"ARROW1"
#: A continuation mark, before the schema.
ARROW_STREAM: Final = b"\xff\xff\xff\xff"
_OLD_EXCEL: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_JSON: Final = (".json", ".jsonl", ".ndjson")
_OPENS_JSON: Final = (b'{"', b"[{", b"[[", b"{\n", b"{ ", b"[\n", b"[ ", b"{\r", b"[\r")
#: Keys of partitions that name a ticker.
_TICKER_KEYS: Final = ("ticker", "symbol", "sym", "code", "instrument", "asset")
#: What spreadsheets call a sheet by themselves: its workbook's name may be a ticker, this is none.
_UNNAMED_SHEET: Final = re.compile(
    r"(sheet|tabelle|feuille?|feuil|hoja|foglio|planilha|folha|blad|ark|taul|taulukko|list|munka1?|sayfa|arkusz|лист|"
    r"工作表|シート|시트)\s*\d*",
    re.IGNORECASE,
)
#: How files begin that are no table which is read → what they are.
_KINDS: Final = (
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it, and read the folder"),
    (b"Rar!", "a RAR archive; unpack it, and read the folder"),
    (b"\x04\x22\x4d\x18", "compressed by LZ4; unpack it"),
    (b"\x89HDF", "an HDF5 file; save its table as CSV or Parquet"),
    (b"SQLite format 3", "an SQLite database; save its table as CSV or Parquet"),
    (b"FEA1", "an old Feather file; save it as Parquet"),
    (b"\x80\x04\x95", "a pickle, which may run code when it is read; save its table as CSV or Parquet"),
    (b"\x80\x05\x95", "a pickle, which may run code when it is read; save its table as CSV or Parquet"),
    (b"RDX", "a file of R; save its table as CSV"),
    (b"X\n\x00", "a file of R; save its table as CSV"),
    (b"%PDF", "a PDF; save its table as CSV"),
)


@dataclass(frozen=True, slots=True)
class Member:
    """One file: `where` names it for people, `name` and `folder` may name its ticker, `written` is when it was last written.

    `kind` is what it is; `rows` are those of JSON and of a workbook, which have no `content`.
    """

    where: str
    name: str
    folder: str
    content: bytes
    written: dt.datetime
    kind: str = "CSV"
    rows: Sequence[Row] | None = None


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A file that is not read, and why."""

    where: str
    reason: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "where", encodable(self.where))
        object.__setattr__(self, "reason", encodable(self.reason))


def stem(name: str) -> str:
    """A file's name without the endings of tables, compression and archives."""
    known = (*TABLES, *_OTHERS, *_COMPRESSED, *_ARCHIVES)
    while (end := next((each for each in known if name.lower().endswith(each) and len(name) > len(each)), None)) is not None:
        name = name[: -len(end)]
    return name


def files_of(folder: Path) -> Iterator[Path | PassedOver]:
    """The files of a folder and its sub-folders that may be tables, by name, and the others with the reason."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "~$")) or path.name in ("__MACOSX", "desktop.ini", "Thumbs.db"):
            yield PassedOver(str(path), "hidden, or made by the system")
        elif path.is_dir():
            yield from files_of(path)
        elif not path.exists():
            yield PassedOver(str(path), "a link that leads nowhere")
        elif path.name.lower().endswith((*TABLES, *_COMPRESSED, *_ARCHIVES)):
            yield path
        else:
            yield PassedOver(str(path), f"its ending is not one of a table ({', '.join(TABLES[:6])}, …, compressed or zipped)")


def naming_folder(path: PurePath, root: PurePath | None) -> str:
    """The folder below `root` that may name a file's ticker, '' for none; `AAPL` of partitions, `symbol=AAPL/year=2024`."""
    above = [] if root is None else list(itertools.takewhile(lambda folder: folder != root, path.parents))
    named = [folder.name.partition("=") for folder in above]
    value = next((value for key, _, value in named if value and key.lower() in _TICKER_KEYS), None)
    return urllib.parse.unquote(value) if value else named[0][0] if named and not named[0][1] else ""


def members(path: Path, root: Path | None = None) -> Iterator[Member | PassedOver]:
    """The file itself, or what lies in the archive. `root`: only folders below it may name a ticker.

    Raises SourceError for a file that cannot be read or unpacked.
    """
    folder = naming_folder(path, root)
    try:
        # Before the content: if it changes meanwhile, the next reading notices.
        written = dt.datetime.fromtimestamp(path.stat().st_mtime, dt.UTC)
        content = path.read_bytes()
        yield from _unpacked(str(path), path.name, folder, content, written)
    except (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, NotImplementedError) as error:
        raise SourceError(f"{path}: cannot be read: {' '.join(str(error).split()):.200}") from error
    except RuntimeError as error:  # zipfile's way to say that a password is needed
        raise SourceError(f"{path}: cannot be unpacked: {error}; unpack it, and read the folder") from error


def _unpacked(where: str, name: str, folder: str, content: bytes, written: dt.datetime) -> Iterator[Member | PassedOver]:
    if content.startswith(b"PK\x03\x04") and not _is_workbook(content):
        yield from _zipped(where, folder, content, written)
        return
    content = _decompressed(content, where)
    if content[257:262] == b"ustar":
        yield from _tarred(where, folder, content, written)
        return
    if content.startswith((b"PK\x03\x04", _OLD_EXCEL)):
        sheets = list(sheet_rows(content, where=where))
        if not sheets:
            raise SourceError(f"{where}: a workbook without rows")
        for sheet, rows in sheets:
            place = where if len(sheets) == 1 else f"{where}!{sheet}"
            is_named = len(sheets) > 1 and _UNNAMED_SHEET.fullmatch(sheet) is None
            called, above = (sheet, stem(name)) if is_named else (name, folder)
            yield Member(place, called, above, b"", written, "workbook", rows)
        return
    if name.lower().endswith(_JSON) or content.lstrip(b"\xef\xbb\xbf \r\n\t")[:2] in _OPENS_JSON:
        yield Member(where, name, folder, b"", written, "JSON", json_rows(content, where=where))
        return
    kind = next((words for start, words in _KINDS if content.startswith(start)), None)
    if kind is not None:
        raise SourceError(f"{where}: is {kind}")
    yield Member(where, name, folder, content, written)


def _decompressed(content: bytes, where: str) -> bytes:
    if content.startswith(b"\x1f\x8b"):
        return _limited(gzip.GzipFile(fileobj=io.BytesIO(content)), where)
    if content.startswith(b"BZh"):
        return _limited(bz2.BZ2File(io.BytesIO(content)), where)
    if content.startswith((b"\xfd7zXZ", b"\x5d\x00\x00")):
        return _limited(lzma.LZMAFile(io.BytesIO(content)), where)
    if content.startswith(b"\x28\xb5\x2f\xfd"):
        import pyarrow as pa  # noqa: PLC0415 - the only reader of this compression here

        return _limited(pa.CompressedInputStream(pa.BufferReader(content), "zstd"), where)
    return content


def _limited(stream: io.IOBase, where: str) -> bytes:
    content: bytes = stream.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise SourceError(f"{where}: unpacks to more than {_LARGEST >> 30} GB; unpack and split it")
    return content


def _is_workbook(content: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return bool({"[Content_Types].xml", "mimetype"} & set(archive.namelist()))


def _zipped(where: str, folder: str, content: bytes, written: dt.datetime) -> Iterator[Member | PassedOver]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for entry in sorted(archive.infolist(), key=lambda each: each.filename):
            if not entry.is_dir():
                if entry.file_size > _LARGEST:
                    raise SourceError(
                        f"{where}: {entry.filename} unpacks to more than {_LARGEST >> 30} GB; unpack and split it"
                    )
                yield from _inside(where, folder, entry.filename, archive.read(entry), written)


def _tarred(where: str, folder: str, content: bytes, written: dt.datetime) -> Iterator[Member | PassedOver]:
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        for entry in sorted(archive.getmembers(), key=lambda each: each.name):
            stream = archive.extractfile(entry) if entry.isfile() else None
            if stream is not None:
                yield from _inside(where, folder, entry.name, stream.read(), written)


def _inside(where: str, folder: str, entry: str, content: bytes, written: dt.datetime) -> Iterator[Member | PassedOver]:
    path = PurePosixPath(entry.replace("\\", "/"))
    place = f"{where}!{entry}"
    if "__MACOSX" in path.parts or path.name.startswith("."):
        yield PassedOver(place, "hidden, or made by the system")
    elif not path.name.lower().endswith((*TABLES, *_COMPRESSED, *_ARCHIVES)):
        yield PassedOver(place, "its ending is not one of a table")
    else:
        yield from _unpacked(place, path.name, naming_folder(path, PurePosixPath(".")) or folder, content, written)
