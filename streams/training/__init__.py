"""What both engines share of trainings: which of them are due, and the pool of processes that runs them."""
