"""What messages look like: prepared once per release, filled in per person."""
