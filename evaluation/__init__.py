"""Walk-forward evaluation of everything that forecasts, side by side, over any set of bars."""
