"""What views need from the running application."""

from typing import cast

from flask import current_app

from plugin.runtime import Runtime


def runtime() -> Runtime:
    """The parts of this process."""
    return cast(Runtime, current_app.extensions["stockbell"])
