"""A value outside its limits is named with its key and with what would do; the ends are inside."""

import math

import pytest

from src.errors import UserError
from src.limits import between, check_seed, one_of, whole


def test_the_ends_themselves_are_allowed():
    whole("a", 1, 1, 3)
    whole("a", 3, 1, 3)
    between("a", 0, 0, 0.5)
    between("a", 0.5, 0, 0.5)
    check_seed("seed", 0)
    check_seed("seed", 2**63 - 1)
    one_of("a", "x", ("x", "y"))


@pytest.mark.parametrize(
    ("check", "given", "said"),
    [
        (whole, ("a.b", 4, 1, 3), "a.b=4 is impossible; give a whole number from 1 to 3."),
        (whole, ("a.b", 0, 1, 5000), "a.b=0 is impossible; give a whole number from 1 to 5,000."),
        (between, ("a.b", 0.6, 0, 0.5), "a.b=0.6 is impossible; give a number from 0 to 0.5."),
        (between, ("a.b", math.nan, 0, 1), "a.b=nan is impossible; give a number from 0 to 1."),
        (whole, ("a.b", 1.5, 1, 3), "a.b=1.5 is impossible; give a whole number from 1 to 3."),
        (whole, ("a.b", True, 1, 3), "a.b=True is impossible; give a whole number from 1 to 3."),
        (between, ("a.b", "x", 0, 1), "a.b='x' is impossible; give a number from 0 to 1."),
        (between, ("a.b", True, 0, 1), "a.b=True is impossible; give a number from 0 to 1."),
        (check_seed, ("s", 2**63), f"s={2**63} is impossible; give a whole number from 0 to"),
        (check_seed, ("s", -1), "s=-1 is impossible; give a whole number from 0 to 2**63 - 1."),
        (one_of, ("a", "xx", ("xxx", "y")), "a='xx' is unknown; did you mean 'xxx'? Known: xxx, y"),
    ],
)
def test_a_value_beyond_them_is_refused_with_what_would_do(check, given, said):
    with pytest.raises(UserError) as refusal:
        check(*given)
    assert str(refusal.value).startswith(said)
