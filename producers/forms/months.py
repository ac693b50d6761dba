"""Names of months, in the languages of vendors and spreadsheets. The language is decided from all names of a file.

`lis` is October in Croatian and November in Polish, `srp` July in Croatian and August in Czech. The other names of the file say
which language it is; where they do not, the names are refused with both readings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Final

from errors import SourceError
from producers.forms.vocabulary import plain

#: Language → its twelve months, January first, each with its cases and its irregular abbreviations. Any beginning of three
#: letters or more is an abbreviation.
LANGUAGES: Final[dict[str, str]] = {
    "English": "january february march april may june july august september/sept october november december",
    "German": "januar/jänner/jaenner februar/feber märz/maerz/mrz april mai juni juli august september oktober november "
    "dezember",
    "French": "janvier février mars avril mai juin juillet/juil août septembre octobre novembre décembre",
    "Spanish": "enero febrero marzo abril mayo junio julio agosto septiembre/setiembre octubre noviembre diciembre",
    "Italian": "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "Portuguese": "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "Catalan": "gener febrer març abril maig juny juliol agost setembre octubre novembre desembre",
    "Dutch": "januari februari maart/mrt april mei juni juli augustus september oktober november december",
    "Swedish": "januari februari mars april maj juni juli augusti september oktober november december",
    "Danish": "januar februar marts april maj juni juli august september oktober november december",
    "Norwegian": "januar februar mars april mai juni juli august september oktober november desember",
    "Icelandic": "janúar febrúar mars apríl maí júní júlí ágúst september október nóvember desember",
    "Finnish": "tammikuu helmikuu maaliskuu huhtikuu toukokuu kesäkuu heinäkuu elokuu syyskuu lokakuu marraskuu joulukuu",
    "Estonian": "jaanuar veebruar märts aprill mai juuni juuli august september oktoober november detsember",
    "Latvian": "janvāris februāris marts aprīlis maijs jūnijs jūlijs augusts septembris oktobris novembris decembris",
    "Lithuanian": "sausis/sausio vasaris/vasario kovas/kovo balandis/balandžio gegužė/gegužės birželis/birželio liepa/liepos "
    "rugpjūtis/rugpjūčio/rgp rugsėjis/rugsėjo/rgs spalis/spalio lapkritis/lapkričio gruodis/gruodžio",
    "Polish": "styczeń/stycznia luty/lutego marzec/marca kwiecień/kwietnia maj/maja czerwiec/czerwca lipiec/lipca "
    "sierpień/sierpnia wrzesień/września październik/października listopad/listopada grudzień/grudnia",
    "Czech": "leden/ledna únor/února březen/března duben/dubna květen/května červen/června/čvn červenec/července/čvc "
    "srpen/srpna září říjen/října listopad/listopadu prosinec/prosince",
    "Slovak": "január/januára február/februára marec/marca apríl/apríla máj/mája jún/júna júl/júla august/augusta "
    "september/septembra október/októbra november/novembra december/decembra",
    "Slovenian": "januar/januarja februar/februarja marec/marca april/aprila maj/maja junij/junija julij/julija avgust/avgusta "
    "september/septembra oktober/oktobra november/novembra december/decembra",
    "Croatian": "siječanj/siječnja veljača/veljače ožujak/ožujka travanj/travnja svibanj/svibnja lipanj/lipnja srpanj/srpnja "
    "kolovoz/kolovoza rujan/rujna listopad/listopada studeni/studenoga/studenog prosinac/prosinca",
    "Serbian": "januar/јануар februar/фебруар mart/март april/април maj/мај jun/juni/јун jul/juli/јул avgust/август "
    "septembar/септембар oktobar/октобар novembar/новембар decembar/децембар",
    "Albanian": "janar shkurt mars prill maj qershor korrik gusht shtator tetor nëntor dhjetor",
    "Hungarian": "január február március április május június július augusztus szeptember október november december",
    "Romanian": "ianuarie februarie martie aprilie mai iunie iulie august septembrie octombrie noiembrie decembrie",
    "Turkish": "ocak şubat mart nisan mayıs haziran temmuz ağustos eylül ekim kasım aralık",
    "Greek": "ιανουάριος/ιανουαρίου φεβρουάριος/φεβρουαρίου μάρτιος/μαρτίου απρίλιος/απριλίου μάιος/μαΐου ιούνιος/ιουνίου "
    "ιούλιος/ιουλίου αύγουστος/αυγούστου σεπτέμβριος/σεπτεμβρίου οκτώβριος/οκτωβρίου νοέμβριος/νοεμβρίου δεκέμβριος/δεκεμβρίου",
    "Russian": "январь/января февраль/февраля март/марта апрель/апреля май/мая июнь/июня июль/июля август/августа "
    "сентябрь/сентября октябрь/октября ноябрь/ноября декабрь/декабря",
    "Ukrainian": "січень/січня лютий/лютого березень/березня квітень/квітня травень/травня червень/червня липень/липня "
    "серпень/серпня вересень/вересня жовтень/жовтня листопад/листопада грудень/грудня",
    "Belarusian": "студзень/студзеня люты/лютага сакавік/сакавіка красавік/красавіка май/мая/травень чэрвень/чэрвеня "
    "ліпень/ліпеня жнівень/жніўня верасень/верасня кастрычнік/кастрычніка лістапад/лістапада снежань/снежня",
    "Bulgarian": "януари февруари март април май юни юли август септември октомври ноември декември",
    "Indonesian": "januari februari maret april mei juni juli agustus/agt/ags september oktober november desember",
    "Malay": "januari februari mac april mei jun julai ogos september oktober november disember",
    "Afrikaans": "januarie februarie maart/mrt april mei junie julie augustus september oktober november desember",
}  # fmt: skip
_FEWEST_LETTERS: Final = 3
#: Abbreviations that hardly occur in a language: alone they are not taken for it. November is `marras` in Finnish.
_RARE: Final = {"mar": "Finnish"}
#: Language → month → plain forms.
_FORMS: Final = {
    language: [[plain(form) for form in forms.split("/")] for forms in months.split()] for language, months in LANGUAGES.items()
}


def is_month(word: str) -> bool:
    """Whether a word names or abbreviates a month in a language that is known.

    >>> [is_month(word) for word in ("Jan", "Dezember", "févr", "сентября", "Joulukuuta", "close")]
    [True, True, True, True, True, False]
    """
    return bool(_readings(word))


def months_of(words: Iterable[str], *, language: str | None, where: str) -> Mapping[str, int]:
    """Word → its month, of names that `is_month` knows, by `language` or by the languages that have all of them.

    Names that mean one month in every language need none. SourceError if two months remain, with both readings.
    """
    found: dict[str, int] = {}
    readings = {word: _readings(word) for word in words}
    common = {language.capitalize()} if language is not None else set(LANGUAGES).intersection(*readings.values())
    for word, by_language in readings.items():
        left = _languages_of_months(by_language, common) or _languages_of_months(by_language, by_language)
        if len(left) > 1:
            left = {month: each for month, each in left.items() if each != _RARE.get(plain(word))}
        if len(left) > 1:
            (first, one), (second, other) = sorted(left.items())[:2]
            raise SourceError(
                f"{where}: {word!r} may be month {first} ({one}) or month {second} ({other}), and the other names of months do "
                f"not decide; say which: --read-as months={one.lower()} or --read-as months={other.lower()}"
            )
        found[word] = next(iter(left))
    return found


def _languages_of_months(by_language: Mapping[str, int], languages: Collection[str]) -> dict[int, str]:
    """Month → the first of these languages in which a word is it."""
    found: dict[int, str] = {}
    for language, month in by_language.items():
        if language in languages:
            found.setdefault(month, language)
    return found


@lru_cache(maxsize=1 << 10)
def _readings(word: str) -> Mapping[str, int]:
    """Language → the month that a word is in it: its name, else a beginning of one name alone, else a longer form of it."""
    word = plain(word)
    if len(word) < _FEWEST_LETTERS:
        return {}
    for fits in (_is_name, _is_abbreviation, _is_longer):
        found = {}
        for language, months in _FORMS.items():
            fitting = [at for at, forms in enumerate(months, 1) if any(fits(word, form) for form in forms)]
            if len(fitting) == 1:
                found[language] = fitting[0]
        if found:
            return found
    return {}


def _is_name(word: str, form: str) -> bool:
    return word == form


def _is_abbreviation(word: str, form: str) -> bool:
    return form.startswith(word)


def _is_longer(word: str, form: str) -> bool:
    return word.startswith(form)
