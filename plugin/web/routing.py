"""What may stand in an address."""

from flask import Flask
from werkzeug.routing import BaseConverter, ValidationError

from plugin.web.schemas import CONTROL


class PlatformIdConverter(BaseConverter):
    """A platform's id: any text, slashes included, as it is."""

    regex = ".+?"
    part_isolating = False
    weight = 200

    def to_python(self, value: str) -> str:
        """The id; one with control characters is not found."""
        if CONTROL.search(value):
            raise ValidationError
        return value


class KeyConverter(BaseConverter):
    """A public key or a token: URL-safe base64."""

    regex = "[A-Za-z0-9_-]{1,64}"


def init_app(app: Flask) -> None:
    """Let routes say `<id:...>` and `<key:...>`; called before any route is added."""
    app.url_map.converters.update(id=PlatformIdConverter, key=KeyConverter)
