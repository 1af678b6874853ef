"""Every JSON payload that comes in or goes out."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from email_validator import EmailNotValidError
from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validate, validates

from integrations.types import CatalogVariant, InventoryLevel, Order
from plugin import widget_build
from plugin.domain.addresses import normal_email
from plugin.domain.flows import CHANNELS, MOST_MESSAGES, MOST_MINUTES, MOST_SMART_SENDING_HOURS
from plugin.domain.flows import STATES as FLOW_STATES
from plugin.domain.overrides import SCOPES
from plugin.domain.shopper_events import TYPES, ShopperEvent
from plugin.domain.shops import OVERSOLD, WIDGET_FIELDS
from plugin.mail.compose import available_locales

MOST_ID_CHARS = 255
MOST_LOCALE_CHARS = 35
MOST_URL_CHARS = 2048
MOST_UNITS = 2**31 - 1
MOST_NUMBER = 2**63 - 1
MOST_PRICE = 10**12
MOST_LEVELS = 1000
MOST_VARIANTS = 1000
MOST_EVENTS = 1000
MOST_ITEMS = 500
MOST_TOLD = 50
MOST_FUTURE = timedelta(hours=24)
LEAST_YEAR = 2000
CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and halves of characters, which no database or header can hold."""
LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
CURRENCY = re.compile(r"([A-Z]{3})?\Z")
PHONE = re.compile(r"\+[1-9][0-9]{6,14}")
"""E.164: a plus sign, the country code and the number, 15 digits at the most."""
COLOUR = re.compile(r"(#[0-9a-fA-F]{6})?\Z")
MOST_TEXT_CHARS = 400
MOST_DOMAINS = 20
MOST_RADIUS = 40
MOST_WANTED = 9999
RANDOM_ID = r"[0-9a-f]{32}\Z"
NO_RANDOM_ID = "Must be 32 random hexadecimal digits."
NO_PHONE = "Please enter the phone number with its country code, like +44 20 7946 0000."
NO_ADDRESS = "Please enter a complete e-mail address, like name@example.com."


def checked_email(value: str) -> str:
    """The address in its normal form.

    Raises:
        ValidationError: it is none.
    """
    try:
        return normal_email(value)
    except EmailNotValidError:
        raise ValidationError(NO_ADDRESS) from None


def _each_once(values: list[str]) -> None:
    if len(set(values)) < len(values):
        raise ValidationError("Each must stand once.")


def _printable(value: str) -> None:
    if CONTROL.search(value):
        raise ValidationError("Must not hold control characters.")
    if value and not value.strip():
        raise ValidationError("Must not be blank.")


def _lines(value: str) -> None:
    _printable(value.replace("\r", "").replace("\n", ""))


def _price(value: Decimal) -> None:
    if not 0 <= value <= MOST_PRICE:
        raise ValidationError(f"Must be from 0 to {MOST_PRICE}.")


def _not_from_the_future(value: datetime) -> None:
    if value > datetime.now(UTC) + MOST_FUTURE:
        raise ValidationError("Lies in the future.")
    if value.year < LEAST_YEAR:
        raise ValidationError(f"Must not be before {LEAST_YEAR}.")


def identifier(**options: Any) -> fields.String:
    """A platform's id: text, as it is."""
    return fields.String(validate=[validate.Length(1, MOST_ID_CHARS), _printable], **options)


def is_web_address(value: str) -> bool:
    """Whether it is an absolute address of the web that can be linked to."""
    try:
        parts = urlsplit(value)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and not CONTROL.search(value)
    except ValueError:
        return False


def _web_address(value: str) -> None:
    if value and not is_web_address(value):
        raise ValidationError("Must be an address that begins with https://.")


