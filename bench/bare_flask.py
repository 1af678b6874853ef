"""The floor of the sign-up measurement: Flask, one JSON route, one INSERT. `python -m bench.bare_flask PORT`."""

import os
import sys

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import text

from plugin import db
from plugin.server import THREADS, serve_app
from plugin.settings import Settings


def make_app() -> Flask:
    """The same INSERT twice: as a Flask application with SQLAlchemy writes it, and as fast as the driver can."""
    app = Flask("bare")
    engine = db.make_engine(os.environ["DATABASE_URL"], pool_size=THREADS + 1)

    @app.post("/transaction")
    def in_transaction() -> ResponseReturnValue:
        body = request.get_json()
        with engine.begin() as database:
            database.execute(
                text("INSERT INTO bare (variant_id, email, at) VALUES (:variant_id, :email, now())"),
                {"variant_id": body["variant_id"], "email": body["email"]},
            )
        return jsonify(status="accepted"), 202

    @app.post("/autocommit")
    def in_one_round_trip() -> ResponseReturnValue:
        body = request.get_json()
        connection = engine.raw_connection()
        try:
            connection.driver_connection.autocommit = True  # type: ignore[union-attr]
            connection.cursor().execute(
                "INSERT INTO bare (variant_id, email, at) VALUES (%s, %s, now())", (body["variant_id"], body["email"])
            )
            connection.driver_connection.autocommit = False  # type: ignore[union-attr]
        finally:
            connection.close()
        return jsonify(status="accepted"), 202

    return app


if __name__ == "__main__":
    settings = Settings.from_environment(port=int(sys.argv[1]))
    serve_app(settings, make_app)
