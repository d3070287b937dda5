import pytest

from vggjax.report.lines import printable, shown


@pytest.mark.parametrize("name", ["caf\udce9", "tab\there", "two\nlines", "bell\x07"])
def test_what_no_font_has_is_replaced(name):
    assert printable(name).count("\ufffd") == 1
    assert len(printable(name)) == len(name)


@pytest.mark.parametrize("name", ["Käse", "$x_1", "猫 2", "a b"])
def test_other_names_stay(name):
    assert printable(name) == name


def test_names_are_cut_at_either_end():
    assert shown("abcdefgh", 8) == "abcdefgh"
    assert (shown("abcdefghi", 8), shown("abcdefghi", 8, end=True)) == ("abcdefg…", "…cdefghi")