class YesOrNo(fields.Boolean):
    """true or false, and nothing that only looks like it."""

    def _deserialize(self, value: Any, *_details: Any, **_options: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class Payload(Schema):
    """A body that may hold more than we know."""

    class Meta:
        """Later versions add fields; older programs are not refused."""

        unknown = EXCLUDE


class ErrorDetailSchema(Schema):
    """What is wrong."""

    code = fields.String(required=True, metadata={"description": "Short and stable"})
    message = fields.String(required=True, metadata={"description": "A sentence for people"})
    fields_ = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        data_key="fields",
        metadata={"description": "By dotted path: what is wrong with this field"},
    )


class ErrorSchema(Schema):
    """Every error has this shape."""

    error = fields.Nested(ErrorDetailSchema, required=True)


class SubscriptionRequestSchema(Payload):
    """Tell me when this variant can be bought again."""

    variant_id = identifier(required=True)
    product_id = identifier(allow_none=True)
    email = fields.String(allow_none=True, validate=validate.Length(max=254))
    phone = fields.String(
        allow_none=True,
        load_default="",
        validate=validate.Length(max=40),
        metadata={"description": "With its country code: +44 20 7946 0000"},
    )
    quantity = fields.Integer(
        strict=True,
        allow_none=True,
        load_default=None,
        validate=validate.Range(1, MOST_WANTED),
        metadata={"description": "How many the person would like to buy"},
    )
    locale = fields.String(allow_none=True, load_default="")
    marketing_consent = YesOrNo(load_default=False)
    page_url = fields.String(allow_none=True, load_default="")
    website = fields.String(
        allow_none=True, load_default="", metadata={"description": "A trap for robots: people leave it empty"}
    )

    @post_load
    def check_address(self, data: dict[str, Any], **_options: Any) -> dict[str, Any]:
        """Exactly one way to reach the person that the shop can use."""
        if not data.get("email"):
            words = "Alerts are sent by e-mail: please give an e-mail address."
            raise ValidationError(words, "email")
        try:
            data["email"] = checked_email(data["email"])
        except ValidationError as error:
            raise ValidationError(error.messages, "email") from error
        data["phone"] = re.sub(r"[\s().-]", "", data["phone"] or "")
        if data["phone"] and not PHONE.fullmatch(data["phone"]):
            raise ValidationError(NO_PHONE, "phone")
        # A strange language or page is no reason to lose a subscriber.
        locale, page_url = data["locale"] or "", data["page_url"] or ""
        if len(locale) > MOST_LOCALE_CHARS or not LOCALE.fullmatch(locale):
            data["locale"] = ""
        if len(page_url) > MOST_URL_CHARS:
            page_url = ""
        data["page_url"] = page_url.partition("#")[0] if is_web_address(page_url) else ""
        return data


class SubscriptionAcceptedSchema(Schema):
    """The same answer for a new, a known and a suppressed address."""

    status = fields.String(required=True, validate=validate.OneOf(["accepted"]))
    confirmation_required = fields.Boolean(
        required=True, metadata={"description": "A mail with a link to confirm is on its way"}
    )
    in_stock = fields.Boolean(required=True, metadata={"description": "The variant can be bought right now"})


class ShopperEventSchema(Payload):
    """One thing that a visitor did."""

    event_id = fields.String(required=True, validate=validate.Regexp(RANDOM_ID, error=NO_RANDOM_ID))
    type = fields.String(required=True, validate=validate.OneOf(TYPES))
    product_id = identifier(allow_none=True, load_default=None)
    variant_id = identifier(allow_none=True, load_default=None)
    quantity = fields.Integer(strict=True, allow_none=True, load_default=None, validate=validate.Range(1, MOST_WANTED))
    occurred_at = fields.AwareDateTime(default_timezone=UTC, required=True)

    @post_load
    def make(self, data: dict[str, Any], **_options: Any) -> ShopperEvent:
        """The value that the domain takes."""
        if not data["product_id"] and not data["variant_id"]:
            raise ValidationError("Please name the product, the variant, or both.", "product_id")
        return ShopperEvent(**data)


