import json
import math
import os

import pytest

from vggjax.checked_json import (
    ContentError,
    MissingError,
    read_checked_json,
    read_json,
    unchanged,
    with_checksum,
    write_checked_json,
)

CONTENT = {"b": [1, 2.5, None], "a": {"é\udcff": True}}


def test_content_comes_back_and_has_a_checksum(tmp_path):
    write_checked_json(tmp_path / "a.json", CONTENT)
    assert read_checked_json(tmp_path / "a.json") == CONTENT
    stored = json.loads((tmp_path / "a.json").read_text())
    assert len(stored.pop("checksum")) == 64
    assert stored == CONTENT


def test_spaces_and_the_order_of_keys_do_not_count(tmp_path):
    write_checked_json(tmp_path / "a.json", CONTENT)
    turned = dict(reversed(read_json(tmp_path / "a.json").items()))
    (tmp_path / "a.json").write_text(json.dumps(turned, separators=(" ,\r\n", ":")))
    assert read_checked_json(tmp_path / "a.json") == CONTENT


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ('{"a": 1}', "checksum differs"),
        (json.dumps({**with_checksum(CONTENT), "b": [1, 2.5, 0]}), "checksum differs"),
        (json.dumps({**with_checksum({"a": 1}), "a": True}), "checksum differs"),
        (json.dumps({**with_checksum({"a": 1}), "checksum": {}}), "checksum differs"),
        ("[]", "not a JSON object"),
        ("", "not JSON"),
        ('{"a": NaN}', "not JSON"),
        ("9" * 10_000, "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[" + "1," * 2**24, "too large"),
    ],
)
def test_anything_else_is_said(text, cause, tmp_path):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ContentError, match=rf"a\.json can't be used: .*{cause}"):
        read_checked_json(tmp_path / "a.json")


def test_any_depth_is_read_or_refused(tmp_path):
    """Also where it can be read, but not be written again."""
    for depth in range(50, 1100, 7):
        (tmp_path / "a.json").write_text('{"a":' * depth + "1" + "}" * depth)
        with pytest.raises(ContentError):
            read_checked_json(tmp_path / "a.json")


def test_what_is_not_there_and_what_is_no_file(tmp_path):
    for path in (tmp_path / "none", tmp_path / "file" / "a.json"):
        (tmp_path / "file").touch()
        with pytest.raises(MissingError, match="No such file"):
            read_checked_json(path)
    with pytest.raises(ContentError, match="not a file"):
        read_checked_json(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(ContentError, match="not a file"):
        read_checked_json(tmp_path / "a.json")


def test_json_knows_no_nan(tmp_path):
    write_checked_json(tmp_path / "a.json", {"a": (math.nan, -math.inf, 1.0)})
    assert read_checked_json(tmp_path / "a.json") == {"a": [None, None, 1.0]}
    assert unchanged(json.loads((tmp_path / "a.json").read_text(), parse_constant=pytest.fail))
