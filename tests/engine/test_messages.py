import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadcheck.engine import messages
from loadcheck.engine.events import Draw
from loadcheck.engine.messages import Composer, Message
from loadcheck.errors import UsageProblem
from loadcheck.identity.population import Identity
from loadcheck.scenario.base import Scalar
from loadcheck.scenario.model import Scenario

BASE = "http://localhost:3000"


def identity(index: int = 0, claims: Mapping[str, Any] | None = None, **variables: Any) -> Identity:
    return Identity(index, 0, f"i{index}", claims or {}, variables)


def composer(
    request: dict[str, Any],
    *identities: Identity,
    base: str = BASE,
    token: Callable[[int], str | None] = lambda _index: None,
    **target: Any,
) -> Composer:
    scenario = Scenario.model_validate(
        {
            "name": "messages",
            "target": target,
            "identities": [{"name": "many"}],
            "requests": [{"name": "only", "expect": {"status": 200}, **request}],
        }
    )
    marked = (lambda draw: f"nonce-{draw.seq}", lambda draw: f"mark-{draw.seq}")
    return Composer(scenario, identities or (identity(),), base, token, *marked)


def composed(request: dict[str, Any], *identities: Identity, values: tuple[Scalar, ...] = (), **more: Any) -> Message:
    return composer(request, *identities, **more).compose(Draw(0, 0, 0, values))


def test_a_plain_request() -> None:
    message = composed({"get": "/pets?select=id,name&order=id"})
    assert (message.method, message.url, message.body) == ("GET", f"{BASE}/pets?select=id,name&order=id", None)
    assert message.headers["Accept"] == "application/json"
    assert message.headers["User-Agent"].startswith("loadcheck/")
    assert message.headers["Loadcheck-Nonce"] == "nonce-0"
    assert len(message.headers) == 3


def test_a_write_carries_its_mark_in_path_headers_and_body() -> None:
    request = {
        "post": "/pets?note=eq.{mark}",
        "headers": {"X-Mark": "{mark}"},
        "body": {"note": "{mark}", "id": "{id}"},
        "vars": {"id": {"int": [1, 9]}},
        "writes": {"table": "pets"},
    }
    writing = composer(request)
    for seq in (1, 2):
        message = writing.compose(Draw(seq, 0, 0, (7,)))
        assert message.url == f"{BASE}/pets?note=eq.mark-{seq}"
        assert message.headers["X-Mark"] == f"mark-{seq}"
        assert message.body is not None
        assert json.loads(message.body) == {"note": f"mark-{seq}", "id": 7}


@pytest.mark.parametrize("method", ["get", "post", "patch", "put", "delete", "head"])
def test_methods(method: str) -> None:
    assert composed({method: "/pets"}).method == method.upper()


@pytest.mark.parametrize("base", [f"{BASE}/api/v1", f"{BASE}/api/v1/"])
def test_the_path_of_the_target_goes_first(base: str) -> None:
    assert composed({"get": "/pets"}, base=base).url == f"{BASE}/api/v1/pets"


def test_names_stand_for_claims_identity_variables_and_drawn_ones_the_last_winning() -> None:
    who = identity(claims={"a": "claim", "b": "claim", "c": "claim"}, b="identity", c="identity")
    request = {"get": "/{a}/{b}/{c}", "vars": {"c": {"choice": ["drawn"]}}}
    assert composed(request, who, values=("drawn",)).url == f"{BASE}/claim/identity/drawn"


@given(st.text())
def test_any_value_arrives_as_it_is(value: str) -> None:
    url = composed({"get": "/pets?name=eq.{name}&x=1"}, identity(name=value.encode(errors="replace").decode())).url
    assert url.isascii()
    assert not set(url) & set(' \r\n\t"<>#{}|\\^`')
    query = dict(parse_qsl(urlsplit(url).query, keep_blank_values=True, strict_parsing=True))
    assert query == {"name": f"eq.{value.encode(errors='replace').decode()}", "x": "1"}


def test_what_a_url_cannot_hold_is_encoded_and_what_is_encoded_stays() -> None:
    url = composed({"get": '/p?tags=cs.{1,2}&a=in.("x y","ü")&b=%2B+c#d'}).url
    assert url == f"{BASE}/p?tags=cs.%7B1,2%7D&a=in.(%22x%20y%22,%22%C3%BC%22)&b=%2B+c%23d"


def test_headers_own_before_targets_before_default_whatever_their_case() -> None:
    headers = composed(
        {"get": "/", "headers": {"ACCEPT": "text/csv", "X-Who": "{who}"}},
        identity(who="me"),
        headers={"accept": "x/y", "user-agent": "mine", "apikey": "k"},
    ).headers
    nonce = {"Loadcheck-Nonce": "nonce-0"}
    assert headers == {"ACCEPT": "text/csv", "X-Who": "me", "user-agent": "mine", "apikey": "k", **nonce}


