"""What Stockbell does, without Flask and without RQ."""
