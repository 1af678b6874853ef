"""E-mail addresses in their normal form: one person, however the address is typed or told."""

from email_validator import EmailNotValidError, validate_email


def normal_email(value: str) -> str:
    """The address as it is kept, its domain in ASCII.

    Raises:
        EmailNotValidError: it is none (a ValueError).
    """
    # Whether mail arrives is found out by sending; a shop tries things out with addresses at .test.
    found = validate_email(
        value.strip(), check_deliverability=False, allow_smtputf8=False, strict=True, test_environment=True
    )
    if "." not in found.ascii_domain:
        raise EmailNotValidError("The domain has no dot.")
    return found.ascii_email or found.normalized


def email_key(value: str) -> str:
    """What tells a person apart, from an address that a platform tells; what is no address stays as it is."""
    try:
        return normal_email(value).lower()
    except EmailNotValidError:
        return value.strip().lower()