def test_the_token_of_the_moment_takes_the_place_of_any_other() -> None:
    tokens = iter(["Bearer 1", "Bearer 2", None])
    asked: list[int] = []

    def token(index: int) -> str | None:
        asked.append(index)
        return next(tokens)

    three = composer({"get": "/"}, identity(), token=token, headers={"AUTHORIZATION": "Basic gateway"})
    sent = [three.compose(Draw(seq, 0, 0)).headers["Authorization"] for seq in range(3)]
    assert sent == ["Bearer 1", "Bearer 2", "Basic gateway"]
    assert asked == [0, 0, 0]


def test_bodies_are_json_with_values_of_their_own_type() -> None:
    request = {
        "post": "/pets",
        "body": {"id": "{id}", "name": "n-{id}", "many": [None, True, 1.5, "{who}"]},
        "vars": {"id": {"int": [1, 9]}},
    }
    message = composed(request, identity(who=None), values=(7,))
    assert json.loads(message.body or b"") == {"id": 7, "name": "n-7", "many": [None, True, 1.5, None]}
    assert message.headers["Content-Type"] == "application/json"


def test_integers_beyond_64_bits_are_exact() -> None:
    assert composed({"post": "/", "body": {"n": 2**70}}).body == b'{"n":%d}' % 2**70


def test_a_text_of_another_type_is_sent_as_it_stands() -> None:
    request = {"post": "/pets", "headers": {"content-type": "text/csv"}, "body": "id,name\n{id},x"}
    message = composed(request, identity(id=3))
    assert message.body == b"id,name\n3,x"
    assert message.headers["content-type"] == "text/csv"
    assert "Content-Type" not in message.headers


def test_a_text_of_a_json_type_is_a_json_text() -> None:
    assert composed({"post": "/", "body": "x"}).body == b'"x"'


def test_each_identity_has_its_own_parts_kept_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_KEPT", 3)
    many = [identity(index, who=f"w{index}") for index in range(6)]
    request = {"post": "/{who}", "headers": {"X": "{who}"}, "body": {"who": "{who}"}}
    made = composer(request, *many)
    for _ in range(2):
        for index in range(6):
            message = made.compose(Draw(0, 0, index))
            assert message.url == f"{BASE}/w{index}"
            assert message.headers["X"] == f"w{index}"
            assert message.body == b'{"who":"w%d"}' % index
    assert len(made._shapes[0].url._kept) == 3


def test_what_a_token_is_added_to_is_not_what_is_kept() -> None:
    tokens = iter(["Bearer 1", None])
    made = composer({"get": "/"}, token=lambda _index: next(tokens))
    made.compose(Draw(0, 0, 0))
    assert "Authorization" not in made.compose(Draw(1, 0, 0)).headers


@pytest.mark.parametrize("value", ["a\r\nX: y", "a\n", "a\0"])
def test_a_value_that_would_break_out_of_its_header_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(UsageProblem, match=r"request 'only'.* header X ") as caught:
        composed({"get": "/", "headers": {"X": "{v}"}}, identity(v=value))
    assert value not in caught.value.message
    with pytest.raises(UsageProblem, match=r"target\.headers.* header apikey "):
        composed({"get": "/"}, headers={"apikey": value})


@pytest.mark.parametrize(
    ("base", "place"),
    [
        ("https://münchen.example:3000/ä/", "https://xn--mnchen-3ya.example:3000/%C3%A4"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("HTTP://Localhost", "http://Localhost"),
    ],
)
def test_places(base: str, place: str) -> None:
    assert composed({"get": "/"}, base=base).url == f"{place}/"


@pytest.mark.parametrize(
    "base",
    [
        "",
        "localhost:3000",
        "ftp://x",
        "http://",
        "http://x:99999",
        "http://x:0",
        "http://[::1",
        "http:///p",
        "http://a..b",
        f"http://{'a' * 70}.b",
    ],
)
def test_a_url_without_a_usable_place_is_refused(base: str) -> None:
    with pytest.raises(UsageProblem, match="no usable host"):
        composed({"get": "/"}, base=base)


@pytest.mark.parametrize("base", ["http://me:hunter2@x", "http://x?hunter2", "http://x/#hunter2"])
def test_a_url_with_more_than_a_place_is_refused_and_not_shown(base: str) -> None:
    with pytest.raises(UsageProblem, match="more than") as caught:
        composed({"get": "/"}, base=base)
    assert "hunter2" not in caught.value.message + caught.value.advice


def test_a_messages_repr_shows_no_secret() -> None:
    message = composed({"get": "/"}, headers={"apikey": "hunter2"}, token=lambda _index: "Bearer hunter2")
    assert "hunter2" not in repr(message)
