"""What is wrong with a value that somebody gave."""


class FieldError(ValueError):
    """A value cannot be taken; `field` says which one."""

    def __init__(self, field: str, message: str) -> None:
        """Keep both for a form or a JSON error."""
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
