"""From a path to the files in it: folders with their sub-folders, compressed files and archives, known by their content."""

from __future__ import annotations

import bz2
import datetime as dt
import gzip
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from errors import SourceError

#: Endings that are opened in a folder. A file that is named itself is opened whatever its ending.
TABLES: Final = (".csv", ".txt", ".tsv", ".tab", ".psv", ".prn", ".asc", ".dat", ".data", ".parquet", ".pq", ".parq")
_COMPRESSED: Final = (".gz", ".bz2", ".xz", ".lzma", ".zst", ".z")
_ARCHIVES: Final = (".zip", ".tar", ".tgz", ".tbz2", ".txz")
#: A file that unpacks to more than this is no file of daily bars.
_LARGEST: Final = 4 << 30
PARQUET: Final = b"PAR1"


@dataclass(frozen=True, slots=True)
class Member:
    """One file: `where` names it for people, `name` and `folder` may name its ticker, `written` is when it was last written."""

    where: str
    name: str
    folder: str
    content: bytes
    written: dt.datetime


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A file that is not read, and why."""

    where: str
    reason: str


def stem(name: str) -> str:
    """A file's name without the endings of tables, compression and archives."""
    known = (*TABLES, *_COMPRESSED, *_ARCHIVES)
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


def members(path: Path, root: Path | None = None) -> Iterator[Member | PassedOver]:
    """The file itself, or what lies in the archive. `root`: only folders below it may name a ticker.

    Raises SourceError for a file that cannot be read or unpacked.
    """
    folder = "" if root is None or path.parent == root else path.parent.name
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
    if content.startswith(b"PK\x03\x04"):
        yield from _zipped(where, folder, content, written)
        return
    if content.startswith(b"\x1f\x8b"):
        content = _limited(gzip.GzipFile(fileobj=io.BytesIO(content)), where)
    elif content.startswith(b"BZh"):
        content = _limited(bz2.BZ2File(io.BytesIO(content)), where)
    elif content.startswith((b"\xfd7zXZ", b"\x5d\x00\x00")):
        content = _limited(lzma.LZMAFile(io.BytesIO(content)), where)  # noqa: SIM115 - of bytes
    elif content.startswith(b"\x28\xb5\x2f\xfd"):
        import pyarrow as pa  # noqa: PLC0415 - the only reader of this compression here

        content = _limited(pa.CompressedInputStream(pa.BufferReader(content), "zstd"), where)
    if content[257:262] == b"ustar":
        yield from _tarred(where, folder, content, written)
        return
    yield Member(where, name, folder, content, written)


def _limited(stream: io.IOBase, where: str) -> bytes:
    content: bytes = stream.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise SourceError(f"{where}: unpacks to more than {_LARGEST >> 30} GB; unpack and split it")
    return content


def _zipped(where: str, folder: str, content: bytes, written: dt.datetime) -> Iterator[Member | PassedOver]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        if "[Content_Types].xml" in names or "mimetype" in names:
            raise SourceError(f"{where}: a workbook (Excel or OpenDocument); save its sheet as CSV")
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
        yield from _unpacked(place, path.name, path.parent.name or folder, content, written)
