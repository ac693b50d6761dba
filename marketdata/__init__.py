"""Market data from outside, as it is delivered there: providers' answers, exchange calendars, groups of tickers."""
