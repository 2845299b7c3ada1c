import pytest

from harka.errors import ValidationError
from harka.learning.svg import sanitized

BEGIN = '<svg xmlns="http://www.w3.org/2000/svg">'


def clean(inside: str, begin: str = BEGIN) -> str:
    """What is left inside the drawing."""
    made = sanitized(f"{begin}{inside}</svg>".encode(), "logo").decode()
    assert made.startswith("<svg xmlns=")
    return made.partition(">")[2].removesuffix("</svg>")


def test_what_is_drawn_stays() -> None:
    inside = (
        '<defs><linearGradient id="a" gradientTransform="rotate(90)"><stop offset="0"></stop>'
        '</linearGradient></defs><title>A &amp; B</title><g transform="translate(1 2) scale(3)">'
        '<path d="M0 0L1 1z" fill="url(#a)" stroke="rgb(1, 2, 3)"></path><text>مرحبا 😀 &lt;b&gt;</text></g>'
    )
    assert clean(inside) == inside


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<script xmlns='http://www.w3.org/1999/xhtml'>alert(1)</script>",
        "<style>* { fill: url(https://evil.example) }</style>",
        "<foreignObject><body xmlns='http://www.w3.org/1999/xhtml'><b>x</b></body></foreignObject>",
        "<image href='https://evil.example/x.png'/>",
        "<use href='#a'/>",
        "<animate attributeName='href' to='javascript:alert(1)'/>",
        "<set attributeName='onload' to='alert(1)'/>",
        "<filter id='a'><feImage href='https://evil.example'/></filter>",
        "<mask id='a'><path d='M0 0'/></mask>",
        "<iframe src='https://evil.example'/>",
        "<?xml-stylesheet href='https://evil.example'?>",
        "<!-- <script>alert(1)</script> -->",
        "<metadata>private</metadata>",
    ],
)
def test_what_could_run_load_or_call_is_left_out(hostile: str) -> None:
    assert clean(hostile) == ""


@pytest.mark.parametrize(
    ("inside", "left"),
    [
        ("<a href='javascript:alert(1)' target='x'><path d='M0 0'/></a>", '<g><path d="M0 0"></path></g>'),
        ("<text>see <a href='https://evil.example'>this</a></text>", "<text>see <tspan>this</tspan></text>"),
        (
            "<switch><foreignObject><p/></foreignObject><g fill='red'><path d='M0 0'/></g></switch>",
            '<g><g fill="red"><path d="M0 0"></path></g></g>',
        ),
    ],
    ids=["a link", "a link in words", "a switch"],
)
def test_what_stands_around_a_drawing_goes_and_the_drawing_stays(inside: str, left: str) -> None:
    assert clean(inside) == left


@pytest.mark.parametrize(
    "attribute",
    [
        "onload='alert(1)'",
        "onclick='alert(1)'",
        "fill='url(https://evil.example/#a)'",
        "fill='url(//evil.example)'",
        r"fill='u\72l(https://evil.example)'",
        "fill='image-set(x)'",
        "fill='expression(alert)'",
        "style='fill:url(https://evil.example); behavior:url(x); -moz-binding:url(x)'",
        "href='https://evil.example'",
        "xml:base='https://evil.example'",
        "class='a'",
        "id='a b'",
        "filter='url(#a)'",
        "mask='url(#a)'",
    ],
)
def test_attributes_that_could_are_left_out(attribute: str) -> None:
    assert clean(f"<path d='M0 0' {attribute}/>") == '<path d="M0 0"></path>'
    begin = BEGIN.replace(">", f" {attribute}>")
    assert sanitized(f"{begin}</svg>".encode(), "logo").decode() == f"{BEGIN}</svg>"


def test_declarations_of_a_style_become_attributes() -> None:
    assert clean("<path style='fill: #f00; stroke-width:2;; cursor:pointer'/>") == (
        '<path fill="#f00" stroke-width="2"></path>'
    )


def test_a_gradient_may_refer_to_another_of_the_same_drawing() -> None:
    begin = BEGIN.replace(">", ' xmlns:x="http://www.w3.org/1999/xlink">')
    kept = clean("<linearGradient x:href='#b'/><radialGradient href='http://e/#b'/>", begin)
    assert kept == '<linearGradient href="#b"></linearGradient><radialGradient></radialGradient>'


def test_what_clips_is_not_clipped_itself() -> None:
    kept = clean("<clipPath id='a'><path d='M0 0' clip-path='url(#a)'/></clipPath><g clip-path='url(#a)'/>")
    assert kept.count("clip-path=") == 1


@pytest.mark.parametrize(
    ("drawing", "reason"),
    [
        ('<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>' + BEGIN + "&b;</svg>", "DOCTYPE"),
        ('<!DOCTYPE svg SYSTEM "file:///etc/passwd">' + BEGIN + "</svg>", "DOCTYPE"),
        (BEGIN + "&undefined;</svg>", "well-formed"),
        (BEGIN, "well-formed"),
        (BEGIN + "\0</svg>", "well-formed"),
        ("<html/>", "not an SVG"),
        ("<svg/>", "not an SVG"),
        (BEGIN + "<g>" * 100 + "</g>" * 100 + "</svg>", "intricate"),
        (BEGIN + "<x>" * 100 + "</x>" * 100 + "</svg>", "intricate"),
        (BEGIN + "<g/>" * 6000 + "</svg>", "intricate"),
    ],
)
def test_what_is_no_drawing_is_refused(drawing: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason) as caught:
        sanitized(drawing.encode(), "logo")
    assert caught.value.field == "logo"


def test_another_encoding_hides_nothing() -> None:
    text = '<?xml version="1.0" encoding="UTF-16"?>' + BEGIN + "<script/></svg>"
    assert sanitized(text.encode("utf-16"), "logo").decode() == f"{BEGIN}</svg>"


def test_what_is_clean_stays_as_it_is() -> None:
    once = sanitized((BEGIN + "<path d='M0 0' style='fill:red'/><text>a&#38;b</text></svg>").encode(), "logo")
    assert sanitized(once, "logo") == once
