"""An identified value shows itself to nobody who does not ask for it by name."""

import copy
import inspect
import io
import json
import pickle
import pprint
import string
import traceback
import warnings
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass, replace
from pathlib import Path

import pytest
import rich
from fastapi.encoders import jsonable_encoder
from hypothesis import given
from hypothesis import strategies as st
from kombu.serialization import dumps as kombu_dumps
from kombu.utils.json import dumps as kombu_json
from markupsafe import escape
from pydantic import BaseModel, ConfigDict, ValidationError
from pydicom.uid import UID
from rich.console import Console
from rich.pretty import pretty_repr
from rich.traceback import Traceback

from core.phi import NOTHING, WITHHELD, Phi

CANARY = "TESTPATIENT^CANARY"
WHO = Phi(CANARY)


@dataclass(frozen=True, slots=True)
class Row:
    who: Phi
    number: int = 7


class Model(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    who: Phi


def test_the_value_is_there_for_who_asks():
    assert WHO.reveal() == CANARY


@pytest.mark.parametrize(
    "printed",
    [
        str,
        repr,
        ascii,
        format,
        lambda who: f"{who}",
        lambda who: f"{who!r:>40}",
        lambda who: f"{who:>40}",
        lambda who: f"{who=}",
        lambda who: "%s %r %a" % (who, who, who),  # noqa: UP031 - what is tested
        lambda who: f"{who:d}",
        lambda who: string.Template("$who").substitute(who=who),
        lambda who: str([who, {"who": who}, Row(who)]),
        pprint.pformat,
        pretty_repr,
        lambda who: pprint.pformat(Row(who)),
        lambda who: pprint.pformat(asdict(Row(who))),
        lambda who: pretty_repr(Row(who)),
        lambda who: str(escape(who)),
        lambda who: str(Model(who=who)),
        lambda who: str(Model(who=who).model_dump()),
        lambda who: str(ValueError("who", who)),
        lambda who: json.dumps(who, default=str),
    ],
)
def test_whatever_prints_it_prints_that_it_is_withheld(printed: Callable[[object], str]):
    assert WITHHELD in printed(WHO)
    assert CANARY not in printed(WHO)


def inspected(value: object) -> str:
    out = io.StringIO()
    rich.inspect(value, console=Console(file=out, width=200), all=True, private=True, dunder=True)
    return out.getvalue()


@pytest.mark.parametrize(
    "dumped",
    [
        lambda who: str(inspect.getmembers(who)),
        lambda who: str([(name, getattr(who, name)) for name in dir(who)]),
        lambda who: str([getattr(who, name) for name in type(who).__slots__]),
        lambda who: str(asdict(Row(who))) + str(astuple(Row(who))),
        inspected,
    ],
)
def test_a_dump_of_its_attributes_does_not_show_it(dumped: Callable[[object], str]):
    assert CANARY not in dumped(WHO)
    assert not hasattr(WHO, "__dict__")


@pytest.mark.parametrize(
    "serialised",
    [
        json.dumps,
        kombu_json,
        lambda who: kombu_dumps({"who": who}, serializer="json"),
        lambda who: kombu_dumps({"who": who}, serializer="pickle"),
        *(lambda who, p=protocol: pickle.dumps(who, p) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)),
        lambda who: pickle.dumps(Row(who)),
        lambda who: who.__getstate__(),
        jsonable_encoder,
        lambda who: Model(who=who).model_dump_json(),
        bytes,
        "".join,
        len,
        list,
        lambda who: setattr(who, "_tell", str),
        lambda who: delattr(who, "_tell"),
        lambda who: CANARY in who,
        lambda who: who < who,
        lambda who: who + "",
        lambda who: "%d" % who,  # noqa: UP031 - what is tested
        Path,
        Phi,
        UID,
    ],
)
def test_what_would_make_text_of_it_is_refused_without_the_value(serialised: Callable[[object], object]):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each library has its own
        serialised(WHO)
    shown = traceback.format_exception_only(caught.value)
    assert not isinstance(caught.value, AttributeError)
    assert CANARY not in f"{caught.value} {caught.value!r} {shown}"


@pytest.mark.parametrize("value", [None, 7, CANARY.encode(), [CANARY], {"who": CANARY}])
def test_it_is_made_of_text_alone_and_its_refusal_repeats_nothing(value):
    with pytest.raises(TypeError) as caught:
        Phi(value)
    assert str(caught.value) == "Phi is made of text"


def test_tracebacks_with_local_variables_do_not_show_it():
    def fails(who: Phi) -> None:
        raise KeyError(who)

    with pytest.raises(KeyError) as caught:
        fails(WHO)
    error = caught.value
    plain = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    pretty = Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True)
    out = io.StringIO()
    Console(file=out, width=200).print(pretty)
    for shown in (plain, out.getvalue()):
        assert f"who = {WITHHELD}" in shown
        assert CANARY not in shown.replace(f"CANARY = '{CANARY}'", "")


def test_a_validation_error_does_not_show_it():
    class Texts(BaseModel):
        who: str

    with pytest.raises(ValidationError) as caught:
        Texts(who=WHO)
    assert WITHHELD in str(caught.value)
    assert CANARY not in str(caught.value) + str(caught.value.errors())


def test_a_warning_does_not_show_it():
    with pytest.warns(UserWarning, match="withheld") as caught:
        warnings.warn(f"{WHO} is odd", stacklevel=1)
    assert CANARY not in str(caught[0].message)


@given(st.text(), st.text())
def test_it_is_equal_by_value_and_only_to_its_like(one: str, other: str):
    assert (Phi(one) == Phi(other)) == (one == other)
    assert hash(Phi(one)) == hash(Phi(one))
    assert Phi(one) != one
    assert bool(Phi(one)) == bool(one)
    assert len({Phi(one), Phi(one), Phi(other)}) == len({one, other})


def test_a_copy_is_itself():
    assert copy.copy(WHO) is WHO
    assert copy.deepcopy([WHO])[0] is WHO
    assert replace(Row(WHO), number=8).who is WHO


def test_a_uid_becomes_plain_text():
    assert type(Phi(UID("1.2.3")).reveal()) is str


def test_nothing_is_nothing():
    assert not NOTHING
    assert NOTHING.reveal() == ""