class ShopperEventsSchema(Payload):
    """What one browser has to tell."""

    visitor_id = fields.String(
        required=True,
        validate=validate.Regexp(RANDOM_ID, error=NO_RANDOM_ID),
        metadata={"description": "Made by chance once the visitor has agreed, and kept in the browser"},
    )
    events = fields.List(fields.Nested(ShopperEventSchema), required=True, validate=validate.Length(1, MOST_TOLD))


class ShopperEventsAcceptedSchema(Schema):
    """The same answer for new and known events."""

    status = fields.String(required=True, validate=validate.OneOf(["accepted"]))


class VariantStateSchema(Schema):
    """What the widget needs to know about a variant."""

    variant_id = fields.String(required=True)
    available = fields.Boolean(required=True)
    waiting = fields.Integer(required=True, metadata={"description": "How many people wait for it"})


class InventoryLevelSchema(Payload):
    """Stock of a variant, in all or at one location."""

    variant_id = identifier(required=True)
    location_id = identifier(allow_none=True, load_default=None)
    available = fields.Integer(
        required=True,
        strict=True,
        allow_none=True,
        validate=validate.Range(-MOST_UNITS, MOST_UNITS),
        metadata={"description": "Units that can be bought now; null is unlimited"},
    )
    # A time that lies far ahead would make every later update an older one.
    updated_at = fields.AwareDateTime(
        default_timezone=UTC, allow_none=True, load_default=None, validate=_not_from_the_future
    )

    @post_load
    def make(self, data: dict[str, Any], **_options: Any) -> InventoryLevel:
        """The value that the domain takes."""
        return InventoryLevel(data["variant_id"], data["location_id"], data["available"], data["updated_at"])


class InventorySchema(Payload):
    """New stock, up to 1,000 levels."""

    levels = fields.List(fields.Nested(InventoryLevelSchema), required=True, validate=validate.Length(1, MOST_LEVELS))


class InventoryResultSchema(Schema):
    """What became of the levels."""

    changed = fields.Integer(required=True, metadata={"description": "Variants whose stock is another now"})
    ignored = fields.Integer(required=True, metadata={"description": "Levels older than what was known"})
    unknown_ids = fields.List(
        fields.String(),
        required=True,
        data_key="unknown",
        metadata={"description": "Ids that the catalog does not hold"},
    )
    notified = fields.Integer(
        required=True, metadata={"description": "People who are let out of the line because of this"}
    )


class CatalogVariantSchema(Payload):
    """One variant of the catalog."""

    variant_id = identifier(required=True)
    product_id = identifier(allow_none=True, load_default=None)
    product_title = fields.String(required=True, validate=validate.Length(1, 500))
    variant_title = fields.String(load_default="", validate=validate.Length(max=500))
    url = fields.String(required=True, validate=[validate.Length(1, 2048), _web_address])
    image_url = fields.String(load_default="", validate=[validate.Length(max=MOST_URL_CHARS), _web_address])
    price = fields.Decimal(
        allow_none=True,
        load_default=None,
        as_string=True,
        allow_nan=False,
        validate=_price,
        metadata={"description": "In major units, with a point"},
    )
    currency = fields.String(load_default="", validate=validate.Regexp(CURRENCY))
    collections = fields.List(
        fields.String(validate=[validate.Length(1, 255), _printable]),
        load_default=list,
        validate=validate.Length(max=250),
    )
    available = fields.Integer(
        strict=True,
        allow_none=True,
        validate=validate.Range(-MOST_UNITS, MOST_UNITS),
        metadata={"description": "null is unlimited; when it is missing the known stock stays"},
    )

    @post_load
    def make(self, data: dict[str, Any], **_options: Any) -> CatalogVariant:
        """The value that the domain takes."""
        clean = {name: CONTROL.sub(" ", data[name]).strip() for name in ("product_title", "variant_title")}
        return CatalogVariant(
            variant_id=data["variant_id"],
            product_id=data["product_id"] or data["variant_id"],
            product_title=clean["product_title"] or data["variant_id"],
            variant_title=clean["variant_title"],
            url=data["url"],
            image_url=data["image_url"],
            price="" if data["price"] is None else f"{data['price']:f}",
            currency=data["currency"],
            collections=tuple(data["collections"]),
            available=data.get("available"),
            stock_known="available" in data,
        )


