import io

import pytest

from integrations.errors import PayloadError
from integrations.platforms.custom.feeds.xml_items import DEPTH_MAX, TOKEN_MAX_BYTES, read_xml
from tests.integrations.platforms.custom.feeds.reading import read_feed

LINK = "https://shop.example/"
GOOGLE = 'xmlns:g="http://base.google.com/ns/1.0"'


def product(fields: str) -> str:
    return f"<Products><Product><id>a</id><link>{LINK}</link>{fields}</Product></Products>"


def test_reads_klaviyo_feed() -> None:
    variants, report = read_feed(
        '<?xml version="1.0"?>\n<Products>\n  <Product>\n    <id>COAT-M</id>\n    <title>Coat &amp; hat</title>\n'
        f"    <link><![CDATA[{LINK}?a=1&b=2]]></link>\n    <description>x</description>\n    <price>89.90</price>\n"
        f"    <image_link>{LINK}c.jpg</image_link>\n    <categories>Coats, New</categories>\n"
        "    <inventory_quantity>25</inventory_quantity>\n    <inventory_policy>1</inventory_policy>\n"
        "  </Product>\n</Products>\n"
    )

    assert variants == [
        (
            "COAT-M",
            "COAT-M",
            "Coat & hat",
            "",
            LINK + "?a=1&b=2",
            LINK + "c.jpg",
            "89.90",
            "",
            ("Coats", "New"),
            25,
            True,
        )
    ]
    assert report.problems == {}


def test_reads_google_rss_with_prefixed_and_bare_names() -> None:
    variants, _ = read_feed(
        f"<rss {GOOGLE} version='2.0'><channel><title>Shop</title><link>{LINK}</link>"
        f"<item><g:id>TS-S</g:id><g:item_group_id>TS</g:item_group_id><title>Shirt</title><link>{LINK}s</link>"
        "<g:availability>out_of_stock</g:availability><g:price>19.99 USD</g:price>"
        "<g:sale_price>15.00 USD</g:sale_price><g:product_type>Apparel &gt; Shirts</g:product_type>"
        "<g:product_type>Sale</g:product_type></item></channel></rss>"
    )

    assert variants == [
        ("TS-S", "TS", "Shirt", "", LINK + "s", "", "15.00", "USD", ("Apparel > Shirts", "Sale"), 0, True)
    ]


def test_reads_atom_links_and_prefers_googles_id() -> None:
    variants, _ = read_feed(
        f"<feed xmlns='http://www.w3.org/2005/Atom' {GOOGLE}><id>tag:shop</id><entry><id>tag:1</id><title>Coat</title>"
        f"<link rel='self' href='{LINK}self'/><link href='{LINK}a'/><g:id>A1</g:id></entry>"
        f"<entry><id>B1</id><link rel='alternate' href='{LINK}b'/></entry></feed>"
    )

    assert [(variant.variant_id, variant.url) for variant in variants] == [("A1", LINK + "a"), ("B1", LINK + "b")]


def test_prefix_may_have_any_name() -> None:
    variants, _ = read_feed(
        f"<rss xmlns:gm='http://base.google.com/ns/1.0'><channel><item><gm:id>a</gm:id><gm:link>{LINK}</gm:link>"
        "<dc:title>not this</dc:title></item></channel></rss>"
    )

    assert variants[0][:3] == ("a", "a", "a")


def test_fields_inside_other_fields_are_not_the_products() -> None:
    variants, _ = read_feed(
        f"<rss {GOOGLE}><channel><item><g:id>a</g:id><g:link>{LINK}</g:link><g:price>19.99 EUR</g:price>"
        "<g:shipping><g:country>DE</g:country><g:price>4.90 EUR</g:price><g:id>no</g:id></g:shipping>"
        "</item></channel></rss>"
    )

    assert (variants[0].variant_id, variants[0].price) == ("a", "19.99")


@pytest.mark.parametrize("encoding", ["iso-8859-1", "windows-1252", "utf-8", "shift_jis", "US-ASCII"])
def test_declared_encoding_is_followed(encoding: str) -> None:
    title = {"shift_jis": "日本", "US-ASCII": "Coat"}.get(encoding, "Größe")
    text = f'<?xml version="1.0" encoding="{encoding}"?>' + product(f"<title>{title}</title>")

    assert read_feed(text.encode(encoding))[0][0].product_title == title


@pytest.mark.parametrize("encoding", ["rot13", "zlib", "idna", "utf-7", "unicode_escape", "no-such", "utf-16"])
def test_odd_encodings_are_refused(encoding: str) -> None:
    with pytest.raises(PayloadError, match=f"written in {encoding}"):
        read_feed(f'<?xml version="1.0" encoding="{encoding}"?>' + product(""))


DOCTYPES = [
    '<!DOCTYPE Products [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>',
    '<!DOCTYPE Products [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE Products SYSTEM "http://169.254.169.254/evil.dtd">',
    '<!DOCTYPE Products [<!ENTITY % p SYSTEM "http://10.0.0.1/"> %p;]>',
    "<!DOCTYPE Products>",
]


@pytest.mark.parametrize("doctype", DOCTYPES)
def test_document_type_is_refused(doctype: str, connections: list[str]) -> None:
    with pytest.raises(PayloadError, match="document type"):
        read_feed('<?xml version="1.0"?>\n' + doctype + product("<title>&x;</title>"))

    assert connections == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("<Products>\n<Product>\n<id>a</id>\n", "breaks off in line 4"),
        ("<Products><Product><id>a</link></Product></Products>", "broken in line 1: mismatched tag"),
        (product("") + "<Products/>", "broken in line 1: junk after document element"),
        (product("<title>&nbsp;</title>"), "broken in line 1: undefined entity"),
        (product("<title>\x01</title>"), "broken in line 1: not well-formed"),
        ("<catalog><Product/></catalog>", "begins with <catalog>"),
        ("<Products>" + "<a>" * (DEPTH_MAX + 1), "nested more than"),
        ("<Products><Product>" + "<a>" * (DEPTH_MAX + 1), "nested more than"),
        (product("<title>" + "x" * (TOKEN_MAX_BYTES + 100_000) + "</title>"), "longer than 1 MB"),
        ("<Products>" + "x" * (TOKEN_MAX_BYTES + 100_000) + "</Products>", "longer than 1 MB"),
        ("<Products><!--" + "x" * (TOKEN_MAX_BYTES + 100_000) + "--></Products>", "longer than 1 MB"),
        ("<Products a='" + "x" * (TOKEN_MAX_BYTES + 100_000) + "'></Products>", "longer than 1 MB"),
    ],
)
def test_says_where_it_cannot_go_on(text: str, sentence: str) -> None:
    with pytest.raises(PayloadError, match=sentence):
        list(read_xml(io.StringIO(text)))


def test_many_types_of_one_product_are_bounded() -> None:
    variants, _ = read_feed(product("".join(f"<product_type>t{number}</product_type>" for number in range(500))))

    assert len(variants[0].collections) == 50
