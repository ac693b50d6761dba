"""One small example of every form that is read: the page docs/forms.md is made of them, and a test reads each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Example:
    """`title` names the form, `name` the file (with folders), `text` its content in `encoding`; `declared` what --read-as adds."""

    title: str
    name: str
    text: str
    encoding: str = "utf-8"
    declared: tuple[str, ...] = ()


EXAMPLES: Final = (
    Example(
        "Yahoo, a file named after its ticker, prices adjusted by Adj Close",
        "AAPL.csv",
        "Date,Open,High,Low,Close,Adj Close,Volume\n2024-01-02,187.15,188.44,183.89,185.64,184.73,82488700\n"
        "2024-01-03,184.22,185.88,183.43,184.25,183.35,58414500\n",
    ),
    Example(
        "yfinance.download(...).to_csv(): fields and tickers in header rows",
        "download.csv",
        "Price,Close,Close,High,High,Low,Low,Open,Open,Volume,Volume\nTicker,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT,AAPL,MSFT\n"
        "Date,,,,,,,,,,\n2024-01-02,185.6,370.8,188.4,375.9,183.8,366.7,187.1,373.8,82488700,25258600\n"
        "2024-01-03,184.2,370.6,185.8,373.2,183.4,368.5,184.2,369.0,58414500,23083500\n",
    ),
    Example(
        "Fields and tickers in one name, as pandas and R flatten them",
        "wide.csv",
        "Date,Open_AAPL,High_AAPL,Low_AAPL,Close_AAPL,Volume_AAPL\n2024-01-02,187.1,188.4,183.8,185.6,82488700\n"
        "2024-01-03,184.2,185.8,183.4,184.2,58414500\n",
    ),
    Example(
        "yfinance's history(): times with a zone, dividends beside adjusted prices",
        "MSFT.csv",
        "Date,Open,High,Low,Close,Volume,Dividends,Stock Splits\n2024-02-13 00:00:00-05:00,404.9,410.0,403.3,406.3,27824900,0.0,0.0\n"
        "2024-02-14 00:00:00-05:00,408.0,409.8,404.5,409.4,20401200,0.75,0.0\n",
    ),
    Example(
        "Many tickers in one file, tushare",
        "daily.csv",
        "ts_code,trade_date,open,high,low,close,pre_close,vol\n600519.SH,20240102,1715.0,1718.2,1678.1,1685.0,1726.0,32156.5\n"
        "000001.SZ,20240102,9.39,9.42,9.21,9.21,9.39,1158366.4\n600519.SH,20240103,1681.1,1695.2,1676.3,1694.0,1685.0,20229.2\n"
        "000001.SZ,20240103,9.19,9.22,9.15,9.2,9.21,733610.3\n",
    ),
    Example(
        "Stooq, in a tree of folders",
        "nasdaq stocks/1/aapl.us.txt",
        "<TICKER>,<PER>,<DATE>,<TIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>,<OPENINT>\n"
        "AAPL.US,D,20240102,000000,186.2,187.5,182.9,184.7,82488700,0\nAAPL.US,D,20240103,000000,183.3,184.9,182.5,183.3,58414500,0\n",
    ),
    Example(
        "Stooq's Polish page",
        "cdr_pl_d.csv",
        "Data,Otwarcie,Najwyzszy,Najnizszy,Zamkniecie,Wolumen\n2024-01-02,115.8,117.3,112.5,113.4,424351\n"
        "2024-01-03,113.2,113.8,108.6,109.5,503246\n",
    ),
    Example(
        "Investing.com in German: decimal commas, volumes with suffixes, newest first",
        "SAP Historische Kurse.csv",
        '"Datum","Zuletzt","Eröffn.","Hoch","Tief","Vol.","+/- %"\n"03.01.2024","136,40","137,80","138,62","135,88","1,58M","-1,02%"\n'
        '"02.01.2024","137,80","139,90","140,14","137,28","1,36M","-1,20%"\n',
    ),
    Example(
        "Nasdaq: dollar signs and thousands, month first",
        "HistoricalData_NVDA.csv",
        "Date,Close/Last,Volume,Open,High,Low\n01/16/2024,$563.82,44958020,$550.18,$568.35,$549.00\n"
        "01/12/2024,$547.10,35297990,$546.20,$549.70,$543.30\n",
    ),
    Example(
        "Alpha Vantage",
        "daily_IBM.csv",
        "timestamp,open,high,low,close,volume\n2024-01-03,161.00,161.73,160.08,160.10,4086065\n"
        "2024-01-02,162.83,163.29,160.38,161.50,3825044\n",
    ),
    Example(
        "Binance, without a header row: milliseconds or microseconds",
        "BTCUSDT-1d-2024-01.csv",
        "1704067200000,42283.58,44184.10,42180.77,44179.55,27174.29,1704153599999,1169995682.1,1127262,14067.4,605709842.3,0\n"
        "1704153600000,44179.55,45879.63,44148.34,44946.91,65146.40,1704239999999,2944331697.4,2232362,33089.7,1495530384.8,0\n",
    ),
    Example(
        "Lists of exchanges without names, as Kraken's: their order is found from the prices",
        "XBTUSD.json",
        '{"error": [], "result": {"XXBTZUSD": [\n'
        '  [1704067200, "42265.4", "44200.0", "42180.0", "44187.0", "43200.5", "2300.51", 35421],\n'
        '  [1704153600, "44187.0", "45900.0", "44150.0", "44960.1", "45210.0", "4100.02", 48123]], "last": 1704153600}}\n',
    ),
    Example(
        "A title line and volumes named after coins",
        "Bitstamp_ETHUSD_d.csv",
        "https://www.example.org\nunix,date,symbol,open,high,low,close,Volume ETH,Volume USD\n"
        "1704240000,2024-01-03 00:00:00,ETH/USD,2355.4,2385.0,2100.0,2209.7,9876.5,21823702\n"
        "1704153600,2024-01-02 00:00:00,ETH/USD,2352.6,2432.0,2343.0,2355.4,5432.1,12794768\n",
    ),
    Example(
        "CoinMarketCap: semicolons, decimal points, times of many kinds",
        "Solana.csv",
        "timeOpen;timeClose;timeHigh;timeLow;name;open;high;low;close;volume;marketCap;timestamp\n"
        '"2024-01-03T00:00:00.000Z";"2024-01-03T23:59:59.999Z";"2024-01-03T05:12:00.000Z";"2024-01-03T12:10:00.000Z";"2781";'
        '106.1;108.9;89.9;98.5;4560812544;42319;"2024-01-03T23:59:59.999Z"\n'
        '"2024-01-02T00:00:00.000Z";"2024-01-02T23:59:59.999Z";"2024-01-02T05:12:00.000Z";"2024-01-02T12:10:00.000Z";"2781";'
        '109.7;117.2;105.6;106.1;3821212544;45319;"2024-01-02T23:59:59.999Z"\n',
    ),
    Example(
        "MetaTrader 5: UTF-16, tabs, dates with points",
        "EURUSD_Daily_202401020000_202401030000.csv",
        "<DATE>\t<OPEN>\t<HIGH>\t<LOW>\t<CLOSE>\t<TICKVOL>\t<VOL>\t<SPREAD>\n2024.01.02\t1.1041\t1.1046\t1.0939\t1.0942\t58231\t0\t2\n"
        "2024.01.03\t1.0942\t1.0966\t1.0893\t1.0922\t61002\t0\t2\n",
        "utf-16",
    ),
    Example(
        "MetaTrader 4, without a header row",
        "GBPUSD1440.csv",
        "2024.01.02,00:00,1.2731,1.2759,1.2611,1.2619,58231\n2024.01.03,00:00,1.2619,1.2677,1.2613,1.2664,61002\n",
    ),
    Example(
        "akshare: Chinese headers in GBK, volumes in lots of 100",
        "000001.csv",
        "日期,股票代码,开盘,收盘,最高,最低,成交量(手),成交额\n2024-01-02,000001,9.39,9.21,9.42,9.21,1158366,1075742252\n"
        "2024-01-03,000001,9.19,9.20,9.22,9.15,733610,673673613\n",
        "gbk",
    ),
    Example(
        "Tokyo: Japanese headers in Shift JIS, an adjusted close",
        "7203.T.csv",
        '日付,始値,高値,安値,終値,出来高,終値調整値\n"2024/01/04","2,540.5","2,630","2,511","2,616","34,117,600","2,616"\n'
        '"2024/01/05","2,640.5","2,687.5","2,631","2,661.5","30,019,100","2,661.5"\n',
        "cp932",
    ),
    Example(
        "Seoul: Korean headers in EUC-KR",
        "005930.KS.csv",
        "일자,종가,대비,등락률,시가,고가,저가,거래량\n2024/01/02,79600,1100,1.40,78200,79800,78200,17142847\n"
        "2024/01/03,77000,-2600,-3.27,78500,78800,77000,21753644\n",
        "euc-kr",
    ),
    Example(
        "Euronext: title lines, semicolons, day first, Last beside Close",
        "ASML.AS.csv",
        '"Historical Data"\n"From 2024-01-02 to 2024-01-15"\nNL0010273215\nDate;Open;High;Low;Last;Close;"Number of Shares";Turnover\n'
        "02/01/2024;681.7;685.7;667.0;670.0;670.0;601452;404102\n15/01/2024;664.0;668.2;658.6;661.1;661.1;431231;285000\n",
    ),
    Example(
        "Stockholm: `sep=;`, blanks between thousands, decimal commas",
        "ERIC-B.ST.csv",
        "sep=;\nDate;Opening price;High price;Low price;Closing price;Total volume;\n2024-01-02;63,10;63,62;62,30;62,45;4 613 052;\n"
        "2024-01-03;62,40;62,58;61,12;61,30;5 200 107;\n",
    ),
    Example(
        "Xetra: older encoding, years of two digits, pieces beside money",
        "SAP.DE.csv",
        "Datum;Eröffnung;Schluss;Tageshoch;Tagestief;Umsatz (EUR);Umsatz (Stück)\n30.01.24;160,90;161,20;161,84;160,02;187.500.000;1.160.000\n"
        "31.01.24;161,24;161,20;162,10;160,30;215.600.000;1.330.000\n01.02.24;160,50;161,74;162,08;160,22;201.100.000;1.240.000\n",
        "cp1252",
    ),
    Example(
        "Bombay: months by name, thousands of Indian style",
        "RELIANCE.NS.csv",
        '"Date ","OPEN ","HIGH ","LOW ","PREV. CLOSE ","close ","VOLUME "\n"02-Jan-2024","2,585.00","2,613.80","2,577.40","2,590.25","2,611.70","1,00,48,112"\n'
        '"03-Jan-2024","2,600.00","2,609.35","2,578.00","2,611.70","2,583.45","67,77,711"\n',
    ),
    Example(
        "Bloomberg: the ticker in a title line",
        "export.csv",
        "Security,AAPL US Equity,,,,\nStart Date,1/2/2024,,,,\nCurrency,USD,,,,\n,,,,,\nDate,PX_OPEN,PX_HIGH,PX_LOW,PX_LAST,PX_VOLUME\n"
        "1/2/2024,187.15,188.44,183.89,185.64,82488700\n1/16/2024,182.16,184.26,180.93,183.63,65603000\n",
    ),
    Example(
        "Refinitiv: an instrument's column, rows with numbers",
        "eikon.csv",
        ",Instrument,Date,Price Open,Price High,Price Low,Price Close,Volume\n0,VOD.L,2024-01-02T00:00:00Z,68.8,69.9,68.5,69.5,41250000\n"
        "1,VOD.L,2024-01-03T00:00:00Z,69.4,69.8,68.1,68.4,52310000\n",
    ),
    Example(
        "Tiingo: raw and adjusted prices side by side",
        "tiingo/ko.csv",
        "date,close,high,low,open,volume,adjClose,adjHigh,adjLow,adjOpen,adjVolume,divCash,splitFactor\n"
        "2024-01-02T00:00:00.000Z,59.82,60.0,58.9,58.96,14277450,58.1,58.3,57.2,57.3,14277450,0.0,1.0\n"
        "2024-01-03T00:00:00.000Z,59.97,60.1,59.4,59.8,11500000,58.3,58.4,57.7,58.1,11500000,0.0,1.0\n",
    ),
    Example(
        "Polygon: names of one letter, a session's midnight as a count",
        "PFE.csv",
        "v,vw,o,c,h,l,t,n\n33023150,29.4,28.8,29.73,29.78,28.75,1704171600000,1000\n33513700,29.6,29.6,29.66,29.9,29.4,1704258000000,1000\n",
    ),
    Example(
        "A column of currencies, pence beside pounds",
        "bars.csv",
        "Symbol,Datum,Eröffnung,Hoch,Tief,Schluss,Volumen,Währung\nVOD.L,2024-01-02,68.5,69.4,68.2,69.1,48210000,GBX\n"
        "VOD.L,2024-01-03,69.0,69.3,68.0,68.3,51230000,GBX\nIGLT.L,2024-01-02,11.2,11.25,11.1,11.15,310000,GBP\n"
        "IGLT.L,2024-01-03,11.15,11.2,11.05,11.1,290000,GBP\n",
    ),
    Example(
        "Totals between the header and the bars",
        "KO.csv",
        "Date,Open,High,Low,Close,Volume\nLatest,59.80,60.10,59.40,59.97,11500000\nAverage,59.38,60.05,59.15,59.90,12888725\n"
        "2024-01-02,58.96,60.00,58.90,59.82,14277450\n2024-01-03,59.80,60.10,59.40,59.97,11500000\n",
    ),
    Example(
        "A currency in a title line",
        "NESN.csv",
        "Nestlé SA (in CHF)\nDate,Open,High,Low,Close,Volume\n2024-01-02,97.6,98.2,97.1,97.5,4120000\n2024-01-03,97.3,98.1,96.9,97.9,4310000\n",
    ),
    Example(
        "A currency in the names of the prices",
        "VOW.csv",
        "Datum;Eröffnung in EUR;Hoch in EUR;Tief in EUR;Kurs in EUR;Stück\n30.01.2024;118,40;119,85;117,90;119,25;71200\n"
        "31.01.2024;119,30;120,95;118,75;120,15;80400\n",
    ),
    Example(
        "Year, month and day in columns of their own",
        "RIO.L.csv",
        "Year,Month,Day,Open,High,Low,Close,Volume\n2024,1,2,5852,5889,5790,5806,1784213\n2024,1,3,5786,5790,5664,5673,2310448\n",
    ),
    Example(
        "Counts of days of a statistics program, which fewer than a year of bars leave open",
        "MMM.csv",
        "Date,Open,High,Low,Close,Volume\n23377,109.1,110.3,108.9,110.0,3250000\n23378,109.4,109.8,107.3,107.7,3430000\n",
        declared=("dates=sas",),
    ),
    Example(
        "A long table, as pandas.melt writes it: a row for each value",
        "melted.csv",
        "date,ticker,variable,value\n2024-01-02,AAPL,open,187.15\n2024-01-03,AAPL,open,184.22\n2024-01-02,AAPL,high,188.44\n"
        "2024-01-03,AAPL,high,185.88\n2024-01-02,AAPL,low,183.89\n2024-01-03,AAPL,low,183.43\n2024-01-02,AAPL,close,185.64\n"
        "2024-01-03,AAPL,close,184.25\n2024-01-02,AAPL,volume,82488700\n2024-01-03,AAPL,volume,58414500\n",
    ),
    Example(
        "Datastream's codes, volumes in thousands",
        "request.csv",
        "Start,2024-01-02,,,,\nName,APPLE - OPENING PRICE,APPLE - PRICE HIGH,APPLE - PRICE LOW,APPLE,APPLE - TURNOVER BY VOLUME\n"
        "Code,@AAPL(PO),@AAPL(PH),@AAPL(PL),@AAPL(P),@AAPL(VO)\nCURRENCY,U$,U$,U$,U$,U$\n"
        "2024-01-02,187.15,188.44,183.89,185.64,82488.7\n2024-01-03,184.22,185.88,183.43,184.25,58414.5\n",
    ),
    Example(
        "A spreadsheet's counts of days",
        "GE.csv",
        "Date,Open,High,Low,Close,Volume\n45293,127.2,128.9,126.6,127.6,4180000\n45294,126.8,127.1,124.9,125.4,4960000\n",
    ),
    Example(
        "JSON: records, columns, lists, pandas' forms, one record a line, or these within a service's answer",
        "IBM.json",
        '[{"date": "2024-01-02", "open": 162.83, "high": 163.29, "low": 160.38, "close": 161.5, "volume": 3825044},\n'
        ' {"date": "2024-01-03", "open": 161.0, "high": 161.73, "low": 160.08, "close": 160.1, "volume": 4086065}]\n',
    ),
    Example(
        "JSON with a table for each year",
        "PEP.json",
        '{"2023": [{"date": "2023-12-28", "open": 168.3, "high": 169.6, "low": 168.2, "close": 169.4, "volume": 3010000},\n'
        '          {"date": "2023-12-29", "open": 169.2, "high": 170.1, "low": 168.9, "close": 169.8, "volume": 3660000}],\n'
        ' "2024": [{"date": "2024-01-02", "open": 169.6, "high": 171.6, "low": 169.3, "close": 171.1, "volume": 6570000}]}\n',
    ),
    Example(
        "Yahoo's chart answer, and answers of other services: the table in them, with its symbol",
        "chart.json",
        '{"chart": {"result": [{"meta": {"currency": "AUD", "symbol": "BHP.AX", "exchangeTimezoneName": "Australia/Sydney"},\n'
        '  "timestamp": [1704150000, 1704236400], "indicators": {"quote": [{"open": [50.5, 50.0], "high": [50.7, 50.2],\n'
        '  "low": [50.1, 49.5], "close": [50.3, 49.6], "volume": [3825044, 4086065]}]}}], "error": null}}\n',
    ),
    Example(
        "Taipei: names of columns beside rows, years that begin in 1912",
        "2330.TW.json",
        '{"stat": "OK", "title": "113年01月 2330", "fields": ["日期", "成交股數", "開盤價", "最高價", "最低價", "收盤價"],\n'
        ' "data": [["113/01/02", "27,997,826", "590.00", "593.00", "589.00", "593.00"],\n'
        '          ["113/01/03", "37,106,763", "584.00", "585.00", "576.00", "578.00"]]}\n',
    ),
    Example(
        "A file in a ticker's folder, columns under names that are declared",
        "bars/IBM/2024.csv",
        "tag,von,bis_oben,bis_unten,ende,stueck\n2024-01-02,162.83,163.29,160.38,161.50,3825044\n2024-01-03,161.00,161.73,160.08,160.10,4086065\n",
        declared=("date=tag", "open=von", "high=bis_oben", "low=bis_unten", "close=ende", "volume=stueck"),
    ),
)  # fmt: skip
