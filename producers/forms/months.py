"""Names of months, in the languages of vendors and spreadsheets."""

from __future__ import annotations

from typing import Final

from producers.forms.vocabulary import plain

#: Languages' months, January first. Words are compared by their beginning; the longest that fits counts.
MONTHS: Final = tuple(
    """
    jan january janvier januar enero ene gennaio gen januari janeiro sty stycznia янв января oca ocak leden ledna led \
    tammi jän ian ιαν січ яну
    feb february fevrier fev fevr februar febrero febbraio februari fevereiro lut lutego фев февраля şub şubat únor \
    února úno helmi φεβ лют
    mar march mars marz märz mrz marzo maart mrt março marca мар марта mart březen bře maalis mär μαρ бер
    apr april avril avr abril abr aprile kwi kwietnia апр апреля nis nisan duben dubna dub huhti ápr απρ кві
    may mai mayo maggio mag mei maio maj maja май мая mayıs květen května kvě touko máj μαι μάι тра
    jun june juin juni junio giugno giu junho cze czerwca июн июня haz haziran červen června čvn kesä iun jún ιουν \
    чер юни
    jul july juillet juil juli julio luglio lug julho lip lipca июл июля tem temmuz červenec července čvc heinä iul \
    júl ιουλ юли лип
    aug august aout agosto ago augustus augusti sie sierpnia авг августа ağu ağustos srpen srpna srp elo agu αυγ сер
    sep sept september septembre septiembre settembre set setembro wrz września сен сентября eyl eylül září zář syys \
    szept σεπ вер
    oct october octobre oktober okt octubre ottobre ott outubro out paź października окт октября eki ekim říjen října \
    říj loka οκτ жов
    nov november novembre noviembre novembro lis listopada ноя ноября kas kasım marras listopad listopadu νοε лис ное
    dec december decembre dezember dez diciembre dic dicembre dezembro gru grudnia дек декабря ara aralık prosinec \
    prosince pro joulu des δεκ гру
    """.strip().splitlines()
)
_MONTH_OF: Final = {plain(word): month for month, words in reversed([*enumerate(MONTHS, 1)]) for word in words.split()}


def month_of(word: str) -> int | None:
    """The number of the month that a word names or abbreviates; None for another word.

    >>> [month_of(word) for word in ("Jan", "Dezember", "févr", "сентября", "Joulukuu", "close")]
    [1, 12, 2, 9, 12, None]
    """
    word = plain(word)
    for length in range(len(word), 2, -1):
        if (month := _MONTH_OF.get(word[:length])) is not None:
            return month
    return None