class CatalogSchema(Payload):
    """Variants to add or change, up to 1,000."""

    variants = fields.List(
        fields.Nested(CatalogVariantSchema), required=True, validate=validate.Length(1, MOST_VARIANTS)
    )


class CatalogResultSchema(Schema):
    """What became of the variants."""

    written = fields.Integer(required=True, metadata={"description": "Variants that are new or changed"})
    stock_changes = fields.Integer(required=True)
    notified = fields.Integer(
        required=True, metadata={"description": "People who are let out of the line because of this"}
    )


class PositiveOrAll(fields.Field[Any]):
    """A whole number of at least 1, or "all"."""

    def _deserialize(self, value: Any, *_details: Any, **_options: Any) -> Any:
        if value == "all" or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_UNITS):
            return value
        raise ValidationError(f'Must be "all" or a whole number from 1 to {MOST_UNITS}.')


def _positive(**options: Any) -> fields.Integer:
    return fields.Integer(strict=True, validate=validate.Range(1, MOST_UNITS), **options)


class RulesSchema(Schema):
    """The settings that decide who is told when."""

    minimum_inventory = _positive()
    customers_per_unit = PositiveOrAll(
        metadata={
            "description": '"all", or how many people are told per unit',
            "oneOf": [{"type": "integer", "minimum": 1}, {"type": "string", "enum": ["all"]}],
        }
    )
    wait_minutes = _positive()


