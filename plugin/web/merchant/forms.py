"""The merchant's forms."""

from typing import Any

from flask_wtf import FlaskForm
from marshmallow import ValidationError as SchemaError
from wtforms import BooleanField, IntegerField, PasswordField, RadioField, StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional, ValidationError

from plugin.domain.shops import Shop
from plugin.web.schemas import checked_email

MOST = 1_000_000


class SignInForm(FlaskForm):  # type: ignore[misc]
    """Address and password."""

    email = StringField("E-mail address", validators=[DataRequired("Please enter your e-mail address.")])
    password = PasswordField("Password", validators=[DataRequired("Please enter your password.")])


class SettingsForm(FlaskForm):  # type: ignore[misc]
    """The rules, how people are asked, and who writes to them."""

    minimum_inventory = IntegerField(
        "Minimum inventory",
        description="A variant counts as back in stock when at least so many units are there.",
        validators=[InputRequired("Enter a whole number of at least 1."), NumberRange(1, MOST)],
    )
    notify = RadioField(
        "Customers to notify",
        choices=[("all", "Everyone at once"), ("per_unit", "Some for each unit, then wait")],
    )
    customers_per_unit = IntegerField(
        "Customers for each unit",
        description="20 units and 5 customers a unit: the 100 who have waited longest are told.",
        validators=[Optional(), NumberRange(1, MOST)],
    )
    wait_minutes = IntegerField(
        "Minutes to wait before the next ones are told",
        description="If units are left by then, the next in line are told.",
        validators=[Optional(), NumberRange(1, MOST)],
    )
    double_opt_in = BooleanField(
        "Ask people to confirm their e-mail address",
        description="Recommended, and required by law in some countries: only who confirms gets in line.",
    )
    sender_name = StringField("Sender name", validators=[Length(max=120)])
    sender_email = StringField("Sender address", validators=[Length(max=254)])
    postal_address = TextAreaField(
        "Postal address", description="Shown at the foot of each message.", validators=[Length(max=500)]
    )

    @classmethod
    def of(cls, shop: Shop) -> "SettingsForm":
        """The form with the shop's settings."""
        per_unit = shop.rules.customers_per_unit
        return cls(
            minimum_inventory=shop.rules.minimum_inventory,
            notify="all" if per_unit == "all" else "per_unit",
            customers_per_unit=1 if per_unit == "all" else per_unit,
            wait_minutes=shop.rules.wait_minutes,
            double_opt_in=shop.double_opt_in,
            sender_name=shop.sender_name,
            sender_email=shop.sender_email,
            postal_address=shop.postal_address,
        )

    def validate_customers_per_unit(self, field: IntegerField) -> None:
        """Needed when not everyone is told at once."""
        if self.notify.data == "per_unit" and field.data is None:
            raise ValidationError("Enter a whole number of at least 1.")

    def validate_wait_minutes(self, field: IntegerField) -> None:
        """Needed when not everyone is told at once."""
        if self.notify.data == "per_unit" and field.data is None:
            raise ValidationError("Enter a whole number of at least 1.")

    def validate_sender_email(self, field: StringField) -> None:
        """An address, or nothing."""
        if field.data:
            try:
                checked_email(field.data)
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
            "sender_email": (self.sender_email.data or "").strip(),
            "postal_address": (self.postal_address.data or "").strip(),
        }
