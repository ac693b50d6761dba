"""What files call their columns: one table, our name → the words of vendors and languages. To add a word, add it here.

Words are compared by `plain`: without case, accents, blanks, signs and units in brackets. Of several words for one column the
first in the table is taken, so that Euronext's `Close` wins over its `Last`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

from producers.forms.marks import currency_mark

#: Letters that have no decomposition into a base letter and an accent.
_LETTERS: Final = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe"})
_BRACKETS: Final = re.compile(r"[(（\[【].*?[)）\]】]")
_PRICES: Final = ("open", "high", "low", "close", "adjusted_close")
_LETTER: Final = re.compile(r"[^\W\d_]")
_NOT_WORD: Final = re.compile(r"[\W_]+")
_BETWEEN: Final = re.compile(r"[\s/|]+")
_NUMBERED: Final = re.compile(r"^\d+[.)]\s*")

#: Our name → words, the surest first, grouped by language or vendor. A word stands here in its plain form or any that `plain` makes so.
COLUMNS: Final[dict[str, str]] = {
    "date": """
        date datetime timestamp day tradingday tradedate trade_date datadate marketdate pricedate sessiondate businessdate dlycaldt
        Datum Handelstag | Fecha | Data Data_pregão | 日期 交易日期 时间 日付 日付け 年月日 | 날짜 일자 | Дата | Tarih | Dato | Dátum
        Päivämäärä | Ημερομηνία | תאריך | التاريخ | วันที่ | Ngày | Tanggal | दिनांक
        open_time opentime timeopen window_start begin dateutc gmttime localtime utctime unix unixtime epoch begins_at traddt trddt dtyyyymmdd quotedate วันเดือนปี
        exchangedate time t ts dt ds starttime start Zeit Heure Hora 交易时间 日時""",
    "open": """
        open openprice openingprice openpric px_open prcod openprc priceopen tropenprice tropeningprice first 1st opnpric opnprc dlyopen adjopen adjustedopen o
        Eröffnung Eröffnungskurs Eroeffnung Erster Eröffn. Anfang | Ouverture Ouv. Ouvert. Offen | Apertura Abertura Preço_de_abertura
        Otwarcie Kurs_otwarcia | Открытие Откр. Цена_открытия | 开盘 开盘价 今开 開盤 開盤價 開市 开市 始値 | 시가 | Açılış Açılış_fiyatı openp | Öppning Öppningskurs Öppen Åben
        Åbning Åpning Åbningskurs | Openingskoers Opening | Otevření Otevírací Otevírací_cena | Nyitó Nyitóár | Avaus Avauskurssi
        Άνοιγμα | פתיחה שער_פתיחה | الافتتاح افتتاح مفتوح | เปิด ราคาเปิด | Mở_cửa Mở Giá_mở_cửa | Pembukaan | Deschidere Отв.""",
    "high": """
        high highprice highestprice highest day_high dayhigh px_high prchd askhi pricehigh trhighprice max maximum hghpric hiprc dlyhigh high1 adjhigh adjustedhigh h
        Hoch Höchst Höchstkurs Tageshoch Höchster Tageshöchst | Haut Plus_haut +Haut Élevé | Máximo Máx. Maximo | Massimo Max | Máxima
        Preço_máximo | Najwyższy Maksimum Kurs_max Kurs_maksymalny | Макс. Максимум Максимальная_цена | 最高 最高价 高 最高價 高値 | 고가
        Yüksek En_yüksek En_yüksek_fiyat | Högsta Högst Högstkurs | Højeste Høj | Høy Høyeste | Hoog Hoogste | Nejvyšší Maximální | Legmagasabb
        Ylin | Υψηλό Μέγιστο | גבוה שער_גבוה | الأعلى أعلى | สูงสุด ราคาสูงสุด | Cao Cao_nhất Giá_cao_nhất | Tertinggi | Maxim Висока""",
    "low": """
        low lowprice lowestprice lowest day_low daylow px_low prcld bidlo pricelow trlowprice min minimum lwpric loprc dlylow low1 adjlow adjustedlow l
        Tief Tiefst Tiefstkurs Tagestief Tiefster | Bas Plus_bas +Bas Faible | Mínimo Mín. Minimo | Min Minima | Mínima Preço_mínimo
        Najniższy Minimum Kurs_min Kurs_minimalny | Мин. Минимум Минимальная_цена | 最低 最低价 低 最低價 安値 | 저가 | Düşük En_düşük En_düşük_fiyat
        Lägsta Lägst Lägstkurs | Laveste Lav | Laag Laagste | Nejnižší Minimální | Legalacsonyabb | Alin | Χαμηλό Ελάχιστο
        נמוך שער_נמוך | الأدنى أدنى الأقل | ต่ำสุด ราคาต่ำสุด | Thấp Thấp_nhất Giá_thấp_nhất | Terendah | Minim Ниска""",
    "close": """
        close closeprice closelast closingprice closepric closing px_last px_close prccd priceclose trpriceclose tradeclose
        trclosingprice trcloseprice closep settle closeclosepriceadjustedforsplits clspric clsprc dlyclose dlyprc prc trdprc1 c last lastprice latest ltp price
        Schluss Schlusskurs Schlußkurs Letzter Zuletzt Kurs | Clôture Clôt. Fermeture Fermer Dernier Cours | Cierre Último Precio | Chiusura Ultimo Prezzo
        Fechamento Preço_de_fechamento Último | Zamknięcie Kurs_zamknięcia Ostatnio | Закрытие Закр. Цена_закрытия Цена Последняя
        收盘 收盘价 最新价 收盤 收盤價 收市 終値 | 종가 현재가 | Kapanış Kapanış_fiyatı Şimdi Son | Stängning Stängningskurs Senast Slutkurs Avslut Senaste | Luk Lukkekurs Seneste
        Slutt Siste Sluttkurs | Slotkoers Slot Laatste | Zavření Závěr Závěrečná Poslední | Záró Záróár Utolsó | Päätös Päätöskurssi Viimeisin
        Κλείσιμο Τελευταία | סגירה שער_סגירה שער_נעילה שער | الإغلاق إغلاق الأخير | ปิด ราคาปิด ล่าสุด | Đóng_cửa Giá_đóng_cửa Lần_cuối | Penutupan Terakhir | Ultimul Последна""",
    "volume": """
        quantidade volume vol tradingvolume volumeinmillions volumeinthousands volumein000 volin000 volume000 volumeshares sharevolume sharestraded totalvolume numberofshares noofshares totaltradedquantity px_volume cshtrd dlyvol
        trvolume tradevolume accumulatedvolume volumetraded qty quantity ttltrdqnty volumefrom basevolume ttltradgvol tottrdqty dnshrtrd acvoluns cvol adjvolume tickvol tickvolume v
        Stücke Stuecke Umsatz_Stück Umsatz_in_Stück Volumen Stück | Volumes Nombre_de_titres | Volumen_títulos Títulos | Quantità Volumi
        Volume_negociado | Wolumen Wol. | Объём Объем Количество | 成交量 交易量 成交股数 成交股數 總成交量 总手 出来高 売買高 | 거래량 | Hacim Hac. Miktar Toplam_işlem_adedi
        Volym Omsättning_antal | Volum Antal Omsat_antal | Omzet | Objem Obj. | Forgalom Forg. | Vaihto Määrä | Όγκος | נפח מחזור_יחידות כמות | الحجم حجم_التداول
        ปริมาณ | KL Khối_lượng | Volume_perdagangan | Обем""",
    "adjusted_close": """
        adjclose adjustedclose closeadj closeadjusted adjcloseprice adjustedcloseprice adj_close_price adj aclose adjustmentclose adjschluss
        adjcloseadjustedclosepriceadjustedforsplitsanddividendandorcapitalgaindistributions closeadjustedprice adjusted tri
        Schlusskurs_bereinigt bereinigt | Clôture_ajustée | Cierre_ajustado Cierre_aj. | Chiusura_rettificata | Fechamento_ajustado
        后复权收盘价 复权收盘价 前复权收盘价 終値調整値 調整後終値 調整値 | 수정종가 수정주가 | Justerad_stängning""",
    "dividend": """
        dividend dividends dividendamount divcash exdividend cashdividend div divs amountdividend dividendpershare
        Dividende Dividenden | Dividendo Dividendos | Dywidenda | Дивиденды Дивиденд | 分红 股息 每股股利 配当 | 배당금 | Utdelning | Udbytte Utbytte""",
    "split": """
        split splits stocksplits stocksplit splitratio splitfactor splitcoefficient
        Aktiensplit Aktiensplits | Fractionnement | Desdoblamiento | Frazionamento | Desdobramento | 拆股 拆分 株式分割 | 액면분할""",
    "ticker": """
        ticker symbol tckrsymb tickers symbols sym tic tsymb tickersymbol stocksymbol stockticker act_symbol tradingsymbol tradesymbol
        ts_code tscode order_book_id stkcd secid secucode securitycode securitiescode stockcode stock_id instrument instrumentid ric asset asset_id security securityid code scode stock
        unique_id uniqueid series_id seriesid item_id contract pair product_id bbgticker bloombergticker isin permno index name
        Kürzel Symbole Símbolo Simbolo Código Codice Codneg Ativo Papel tradingcode Mã Mã_CK Mã_chứng_khoán | Тикер Инструмент | 代码 股票代码 证券代码 代號 證券代號 コード 銘柄コード | 종목코드 단축코드
        Sembol Kod Papir Spółka Walor Nazwa""",
    "time": "time timeofday 时间 時刻 시간 Время Uhrzeit Heure Hora Czas Saat",
    "currency": """
        currency ccy curr quotecurrency pricecurrency currency_code ccy_code trading_currency listing_currency currencyid iso_currency
        Währung Waehrung Handelswährung Währungscode Devise Monnaie Moneda Divisa Valuta Moeda Waluta Měna Mena Pénznem Devizanem Valuutta Valuuta
        Para_birimi Döviz_cinsi Νόμισμα Валюта Валута 货币 币种 貨幣 幣別 通貨 通貨コード 통화 מטבע العملة สกุลเงิน Mata_uang Tiền_tệ""",
}  # fmt: skip
#: What pandas writes for an index without a name; a date only where no better column is there.
NAMELESS: Final = ("", "unnamed0", "index", "indexlevel0", "level0")
#: A ticker's column only where its values are texts that can be tickers: elsewhere these are numbers of rows, or names of companies.
DOUBTFUL_TICKER: Final = frozenset(
    {"index", "name", "code", "item", "stock", "security", "asset", "contract", "kod", "nazwa", "isin"}
)
#: Words in file names that name no ticker. A name made of such words alone leaves the ticker to the folder.
_NAME_WORDS: Final = """
    daily day days d d1 1d 1day data history historical hist price prices stock stocks share shares bar bars ohlc ohlcv
    eod quote quotes chart export download table adjusted unadjusted adj raw full all max compact csv txt part series time
    timeseries market historicaldata kurse kursdaten historisch historische historico historicos cours historique storico
    dane notowania binance coinbase kraken bitstamp bitfinex gemini yahoo yfinance stooq nasdaq nyse coin crypto my the of
    and from to test sample copy file tickers list mein meine spot final new clean ticks 1440 1440m 24h candles downloads tradingview bloomberg investing output input temp tmp documents desktop archive backup klines
    kline values dly 1day 1min adjsplitdiv adjsplit candlestick bid ask coinmarketcap investing.com
    fx forex yf kopie kopia copia copie kopi dat ascii wkn historic currency mid unadj orig
    dataset datasets book mappe classeur libro cartel arkusz dati tabelle tabella tabela untitled unbenannt aktien borsa bourse bhavcopy stockdata
    stockprices stockprice pricedata marketdata mydata mystocks datafile response result results query sheet blatt feuille hoja planilha
    exported merged combined concat concatenated cleaned processed train interpolated portfolio universe cotacoes cotizaciones
    quotazioni koersen kursy kurzy veriler notierungen 行情 数据 日线 股价 株価 주가
    macrotrends barchart bitfinex oanda tvc amex historicalprices historicalquotes com price-history stock-price
