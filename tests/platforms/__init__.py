"""Stand-ins for shop platforms, for the tests and the demo."""