class SettingsSchema(RulesSchema):
    """The shop's settings; a change never sends anything by itself."""

    domain = fields.String(
        validate=validate.Length(1, MOST_URL_CHARS),
        metadata={"description": "Where the storefront is: https://shop.example"},
    )
    other_domains = fields.List(
        fields.String(validate=validate.Length(1, MOST_URL_CHARS)),
        validate=validate.Length(max=MOST_DOMAINS),
        metadata={
            "description": "Where else its pages are, such as the platform's own address; www. is included in each"
        },
    )
    locations = fields.List(
        identifier(),
        allow_none=True,
        metadata={"description": "Ids of the locations that count; null: every one"},
    )
    oversold = fields.String(
        validate=validate.OneOf(OVERSOLD),
        metadata={
            "description": "Variants that are sold when out of stock: hide counts them as unlimited, with no button;"
            " alert goes by what is really there"
        },
    )
    messages_per_minute = fields.Integer(
        strict=True,
        allow_none=True,
        validate=validate.Range(1, MOST_UNITS),
        metadata={"description": "Most messages a minute; null: as many as can be"},
    )
    paused = YesOrNo(metadata={"description": "true: nothing is sent, and everyone keeps their place"})
    double_opt_in = YesOrNo()
    sender_name = fields.String(validate=[validate.Length(max=120), _printable])
    sender_email = fields.String(validate=validate.Length(max=254))
    postal_address = fields.String(validate=[validate.Length(max=500), _lines])
    locale = fields.String(validate=validate.OneOf(sorted(available_locales())))
    currency = fields.String(validate=validate.Regexp(CURRENCY, error="Must be a currency's code like EUR, or empty."))
    widget_accent = fields.String(
        validate=validate.Regexp(COLOUR, error="Must be a colour like #0b5d3b, or empty."),
        metadata={"description": "Colour of the button; the text on it turns black or white by itself"},
    )
    widget_radius = fields.Integer(
        strict=True,
        allow_none=True,
        validate=validate.Range(0, MOST_RADIUS),
        metadata={"description": "Of the corners, in pixels; null: the widget's own"},
    )
    widget_fields = fields.List(
        fields.String(validate=validate.OneOf(WIDGET_FIELDS)),
        validate=_each_once,
        metadata={"description": "What the form asks for besides the address"},
    )
    widget_texts = fields.Dict(
        keys=fields.String(validate=validate.Regexp(r"[a-z]{2}\Z", error="Must be a language like de.")),
        values=fields.Dict(
            keys=fields.String(validate=[validate.Length(1, 40), _printable]),
            values=fields.String(validate=[validate.Length(1, MOST_TEXT_CHARS), _printable]),
        ),
        validate=validate.Length(max=50),
        metadata={"description": "The shop's own wording: language, then name of the text, as in widget/src/locales"},
    )
    widget_events = YesOrNo(
        metadata={
            "description": "true: the shop's pages tell what visitors look at and put into the cart, of those visitors"
            " only who have agreed to it in the shop's consent banner"
        }
    )
    feed = fields.String(validate=[validate.Length(max=MOST_URL_CHARS), _printable])
    feed_interval_seconds = fields.Integer(strict=True, validate=validate.Range(5, 7 * 24 * 3600))
    feed_max_loss_percent = fields.Integer(strict=True, validate=validate.Range(0, 100))

    @validates("widget_texts")
    def texts_of_the_widget(self, value: dict[str, dict[str, str]], **_options: Any) -> None:
        """Only what is ever shown."""
        try:
            known = widget_build.texts()
        except FileNotFoundError:  # it is not built; nothing is shown at all
            return
        for language, texts in value.items():
            if language not in known:
                raise ValidationError(f"{language}: the widget speaks {', '.join(sorted(known))}.")
            for name in sorted(texts.keys() - known["en"].keys()):
                raise ValidationError(f"{language}.{name}: the texts are {', '.join(sorted(known['en']))}.")

    @validates("sender_email")
    def usable_sender(self, value: str, **_options: Any) -> None:
        """An address, or nothing."""
        if value:
            checked_email(value)

    @post_load
    def normal_sender(self, data: dict[str, Any], **_options: Any) -> dict[str, Any]:
        """The address as headers can hold it."""
        if data.get("sender_email"):
            data["sender_email"] = checked_email(data["sender_email"])
        return data


class ChangedSettingsSchema(SettingsSchema):
    """All settings as they are now, and whom they would let be told."""

    notifiable = fields.Integer(
        required=True,
        metadata={"description": 'How many "notify now" would tell; nothing else tells them now'},
    )


class SubscriptionSchema(Schema):
    """One request of one shopper."""

    id = fields.String(required=True)
    variant_id = fields.String(required=True)
    email = fields.String(required=True)
    phone = fields.String(allow_none=True)
    quantity = fields.Integer(allow_none=True, metadata={"description": "How many the person would like to buy"})
    locale = fields.String(required=True)
    state = fields.String(required=True)
    reason = fields.String(required=True)
    joined_at = fields.AwareDateTime(required=True)
    confirmed_at = fields.AwareDateTime(allow_none=True)
    state_at = fields.AwareDateTime(required=True)


class SubscriptionListSchema(Schema):
    """A page of subscriptions, oldest first."""

    subscriptions = fields.List(fields.Nested(SubscriptionSchema), required=True)
    next = fields.String(allow_none=True, metadata={"description": 'Pass as "after" for the next page'})


class TimelineEntrySchema(Schema):
    """Something that happened."""

    at = fields.AwareDateTime(required=True)
    event = fields.String(required=True, metadata={"description": "Short and stable"})
    sentence = fields.String(required=True, metadata={"description": "What happened and why, for people"})


