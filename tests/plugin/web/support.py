"""What the tests of the web layer share."""

import json
import re
from collections.abc import Iterable
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Engine, text
from werkzeug.test import TestResponse

from plugin.db import metadata
from plugin.mail import links
from plugin.mail.links import Purpose
from plugin.runtime import Runtime
from plugin.web.errors import CODES
from tests.factories import ORIGIN, ShopKeys

Rows = dict[str, list[str]]


def rows(engine: Engine) -> Rows:
    """Everything that the database holds, to be compared with later."""
    with engine.connect() as database:
        return {
            table.name: sorted(
                json.dumps(row, sort_keys=True)
                for row in database.execute(text(f"SELECT to_jsonb({table.name}) FROM {table.name}")).scalars()
            )
            for table in metadata.sorted_tables
        }


def assert_error(
    response: TestResponse, status: int, code: str | None = None, *, fields: Iterable[str] | None = None
) -> dict[str, Any]:
    """The one shape of all JSON errors; returns what is inside."""
    assert response.status_code == status, response.text
    assert response.mimetype == "application/json"
    assert set(response.json) == {"error"}
    error: dict[str, Any] = response.json["error"]
    assert set(error) <= {"code", "message", "fields"}
    assert error["code"] == (code or CODES[status][0])
    assert re.fullmatch(r"[A-Z].*[.!?>]", error["message"]), "a sentence for people"
    assert "Traceback" not in response.text
    if fields is not None:
        assert set(error.get("fields", {})) == set(fields)
    for messages in error.get("fields", {}).values():
        assert messages
        assert all(isinstance(message, str) and message for message in messages)
    return error


def sign_up(
    client: FlaskClient,
    shop: ShopKeys,
    email: str | None = "ann@example.com",
    *,
    variant_id: str = "v1",
    origin: str | None = ORIGIN,
    **more: Any,
) -> TestResponse:
    """Post as the widget does."""
    body = {"variant_id": variant_id, "email": email, **more}
    headers = {"Origin": origin} if origin else {}
    return client.post(shop.sign_up_path, json=body, headers=headers)


def only_subscription(engine: Engine, shop: ShopKeys) -> dict[str, Any]:
    """The shop's one and only subscription."""
    with engine.connect() as database:
        query = text("SELECT * FROM subscription WHERE shop_id = :shop")
        return dict(database.execute(query, {"shop": shop.id}).mappings().one())


def link(runtime: Runtime, engine: Engine, shop: ShopKeys, purpose: Purpose) -> str:
    """The path of a link in a message about the shop's one subscription."""
    row = only_subscription(engine, shop)
    token = links.make_token(runtime.secret_key, purpose, row["id"], bytes(row["link_key"]))
    return f"/{links.PATHS[purpose]}/{token}"


def visible_text(html: str) -> str:
    """The words of a page."""
    return " ".join(
        re.sub(r"<[^>]*>", " ", html.replace("&#39;", "'").replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")).split()
    )
