"""Who may write a partition of a changelog: every writer claims it first, and the log itself shows whose records count.

A worker that was frozen, or cut off from the group, may go on sending for a moment after another one has taken over. Kafka
accepts what it sends. So a worker that gets a partition first writes a *claim*: a record that names the claim that it
follows. It counts only if that is the standing one, so of two workers that claim at once the first in the log wins. Every
record after it names the claim under which it was written; one that was written under an earlier claim is *void*, for
everybody who reads the log: the next owner, a replica, an audit.

Each record also says how many keys the partition holds after it and their digest, so that whoever has read the log to its end
can prove that nothing is missing.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterable
from typing import Final, NamedTuple

HEADER: Final = "claim"
#: Keys that begin with a zero byte are bookkeeping; no ticker does.
BOOKKEEPING: Final = b"\0"
#: Followed by the writer's name, so that compaction keeps the claims of different writers apart.
CLAIM_PREFIX: Final = BOOKKEEPING + b"claim/"
_FORMAT: Final = struct.Struct("<IQIQ")

Headers = Iterable[tuple[str, bytes]]


class Claim(NamedTuple):
    """What a record says of itself.

    `incarnation` counts rebuilds of the tables. `claim` is one more than the offset of the claim under which the record was
    written, 0 where there was none; of a claim itself: of the one that it follows. `keys` and `digest` are the partition's
    after this record.
    """

    incarnation: int
    claim: int
    keys: int
    digest: int


class Verdict(enum.Enum):
    """What a record means to whoever has read all before it."""

    COUNTS = "counts"
    CLAIMED = "claimed"
    #: As CLAIMED, and everything before it is forgotten: the tables were begun anew.
    BEGUN_ANEW = "begun anew"
    VOID = "void"
    BOOKKEEPING = "bookkeeping"


class Standing(NamedTuple):
    """Under which claim a partition is written at some point of its log."""

    incarnation: int = 0
    claim: int = 0

    def after(self, offset: int, key: bytes, headers: Claim | None, *, deleted: bool) -> tuple[Standing, Verdict]:
        """The standing behind the record at `offset`, and what it means.

        Records without a claim were written by versions that did not know claims; they count until the first claim.
        """
        if key.startswith(CLAIM_PREFIX):
            return self._after_claim(offset, headers, deleted=deleted)
        if key.startswith(BOOKKEEPING):
            return self, Verdict.BOOKKEEPING
        if headers is None:
            return self, Verdict.COUNTS if self == FIRST else Verdict.VOID
        written = Standing(headers.incarnation, headers.claim)
        if written < self:
            return self, Verdict.VOID
        # A higher claim than the standing one is not there any more: compaction took it after its writer had left.
        return written, Verdict.COUNTS

    def _after_claim(self, offset: int, headers: Claim | None, *, deleted: bool) -> tuple[Standing, Verdict]:
        if deleted or headers is None:
            return self, Verdict.BOOKKEEPING
        if headers.incarnation > self.incarnation:
            return Standing(headers.incarnation, offset + 1), Verdict.BEGUN_ANEW
        if Standing(headers.incarnation, headers.claim) != self:
            return self, Verdict.VOID
        return Standing(headers.incarnation, offset + 1), Verdict.CLAIMED


FIRST: Final = Standing()


def encode_claim(claim: Claim) -> bytes:
    """The value of the header."""
    return _FORMAT.pack(*claim)


def decode_claim(headers: Headers | None) -> Claim | None:
    """The claim in a record's headers; None where there is none, or one that nobody here could have written."""
    for name, value in headers or ():
        if name == HEADER and value is not None and len(value) == _FORMAT.size:
            return Claim(*_FORMAT.unpack(value))
    return None
