"""What a worker does with messages: histories, forecasts and trainings of the tickers in its partitions."""
