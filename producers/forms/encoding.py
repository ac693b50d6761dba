"""From bytes to text. A byte-order mark and UTF-8 decide by themselves; among older encodings the header's words do.

The only letters outside ASCII are mostly those of the header, too few for statistics: `开盘` in GBK is no word in any other
encoding. Where no known word is found, charset-normalizer guesses from all of the text.
"""

from __future__ import annotations

import codecs
from typing import Final

from errors import SourceError
from producers.forms.vocabulary import WRITTEN, field_of

#: Codecs of older spreadsheets and vendors, each with the languages that it stands for; of equals the first is taken.
_OLDER: Final = (
    "gb18030", "big5", "cp932", "euc_jp", "cp949", "cp1252", "cp1250", "iso8859_2", "cp1251", "koi8_r", "cp1253",
    "cp1254", "cp1255", "cp1256",
    "cp1258", "cp874", "cp850", "cp852", "cp866", "mac_roman",
)  # fmt: skip
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip
_HEAD: Final = 1 << 14
_SHOWN: Final = {"utf-8-sig": "UTF-8", "gb18030": "GBK", "cp932": "Shift JIS", "cp949": "EUC-KR"}


def decoded(content: bytes, *, declared: str | None, where: str) -> tuple[str, str]:
    """The text, with line ends as line feeds, and the encoding's name. SourceError if no encoding fits."""
    codec = declared or _codec(content)
    if codec is None:
        raise SourceError(f"{where}: is no text in a known encoding; say which: --read-as encoding=…")
    try:
        text = content.decode(codec)
    except (UnicodeDecodeError, LookupError) as error:
        raise SourceError(f"{where}: is not {codec}: {error}") from error
    if "\x00" in text:
        raise SourceError(f"{where}: is no text: it holds zero bytes")
    return text.replace("\r\n", "\n").replace("\r", "\n"), _SHOWN.get(codec, codec.upper())


def _codec(content: bytes) -> str | None:
    marked = next((codec for mark, codec in _MARKS if content.startswith(mark)), None)
    if marked is not None:
        return marked
    head = content[:_HEAD]
    if head.count(0) > len(head) // 4:
        return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    else:
        return "utf-8"
    scores = {codec: _known_words(content, codec) for codec in _OLDER}
    best = max(scores, key=lambda codec: scores[codec])
    if scores[best] > 0:
        return best
    import charset_normalizer  # noqa: PLC0415 - a tenth of the imports, for few files

    guess = charset_normalizer.from_bytes(content[: 1 << 20]).best()
    return None if guess is None else guess.encoding


def _known_words(content: bytes, codec: str) -> int:
    """Names with letters outside ASCII among the first lines that are known as columns; -1 if the codec does not fit."""
    try:
        text = content.decode(codec)
    except UnicodeDecodeError:
        return -1
    head = text[: _HEAD // 2].replace("\r", "\n").split("\n")[:12]
    words = {word for line in head for sign in ",;\t|" for word in line.split(sign)}
    known = [word for word in words if not word.isascii() and field_of(word) is not None]
    return sum(1 + ("_".join(word.casefold().split()) in WRITTEN) for word in known)  # accents tell 1250 from 1252
