"""The web layer: reads requests, calls the domain, answers."""
