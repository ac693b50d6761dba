"""Walk-forward backtests of portfolios: strategies on the same days, a ledger, figures with intervals, one page with pictures.

market (bars, members, delistings) ─► dates ─► strategies (what was known then) ─► ledger ─► figures ─► page, tables
"""
