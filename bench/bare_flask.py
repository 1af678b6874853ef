"""The floor of the sign-up measurement: Flask, one JSON route, one INSERT. `python -m bench.bare_flask PORT`."""

import os
import sys

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

from plugin import db
from plugin.server import THREADS, serve_app
from plugin.settings import Settings


def make_app() -> Flask:
    """One route, nothing else."""
    app = Flask("bare")
    engine = db.make_engine(os.environ["DATABASE_URL"], pool_size=THREADS + 1)

    @app.post("/subscriptions")
    def subscribe() -> ResponseReturnValue:
        body = request.get_json()
        connection = engine.raw_connection()
        try:
            connection.driver_connection.autocommit = True  # type: ignore[union-attr]
            connection.cursor().execute(
                "INSERT INTO bare (variant_id, email, at) VALUES (%s, %s, now())", (body["variant_id"], body["email"])
            )
        finally:
            connection.close()
        return jsonify(status="accepted"), 202

    return app


if __name__ == "__main__":
    settings = Settings.from_environment(port=int(sys.argv[1]))
    serve_app(settings, make_app)
