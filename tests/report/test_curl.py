import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from loadcheck.record.stored import StoredMessage
from loadcheck.report.curl import LONGEST_BODY, curl_lines
from tests.record.samples import TOKEN

# Two stand-ins that print what they were given, so that the shell's own reading of the lines is what is tested.
SHELL = r"""
loadcheck() { printf '<%s>' "$@"; }
curl() { printf '%s\0' "$@"; }
APIKEY=the-key
"""

# A shell cannot pass a NUL, nor text that is not Unicode.
TEXT = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=300)
NAMES = st.sampled_from(["Accept", "Prefer", "Range"])


def message(
    url: str = "http://127.0.0.1:3000/pets",
    *,
    method: str = "GET",
    headers: dict[str, str | None] | None = None,
    body: str | None = None,
    token: list[str] | None = None,
) -> StoredMessage:
    return {"method": method, "url": url, "headers": headers or {}, "body": body, "token": token}


def pasted(lines: list[str]) -> list[str]:
    """What curl is given when bash reads the lines."""
    script = SHELL + "\n".join(lines) + "\n"
    run = subprocess.run(["/bin/bash", "-u", "-s"], input=script.encode(), capture_output=True, check=True)
    assert run.stderr == b""
    return run.stdout.decode().split("\0")[:-1]


def test_a_short_command_reads_like_one_written_by_hand() -> None:
    sent = message(headers={"Accept": "application/json"}, token=["loadcheck", "token", "pets.yaml", "keeper#17"])
    assert curl_lines(sent, 80) == [
        "curl -sS -i http://127.0.0.1:3000/pets \\",
        "  -H \"Authorization: Bearer $(loadcheck token pets.yaml 'keeper#17')\" \\",
        "  -H 'Accept: application/json'",
    ]


def test_the_shell_hands_on_what_was_sent() -> None:
    sent = message(
        "http://127.0.0.1:3000/pets?select=id,name,keeper&order=id&name=like.*" + "long" * 30,
        method="PATCH",
        headers={"Prefer": "return=minimal", "apikey": None},
        body='{"name":"It\'s\\n\\"Nemo\\""}',
        token=["loadcheck", "token", "scenarios/with space.yaml", "it's#17"],
    )
    lines = curl_lines(sent, 80)
    assert max(map(len, lines)) <= 80
    assert pasted(lines) == [
        *("-sS", "-i", "-X", "PATCH", sent["url"]),
        *("-H", "Authorization: Bearer <token><scenarios/with space.yaml><it's#17>"),
        *("-H", "Prefer: return=minimal", "-H", "apikey: the-key"),
        *("--data-raw", sent["body"]),
    ]


@settings(max_examples=60, deadline=None)
@given(TEXT, TEXT, TEXT, st.dictionaries(NAMES, TEXT), st.integers(min_value=40, max_value=100))
def test_any_text_survives_the_shell_and_fits(
    path: str, label: str, body: str, headers: dict[str, str], width: int
) -> None:
    url = "http://127.0.0.1:3000/" + path
    sent = message(url, method="POST", headers={**headers}, body=body, token=["loadcheck", "token", label])
    lines = curl_lines(sent, width)
    assert max(map(cell_len, lines)) <= width
    assert all(line.isprintable() for line in lines)
    assert pasted(lines) == [
        *("-sS", "-i", "-X", "POST", url),
        *("-H", f"Authorization: Bearer <token><{label}>"),
        *(word for name, value in headers.items() for word in ("-H", f"{name}: {value}")),
        *("--data-raw", body),
    ]


def test_no_token_no_header() -> None:
    assert curl_lines(message(method="HEAD"), 80) == ["curl -sS -i --head http://127.0.0.1:3000/pets"]


def test_a_token_in_the_url_or_the_body_is_left_out() -> None:
    text = "\n".join(curl_lines(message(f"http://127.0.0.1:3000/?jwt={TOKEN}", body=TOKEN), 80))
    assert "eyJ" not in text
    assert text.count("[token]") == 2


def test_a_body_too_long_to_paste_is_named_as_a_file() -> None:
    lines = curl_lines(message(method="POST", body="x" * (LONGEST_BODY + 1)), 80)
    assert lines[-1] == "  --data-binary @body.json"


@pytest.mark.parametrize("width", [0, 1, 19])
def test_a_width_that_is_absurd_is_not_an_endless_loop(width: int) -> None:
    assert pasted(curl_lines(message(body="\U000e0001" * 50), width))[-1] == "\U000e0001" * 50
