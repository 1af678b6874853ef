"""The merchant's forms."""

from collections.abc import Sequence
from typing import Any, Self

from flask_wtf import FlaskForm
from marshmallow import ValidationError as SchemaError
from wtforms import (
    BooleanField,
    Field,
    IntegerField,
    PasswordField,
    RadioField,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, ValidationError

from integrations import platform_adapter
from plugin.domain.shops import OVERSOLD, Shop
from plugin.web.schemas import CONTROL, MOST_ID_CHARS, MOST_UNITS, checked_email

MOST = MOST_UNITS
WHOLE_NUMBER = f"Enter a whole number from 1 to {MOST:,}."


class WholeNumberField(IntegerField):  # type: ignore[misc]
    """A whole number of at least 1, or nothing."""

    def process_formdata(self, values: Sequence[str]) -> None:
        """Read what was typed."""
        typed = values[0].strip() if values else ""
        self.data = None
        if typed:
            if not typed.isdecimal() or len(typed) > len(str(MOST)) or not 1 <= int(typed) <= MOST:
                raise ValueError(WHOLE_NUMBER)
            self.data = int(typed)


def _printable(_form: FlaskForm, field: Field) -> None:
    if CONTROL.search((field.data or "").replace("\r\n", "").replace("\n", "")):
        raise ValidationError("Must not hold control characters.")


def _needed(field: Field) -> None:
    if field.data is None and not field.errors:
        raise ValidationError(WHOLE_NUMBER)


class SignInForm(FlaskForm):  # type: ignore[misc]
    """Address and password."""

    email = StringField("E-mail address", validators=[DataRequired("Please enter your e-mail address.")])
    password = PasswordField("Password", validators=[DataRequired("Please enter your password.")])


class CheckPageForm(FlaskForm):  # type: ignore[misc]
    """Which page of the shop to look at."""

    page = StringField(
        "Address of a product page",
        description="Best of a product that is sold out.",
        validators=[DataRequired("Enter the address of a page of your shop.")],
    )


class SettingsForm(FlaskForm):  # type: ignore[misc]
    """The rules, how people are asked, and who writes to them."""

    minimum_inventory = WholeNumberField(
        "Minimum inventory", description="A variant counts as back in stock when at least so many units are there."
    )
    notify = RadioField(
        "Customers to notify",
        choices=[SelectChoice("all", "Everyone at once"), SelectChoice("per_unit", "Some for each unit, then wait")],
        validate_choice=False,
    )
    customers_per_unit = WholeNumberField(
        "Customers for each unit",
        description="20 units and 5 customers a unit: the 100 who have waited longest are told.",
    )
    wait_minutes = WholeNumberField(
        "Minutes to wait",
        description="If units are left by then, the next in line are told.",
    )
    double_opt_in = BooleanField(
        "Ask people to confirm their e-mail address",
        description="Recommended, and required by law in some countries: only who confirms gets in line.",
    )
    sender_name = StringField(
        "Sender name", description="Empty: the name of the shop.", validators=[Length(max=120), _printable]
    )
    sender_email = StringField("Sender address", validators=[Length(max=254)])
    postal_address = TextAreaField(
        "Postal address",
        description="Shown at the foot of each message.",
        validators=[Length(max=500), _printable],
    )

    @classmethod
    def of(cls, shop: Shop) -> Self:
        """The form with the shop's settings."""
        return cls(formdata=None, **cls.values(shop))  # not what another form of the page has sent

    @classmethod
    def values(cls, shop: Shop) -> dict[str, Any]:
        """What the fields show of a shop."""
        per_unit = shop.rules.customers_per_unit
        return {
            "minimum_inventory": shop.rules.minimum_inventory,
            "notify": "all" if per_unit == "all" else "per_unit",
            "customers_per_unit": 1 if per_unit == "all" else per_unit,
            "wait_minutes": shop.rules.wait_minutes,
            "double_opt_in": shop.double_opt_in,
            "sender_name": shop.sender_name,
            "sender_email": shop.sender_email,
            "postal_address": shop.postal_address,
        }

    def validate_minimum_inventory(self, field: Field) -> None:
        """Always needed."""
        _needed(field)

    def validate_notify(self, field: Field) -> None:
        """One of the two."""
        if field.data not in {"all", "per_unit"}:
            raise ValidationError("Choose one of the two.")

    def validate_customers_per_unit(self, field: Field) -> None:
        """Needed when not everyone is told at once."""
        if self.notify.data == "per_unit":
            _needed(field)

    validate_wait_minutes = validate_customers_per_unit

    def validate_sender_email(self, field: Field) -> None:
        """An address, or nothing; kept in its normal form."""
        if field.data:
            try:
                field.data = checked_email(field.data)
            except SchemaError as error:
                raise ValidationError(str(error.messages[0])) from error

    def changes(self, shop: Shop) -> dict[str, Any]:
        """The settings as `shops.change_settings` takes them."""
        per_unit = self.customers_per_unit.data if self.notify.data == "per_unit" else "all"
        return {
            "minimum_inventory": self.minimum_inventory.data,
            "customers_per_unit": per_unit,
            "wait_minutes": self.wait_minutes.data or shop.rules.wait_minutes,
            "double_opt_in": bool(self.double_opt_in.data),
            "sender_name": " ".join((self.sender_name.data or "").split()),
            "sender_email": self.sender_email.data or "",
            "postal_address": (self.postal_address.data or "").strip(),
        }


class PlacesSettingsForm(SettingsForm):
    """The same for shops whose platform tells stock by location."""

    places = RadioField(
        "Locations that count",
        choices=[SelectChoice("all", "Every location that sells online"), SelectChoice("some", "Only these:")],
        validate_choice=False,
    )
    locations = SelectMultipleField("Locations", validate_choice=False)
    oversold = RadioField(
        "Variants that you sell when out of stock",
        choices=[
            SelectChoice("hide", "They can always be bought: no button, no alerts"),
            SelectChoice("alert", "Show the button, and go by the quantity that is really there"),
        ],
        validate_choice=False,
    )

    @classmethod
    def values(cls, shop: Shop) -> dict[str, Any]:
        """What the fields show of a shop."""
        return super().values(shop) | {
            "places": "all" if shop.locations is None else "some",
            "locations": list(shop.locations or ()),
            "oversold": shop.oversold,
        }

    def validate_places(self, field: Field) -> None:
        """One of the two."""
        if field.data not in {"all", "some"}:
            raise ValidationError("Choose one of the two.")

    def validate_locations(self, field: Field) -> None:
        """At least one, where they are chosen."""
        if self.places.data == "some" and not field.data:
            raise ValidationError("Choose at least one location.")
        if any(CONTROL.search(each) or len(each) > MOST_ID_CHARS for each in field.data or ()):
            raise ValidationError("Choose among the locations that are listed.")

    def validate_oversold(self, field: Field) -> None:
        """One of the two."""
        if field.data not in OVERSOLD:
            raise ValidationError("Choose one of the two.")

    def changes(self, shop: Shop) -> dict[str, Any]:
        """The settings as `shops.change_settings` takes them."""
        some = self.places.data == "some"
        return super().changes(shop) | {
            "locations": sorted(set(self.locations.data)) if some else None,
            "oversold": self.oversold.data,
        }


def settings_form(shop: Shop) -> type[SettingsForm]:
    """The form that fits a shop's platform."""
    return PlacesSettingsForm if platform_adapter(shop.platform).capabilities.locations else SettingsForm
