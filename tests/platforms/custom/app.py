"""The demo shop's web server: storefront, feeds, and a bar for the shop keeper.

An ordinary shop on its own origin that knows Stockbell only by the snippet in its pages.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Blueprint, Flask, Response, abort, current_app, redirect, render_template, request, url_for
from werkzeug.serving import make_server
from werkzeug.wrappers import Response as BaseResponse

from tests.platforms.custom.catalog import MAX_QUANTITY, DemoShop, Product, UnknownVariantError
from tests.platforms.custom.feeds import google_feed, klaviyo_feed
from tests.platforms.custom.pictures import picture

RESTOCK_UNITS = 20

storefront = Blueprint("storefront", __name__)


def create_shop_app(stockbell_url: str, public_key: str, shop: DemoShop | None = None) -> Flask:
    """The shop as a Flask application.

    Args:
        stockbell_url: where Stockbell runs, for the snippet ("http://127.0.0.1:8000").
        public_key: of this shop at Stockbell.
        shop: goods and stock; a new one when left out.
    """
    app = Flask(__name__)
    stockbell = stockbell_url.rstrip("/")
    app.config.update(
        STOCKBELL_SCRIPT=f"{stockbell}/s/{public_key}.js",
        STOCKBELL_FORM=f"{stockbell}/n/{public_key}",
        MAX_CONTENT_LENGTH=16 * 1024,
    )
    app.extensions["shop"] = shop = shop or DemoShop()
    app.add_template_filter(shop.quantity, "stock")
    app.register_blueprint(storefront)
    app.register_error_handler(UnknownVariantError, _unknown_variant)
    return app


@contextmanager
def serve(app: Flask, port: int = 0) -> Iterator[str]:
    """Run the shop in a thread on 127.0.0.1; gives its origin. Port 0 takes a free one."""
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _shop() -> DemoShop:
    shop: DemoShop = current_app.extensions["shop"]
    return shop


def _unknown_variant(_: UnknownVariantError) -> tuple[dict[str, str], int]:
    return {"error": "There is no such variant."}, 404


@storefront.get("/")
def collection() -> str:
    return render_template("collection.html", shop=_shop())


@storefront.get("/products/<handle>")
def product_page(handle: str) -> str:
    product = _shop().product(handle) or abort(404)
    wanted = request.args.get("variant", "")
    chosen = next((each for each in product.variants if each.variant_id == wanted), product.variants[0])
    return render_template("product.html", product=product, chosen=chosen, restock_units=RESTOCK_UNITS)


@storefront.get("/images/<handle>.svg")
def image(handle: str) -> Response:
    product = _shop().product(handle) or abort(404)
    svg = picture(product.shape, *product.colours)
    return Response(svg, mimetype="image/svg+xml", headers={"Cache-Control": "public, max-age=3600"})


@storefront.get("/feed.json")
def json_feed() -> Response:
    return _feed(klaviyo_feed(_shop(), request.host_url.rstrip("/")), "application/json")


@storefront.get("/feed.xml")
def xml_feed() -> Response:
    return _feed(google_feed(_shop(), request.host_url.rstrip("/")), "application/xml")


@storefront.post("/buy")
def buy() -> BaseResponse:
    """One unit leaves the shelf."""
    variant_id = request.form.get("variant_id", "")
    _shop().add(variant_id, -1)
    return _back_to(variant_id)


@storefront.post("/restock")
def restock() -> BaseResponse:
    variant_id = request.form.get("variant_id", "")
    _shop().add(variant_id, RESTOCK_UNITS)
    return _back_to(variant_id)


@storefront.post("/sell-out")
def sell_out() -> BaseResponse:
    variant_id = request.form.get("variant_id", "")
    _shop().set_quantity(variant_id, 0)
    return _back_to(variant_id)


@storefront.post("/stock")
def stock() -> tuple[dict[str, object], int]:
    """For scripts: {"variant_id": "710101", "quantity": 20}."""
    body = request.get_json(silent=True)
    if not isinstance(body, dict) or not _is_quantity(body.get("quantity")):
        return {"error": f"Send a variant_id and a quantity from 0 to {MAX_QUANTITY}."}, 422
    variant_id = str(body.get("variant_id", ""))
    return {"variant_id": variant_id, "quantity": _shop().set_quantity(variant_id, body["quantity"])}, 200


def _is_quantity(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_QUANTITY


def _back_to(variant_id: str) -> BaseResponse:
    product: Product = _shop().product_of(variant_id)
    return redirect(url_for("storefront.product_page", handle=product.handle, variant=variant_id), 303)


def _feed(body: str, mimetype: str) -> Response:
    response = Response(body, mimetype=mimetype)
    response.add_etag()
    return response.make_conditional(request)