class TimelineSchema(Schema):
    """Why something was sent or not, oldest first, and what happens next."""

    id = fields.String(required=True, attribute="subscription_id")
    state = fields.String(required=True)
    timeline = fields.List(fields.Nested(TimelineEntrySchema), required=True, attribute="entries")
    next = fields.String(required=True, metadata={"description": "What happens next, for people"})


class ReleaseSchema(Schema):
    """One batch of people who were let out of the line."""

    released_at = fields.AwareDateTime(required=True)
    quantity = fields.Integer(required=True, allow_none=True, metadata={"description": "null: unlimited"})
    cause = fields.String(required=True, validate=validate.OneOf(["stock", "due", "notify_now"]))
    people = fields.Integer(
        required=True,
        metadata={"description": "Let out of the line; who cannot be told, as it sold out again, goes back into it"},
    )
    minimum_inventory = fields.Integer(required=True)
    customers_per_unit = fields.Raw(
        required=True, metadata={"oneOf": [{"type": "integer"}, {"type": "string", "enum": ["all"]}]}
    )
    wait_minutes = fields.Integer(required=True)


class RestockSchema(Schema):
    """The moment at which a variant could be bought again, and what came of it."""

    cause = fields.String(required=True, validate=validate.OneOf(["stock", "notify_now"]))
    opened_at = fields.AwareDateTime(required=True)
    next_release_at = fields.AwareDateTime(required=True, allow_none=True)
    closed_at = fields.AwareDateTime(required=True, allow_none=True)
    close_reason = fields.String(
        required=True,
        metadata={"description": "everyone_told, not_sellable, nobody_waits, flow_not_live, or empty while open"},
    )
    releases = fields.List(fields.Nested(ReleaseSchema), required=True)


class RestockListSchema(Schema):
    """The newest restocks of a variant, newest first."""

    restocks = fields.List(fields.Nested(RestockSchema), required=True)


class WaitingLineSchema(Schema):
    """The waiting line of one variant."""

    variant_id = fields.String(required=True)
    available = fields.Integer(required=True, allow_none=True, metadata={"description": "null: unlimited"})
    waiting = fields.Integer(required=True)
    unconfirmed = fields.Integer(required=True)
    minimum_inventory = fields.Integer(required=True)
    next_release_at = fields.AwareDateTime(required=True, allow_none=True)
    notifiable = fields.Integer(
        required=True,
        attribute="notify_now",
        metadata={"description": 'How many "notify now" would tell; nothing else tells them now'},
    )


class WaitingSchema(Schema):
    """Who waits, and whom one could tell at once."""

    waiting = fields.Integer(required=True, metadata={"description": "People in line, over all variants"})
    notifiable = fields.Integer(required=True, metadata={"description": 'How many "notify now" would tell, in all'})
    lines = fields.List(fields.Nested(WaitingLineSchema), required=True, metadata={"description": "The 100 longest"})


class OverrideSchema(Schema):
    """Settings for a part of the catalog."""

    scope = fields.String(required=True, validate=validate.OneOf(SCOPES))
    target = fields.String(
        required=True, metadata={"description": "Name of the collection or tag, or id of the product or variant"}
    )
    settings = fields.Nested(RulesSchema, required=True)
    changed_at = fields.AwareDateTime(required=True)


class OverrideListSchema(Schema):
    """All overrides of a shop, widest scope first; the narrowest wins."""

    overrides = fields.List(fields.Nested(OverrideSchema), required=True)


class EffectSchema(Schema):
    """What a change makes possible; it sends nothing by itself."""

    notifiable = fields.Integer(
        required=True, metadata={"description": 'People whom "notify now" would tell; nothing else tells them now'}
    )


class EffectiveRulesSchema(Schema):
    """What holds for one variant, and where it comes from."""

    settings = fields.Nested(RulesSchema, required=True, attribute="rules")
    sources = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": 'By setting: "shop", or scope and target of an override, as in "product shirt"'},
    )


ANY_VALUE = {"oneOf": [{"type": kind} for kind in ("string", "integer", "boolean", "array", "object", "null")]}


