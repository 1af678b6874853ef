import pytest

from integrations.platforms.custom.feeds.price import parse_price


@pytest.mark.parametrize(
    ("text", "price"),
    [
        ("19.99 USD", ("19.99", "USD")),
        ("19.99USD", ("19.99", "USD")),
        ("USD 19.99", ("19.99", "USD")),
        (" 5 ", ("5", "")),
        ("19,99 EUR", ("19.99", "EUR")),
        ("1,299.00 USD", ("1299.00", "USD")),
        ("1.299,00 EUR", ("1299.00", "EUR")),
        ("1,299 USD", ("1299", "USD")),
        ("1,299,000 JPY", ("1299000", "JPY")),
        ("1299,5 NOK", ("1299.5", "NOK")),
        ("1 299,50 NOK", ("1299.50", "NOK")),
        ("1'299.50 CHF", ("1299.50", "CHF")),
        ("$19.99", ("19.99", "")),
        ("19,99 €", ("19.99", "")),
        ("0.5", ("0.5", "")),
    ],
)
def test_reads_price(text: str, price: tuple[str, str]) -> None:
    assert parse_price(text) == price


@pytest.mark.parametrize(
    "text",
    ["", "USD", "free", "-1", "1.2.3", ".5", "5.", "1,,2", "1,23,4", "1.23,4", "٣", "5 USDX", "1e3", "5\n6", "1 2 3 x"],
)
def test_refuses_what_is_no_price(text: str) -> None:
    assert parse_price(text) is None