"""
NAME_WORDS: Final = frozenset(_NAME_WORDS.split())
#: Words of a header's cell that is a name with its explanation.
_EXPLAINED: Final = 4
#: Marks around a field's name that say nothing: a coin, a currency, a unit.
_MARKS: Final = re.compile(r"(usdt|usdc|busd|usd|eur|gbp|jpy|cny|btc|eth)$")


@lru_cache(maxsize=1 << 12)
def plain(name: str, *, units: bool = False) -> str:
    """A column's name without case, accents, blanks, signs, a leading number and (unless `units`) units in brackets.

    >>> [plain(name) for name in ("Adj Close", "<OPEN>", "1. open", "Eröffn.", "成交量(手)", "+Haut", "Volume (BTC)")]
    ['adjclose', 'open', 'open', 'eroffn', '成交量', 'haut', 'volume']
    """
    text = name.strip().strip("\ufeff").casefold()
    text = text if units else _BRACKETS.sub("", text) or text
    text = unicodedata.normalize("NFKD", _NUMBERED.sub("", text).translate(_LETTERS))
    text = "".join(mark for mark in text if not unicodedata.combining(mark))
    return _NOT_WORD.sub("", unicodedata.normalize("NFC", text))


#: Our name → plain words, the surest first.
WORDS: Final[dict[str, tuple[str, ...]]] = {
    ours: tuple(dict.fromkeys(plain(word) for word in words.split() if word != "|")) for ours, words in COLUMNS.items()
}
#: The words as they are written in the table, in lower case and with `_` for a blank.
WRITTEN: Final = frozenset(word.casefold() for words in COLUMNS.values() for word in words.split())
_FIELD_OF: Final[dict[str, str]] = {
    word: ours for ours in reversed([name for name in WORDS if name != "time"]) for word in WORDS[ours]
}


@lru_cache(maxsize=1 << 12)  # the files of a folder have the same names
def field_of(name: str) -> str | None:
    """Our name of a column; None for an unknown name, and for a share, as `Open %`.

    >>> [field_of(name) for name in ("Schlusskurs", "ts_code", "Volume USDT", "close usd", "Umsatz (Stück)", "Open 開市", "turnover")]
    ['close', 'ticker', 'volume', 'close', 'volume', 'open', None]
    """
    if "%" in name or _LETTER.search(name) is None:
        return None
    known = next((_FIELD_OF[word] for word in _spellings(name) if word in _FIELD_OF), None)
    return known or _of_two_languages(name) or _price_in_a_currency(name)


def _price_in_a_currency(name: str) -> str | None:
    """The column of prices whose name says their currency, `Kurs in EUR`. Volumes in a currency are money."""
    mark = currency_mark(name)
    ours = None if mark is None else _FIELD_OF.get(plain(mark[0]))
    return ours if ours in _PRICES else None


def _of_two_languages(name: str) -> str | None:
    """The column of a name in Latin and in other letters, `Open 開市`, if both name the same."""
    words = [word for word in _BETWEEN.split(name) if word]
    if len(words) != 2 or words[0].isascii() == words[1].isascii():
        return None
    first, second = (_FIELD_OF.get(plain(word)) for word in words)
    return first if first == second else None


def rank(ours: str, name: str) -> int:
    """How sure a name is for our column: 0 is the surest; a name that only its marks make known is less sure than any."""
    words = WORDS[ours]
    for beyond, word in enumerate(_spellings(name)):
        if word in words:
            return words.index(word) + (0, 0, len(words), len(words))[beyond]
    return 2 * len(words)


def is_plainly(ours: str, name: str) -> bool:
    """Whether a name is one of the words for our column as it stands, without marks taken off."""
    return plain(name) in WORDS[ours]


def _spellings(name: str) -> tuple[str, ...]:
    if name.count(",") == 1 and volume_unit(name) != 1.0:
        name = name.partition(",")[0]  # `Объем, тыс. шт`
    spellings = plain(name, units=True), plain(name), _MARKS.sub("", plain(name))
    words = name.split()
    # Yahoo's page explains its closes in the header: `Schluss Schlusskurs bereinigt um Splits.`
    return (*spellings, plain(words[0])) if len(words) >= _EXPLAINED and "split" in name.casefold() else spellings


#: Units in the name of a volume's column, in brackets, behind a comma or after `in` → its factor, in shares. Shares, coins and currencies
#: have none.
_VOLUME_UNITS: Final = (
    ("百万|백만|million|millions|mio|mill|mln|mn|mm|m|万手|萬手", 1e6),
    ("crore|crores|cr", 1e7),
    ("lac|lacs|lakh|lakhs|千手", 1e5),
    ("万股|萬股|万株|만주|万|萬", 1e4),
    (
        "千株|千股|천주|천|千|張|张|thousand|thousands|tsd|tausend|тыс|k|x ?1[,.]?000|'?0[,.]?000s?|'?1[,.]?000s?|'?000'?s?|總手(?=千)",
        1e3,
    ),
    ("百股|百株|手|lot|lots|hundred|hundreds|'?00s?", 1e2),
)
_UNIT: Final = tuple(
    (re.compile(rf"(?:[(（\[【,_]\s*|\bin )(?:in |of |shares? in |x ?)?(?:{words})(?![^\W\d_]*\w)", re.IGNORECASE), factor)
    for words, factor in _VOLUME_UNITS
)
#: In English; a thousand in Spanish.
_MILLIONS: Final = re.compile(r"(?i)vol(ume)?\.? [(\[]mil\b")
_LOTS: Final = re.compile(r"^总手$|^总手数$")


def volume_unit(name: str) -> float:
    """Shares a unit of a volume's column, by its name; 1 if it names none.

    >>> [volume_unit(name) for name in ("成交量(手)", "Volume (thousands)", "Volume (mm)", "Объем, тыс. шт", "Volume (BTC)", "Volume")]
    [100.0, 1000.0, 1000000.0, 1000.0, 1.0, 1.0]
    """
    if _LOTS.match(name.strip()):
        return 1e2
    if _MILLIONS.match(name.strip()):
        return 1e6
    return next((factor for pattern, factor in _UNIT if pattern.search(name)), 1.0)