class SettingChangeSchema(Schema):
    """One change of one setting."""

    id = fields.String(required=True)
    changed_at = fields.AwareDateTime(required=True)
    changed_by = fields.String(required=True)
    part = fields.String(
        required=True, metadata={"description": '"shop", "flow back_in_stock", or scope and target of an override'}
    )
    name = fields.String(required=True)
    before = fields.Raw(required=True, allow_none=True, metadata=ANY_VALUE)
    after = fields.Raw(required=True, allow_none=True, metadata=ANY_VALUE)


class SettingHistorySchema(Schema):
    """Changes, newest first."""

    changes = fields.List(fields.Nested(SettingChangeSchema), required=True)
    next = fields.String(allow_none=True, metadata={"description": 'Pass as "before" for the next page'})


class SettingHistoryQuerySchema(Payload):
    """Which changes."""

    before = fields.Integer(validate=validate.Range(1, MOST_NUMBER), load_default=None)
    limit = fields.Integer(validate=validate.Range(1, 500), load_default=100)


class FlowMessageSchema(Schema):
    """One message of a flow."""

    channel = fields.String(load_default="email", validate=validate.OneOf(CHANNELS))
    after_minutes = fields.Integer(
        strict=True,
        load_default=0,
        validate=validate.Range(0, MOST_MINUTES),
        metadata={"description": "How long after the message before it; 0 for the first, which waits for stock"},
    )
    smart_sending_hours = fields.Integer(
        strict=True,
        allow_none=True,
        load_default=None,
        validate=validate.Range(1, MOST_SMART_SENDING_HOURS),
        metadata={"description": "Leave out who had another message of the shop in so many hours; null: nobody"},
    )


class FlowChangeSchema(Schema):
    """What is sent when a variant is back."""

    state = fields.String(
        required=True,
        validate=validate.OneOf(FLOW_STATES),
        metadata={
            "description": "Only a live flow tells people; a draft or paused one goes on taking them into the line"
        },
    )
    messages = fields.List(fields.Nested(FlowMessageSchema), required=True, validate=validate.Length(1, MOST_MESSAGES))


class FlowSchema(FlowChangeSchema):
    """What is sent when a variant is back, and what it does at present."""

    waiting = fields.Integer(required=True, metadata={"description": "People in line"})
    sentence = fields.String(required=True, metadata={"description": "What the flow does at present, for people"})
    notifiable = fields.Integer(
        required=True, metadata={"description": 'People whom "notify now" would tell; nothing else tells them now'}
    )


class WebhookAcceptedSchema(Schema):
    """It is in the inbox, now or since it came for the first time."""

    status = fields.String(required=True, validate=validate.OneOf(["accepted"]))


class OrderItemSchema(Payload):
    """What was bought."""

    variant_id = identifier(required=True)


class EventSchema(Payload):
    """Something that a person did."""

    type = fields.String(required=True, validate=validate.OneOf(["ordered"]))
    order_id = identifier(required=True)
    email = fields.String(required=True, validate=validate.Length(max=254))
    occurred_at = fields.AwareDateTime(
        default_timezone=UTC,
        required=True,
        validate=_not_from_the_future,
        metadata={"description": "When it was ordered; the same each time that the order is told"},
    )
    items = fields.List(
        fields.Nested(OrderItemSchema), required=True, validate=validate.Length(1, MOST_ITEMS), data_key="items"
    )

    @post_load
    def make(self, data: dict[str, Any], **_options: Any) -> Order:
        """The value that the domain takes."""
        try:
            email = checked_email(data["email"])
        except ValidationError as error:
            raise ValidationError(error.messages, "email") from error
        ids = tuple(dict.fromkeys(item["variant_id"] for item in data["items"]))
        return Order(data["order_id"], email, "", data["occurred_at"], ids)


