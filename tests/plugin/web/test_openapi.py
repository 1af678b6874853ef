import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

METHODS = {"get", "put", "post", "patch", "delete"}


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    response = client.get("/api/v1/openapi.json")
    assert response.status_code == 200
    found: dict[str, Any] = response.json
    return found


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from nodes(each)
    elif isinstance(value, list):
        for each in value:
            yield from nodes(each)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            yield path, method, item[method]


def test_every_json_route_is_in_the_document(app: Flask, document: dict[str, Any]) -> None:
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in app.url_map.iter_rules()
        for method in rule.methods - {"HEAD", "OPTIONS"}
        if rule.rule.startswith(("/api/", "/webhooks/", "/healthz", "/readyz"))
        and not rule.rule.endswith("openapi.json")
    }

    assert {(path, method) for path, method, _ in operations(document)} == served


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = {node["$ref"] for node in nodes(document) if "$ref" in node}

    assert references
    for reference in references:
        target: Any = document
        for step in reference.removeprefix("#/").split("/"):
            target = target[step]
        assert target


def test_every_operation_is_described_and_says_its_errors(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    assert set(document["info"]) >= {"title", "version"}
    identifiers = []
    for path, method, operation in operations(document):
        assert operation["summary"], (path, method)
        responses = operation["responses"]
        assert {"200", "202"} & set(responses), (path, method)
        for status, response in responses.items():
            assert "description" in response or "$ref" in response, (path, status)
        if path.startswith("/api/"):
            assert responses["default"] == {"$ref": "#/components/responses/DEFAULT_ERROR"}
        if "/api/v1/" in path and "storefront" not in path:
            assert operation["security"] == [{"api_key": []}]
            assert "401" in responses
        declared = {each["name"] for each in operation.get("parameters", []) if each["in"] == "path"}
        declared |= {each["name"] for each in document["paths"][path].get("parameters", []) if each["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path))
        identifiers.append(operation.get("operationId"))
    named = [each for each in identifiers if each]
    assert len(named) == len(set(named))


def test_every_property_has_a_type(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        for field, property_ in schema["properties"].items():
            assert {"type", "$ref", "oneOf", "anyOf", "allOf"} & set(property_), (name, field)


def test_every_bound_is_a_number(document: dict[str, Any]) -> None:
    bounds = [node[name] for node in nodes(document) for name in ("minimum", "maximum", "minLength") if name in node]

    assert bounds
    assert all(isinstance(bound, int) for bound in bounds)


def test_errors_have_the_documented_shape(document: dict[str, Any]) -> None:
    error = document["components"]["schemas"]["Error"]
    detail = document["components"]["schemas"]["ErrorDetail"]

    assert error["required"] == ["error"]
    assert sorted(detail["required"]) == ["code", "message"]
    assert "fields" in detail["properties"]
    shape = document["components"]["responses"]["DEFAULT_ERROR"]["content"]["application/json"]["schema"]
    assert shape == {"$ref": "#/components/schemas/Error"}


def test_the_document_is_the_same_each_time(client: FlaskClient, document: dict[str, Any]) -> None:
    assert json.dumps(client.get("/api/v1/openapi.json").json) == json.dumps(document)
