"""One package per shop platform."""