class EventsSchema(Payload):
    """Up to 1,000 events."""

    events = fields.List(fields.Nested(EventSchema), required=True, validate=validate.Length(1, MOST_EVENTS))


class EventsResultSchema(Schema):
    """What became of the events."""

    accepted = fields.Integer(required=True)
    ended = fields.Integer(
        required=True, metadata={"description": "Requests that ended, as the person has bought the variant"}
    )


class PersonSchema(Payload):
    """One person, by address."""

    email = fields.String(required=True, validate=validate.Length(1, 254))

    @post_load
    def normal_address(self, data: dict[str, Any], **_options: Any) -> dict[str, Any]:
        """As sign-ups keep it."""
        try:
            return {**data, "email": checked_email(data["email"])}
        except ValidationError as error:
            raise ValidationError(error.messages, "email") from error


class ErasedSchema(Schema):
    """What was forgotten."""

    erased = fields.Integer(required=True, metadata={"description": "Requests from which the person was removed"})


class MessageQuerySchema(Payload):
    """Which messages."""

    state = fields.String(required=True, validate=validate.OneOf(["dead", "uncertain"]))
    before = fields.Integer(validate=validate.Range(1, MOST_NUMBER), load_default=None)


class MessageSchema(Schema):
    """A message that needs a look."""

    id = fields.String(required=True)
    state = fields.String(required=True)
    channel = fields.String(required=True)
    email = fields.String(required=True)
    variant_id = fields.String(required=True)
    reason = fields.String(required=True, metadata={"description": "What the provider said"})
    attempts = fields.Integer(required=True)
    at = fields.AwareDateTime(required=True, metadata={"description": "When it was given up, or became uncertain"})


class MessageListSchema(Schema):
    """Messages that need a look, newest first, at most 50."""

    messages = fields.List(fields.Nested(MessageSchema), required=True)
    next = fields.String(allow_none=True, metadata={"description": 'Pass as "before" for the next page'})


class MessageAgainSchema(Schema):
    """A message that waits for its turn; its timeline tells whether it is sent."""

    state = fields.String(required=True, validate=validate.OneOf(["pending"]))


class FailedWebhookQuerySchema(Payload):
    """Which of them."""

    before = fields.Integer(validate=validate.Range(1, MOST_NUMBER), load_default=None)


class FailedWebhookSchema(Schema):
    """A webhook that was accepted and could not be handled."""

    id = fields.String(required=True)
    delivery_id = fields.String(required=True, metadata={"description": "The sender's own: webhook-id"})
    received_at = fields.AwareDateTime(required=True)
    error = fields.String(required=True, metadata={"description": "Why"})
    attempts = fields.Integer(required=True)


class FailedWebhookListSchema(Schema):
    """Webhooks that need a look, newest first, at most 50."""

    webhooks = fields.List(fields.Nested(FailedWebhookSchema), required=True)
    next = fields.String(allow_none=True, metadata={"description": 'Pass as "before" for the next page'})


STATES = ["unconfirmed", "waiting", "released", "notified", "undeliverable", "unsubscribed", "bought"]


class SubscriptionQuerySchema(Payload):
    """Which subscriptions."""

    variant_id = identifier()
    state = fields.String(validate=validate.OneOf(STATES))
    after = fields.Integer(validate=validate.Range(0, MOST_NUMBER), load_default=0)
    limit = fields.Integer(validate=validate.Range(1, 500), load_default=100)


class HealthSchema(Schema):
    """The process answers."""

    status = fields.String(required=True, validate=validate.OneOf(["ok"]))


class ReadinessSchema(Schema):
    """Whether each part is there."""

    status = fields.String(required=True, validate=validate.OneOf(["ok", "unavailable"]))
    checks = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        metadata={"description": 'By part: "ok", or what is wrong'},
    )


class NotifiedSchema(Schema):
    """What "notify now" did."""

    notified = fields.Integer(required=True, metadata={"description": "People who are let out of the line now"})
