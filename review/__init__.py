"""What was forecast and what came: a record of what was served, judged once its horizon is over; live losses; the report."""
