"""Why a forecast is what it is: every number of a row as arithmetic on printed numbers."""
