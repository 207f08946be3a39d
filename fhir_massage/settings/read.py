"""Reading the settings: everything that is wrong is told at once, each with the place it stands at, and no value is."""

from __future__ import annotations

import difflib
import json
import os
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_origin

import msgspec
from pydantic import ValidationError

from fhir_massage.errors import FhirMassageError
from fhir_massage.settings.address import masked
from fhir_massage.settings.model import IN_FILE, PREFIX, Settings

CONFIG = f"{PREFIX}CONFIG"
#: Names in the environment that are no settings: the settings' file, a token for commands, the tests' own.
_BESIDES = frozenset({CONFIG, f"{PREFIX}FHIR_TOKEN", f"{PREFIX}DEEP"})
_NUMBER = "expected a whole number"
_WORDS = {
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float", "int_parsing_size"), _NUMBER),
    **dict.fromkeys(("float_parsing", "float_type"), "expected a number"),
    **dict.fromkeys(("bool_parsing", "bool_type"), "expected true or false"),
    **dict.fromkeys(("string_type", "path_type"), "expected text"),
    "list_type": 'expected a list, in the environment as JSON, such as ["https://ehr.example.org"]',
    "dict_type": "expected an object, in the environment as JSON, such as "
    '{"https://ehr.example.org": "/etc/fhir-massage/keys.json"}',
}


class BadSetting(FhirMassageError):
    """Settings are wrong: a line for each, with its place and the reason."""


class Fault(msgspec.Struct, frozen=True):
    """What is wrong with a setting. ``besides`` are other settings that the fault rests on."""

    setting: str
    why: str
    besides: tuple[str, ...] = ()


#: Says what is wrong with settings taken together, or with what they name.
Unfit = Callable[[Settings], Iterable[Fault]]


class _Given(msgspec.Struct, frozen=True):
    """What a place says of a setting: the value, or why there is none that could be read."""

    place: str
    value: object = None
    fault: str | None = None


def read_settings(unfit: Unfit = lambda _: ()) -> Settings:
    """The settings in force. Raises ``BadSetting`` naming each wrong one, also those that are ``unfit``."""
    environment = {name.upper(): value for name, value in os.environ.items() if value}
    lines = list(_unknown_variables(os.environ))
    in_file, wrong_in_file = _of_file(environment.get(CONFIG))
    given = {**in_file, **dict(_of_environment(environment))}
    settings, faults = _settings(given)
    if in_file or not wrong_in_file:  # else what the file would have said is not known
        wrong = {fault.setting for fault in faults}
        faults += [each for each in unfit(settings) if wrong.isdisjoint((each.setting, *each.besides))]
    places = {setting: each.place for setting, each in given.items()}
    lines += [*wrong_in_file, *(told(fault, places) for fault in faults)]
    if lines:
        raise BadSetting("\n".join(lines))
    return settings


def told(fault: Fault, places: Mapping[str, str]) -> str:
    """A fault in a line, with the place that the setting stands at, or else with its name."""
    return f"{places.get(fault.setting, PREFIX + fault.setting.upper())}: {fault.why}"


def _settings(given: Mapping[str, _Given]) -> tuple[Settings, list[Fault]]:
    """The settings, those that are wrong as though they were not given, and what is wrong with them."""
    faults = [Fault(setting, each.fault) for setting, each in given.items() if each.fault is not None]
    values = {setting: each.value for setting, each in given.items() if each.fault is None}
    try:
        return Settings(**values), faults  # type: ignore[arg-type]
    except ValidationError as error:
        faults += [Fault(str(each["loc"][0]), within(each["loc"][1:]) + _why(each)) for each in error.errors()]
    wrong = {fault.setting for fault in faults}
    return Settings(**{name: value for name, value in values.items() if name not in wrong}), faults  # type: ignore[arg-type]


def within(steps: tuple[int | str, ...]) -> str:
    """Which entry of a list, or which key of an object."""
    if not steps:
        return ""
    return f"entry {steps[0] + 1}: " if isinstance(steps[0], int) else f"{json.dumps(masked(steps[0]))}: "


def _why(error: Any) -> str:
    context = error.get("ctx", {})
    match error["type"]:
        case "value_error":
            return str(context["error"])
        case "greater_than":
            return f"expected more than {context['gt']:g}"
        case "greater_than_equal":
            return f"expected {context['ge']:g} or more"
        case "less_than_equal":
            return f"expected {context['le']:g} or less"
        case "literal_error":
            return f"expected {context['expected']}"
        case other:
            return _WORDS.get(other, str(error["msg"]))


# --- the environment, and the files that it names ---------------------------------------------------------------


def _of_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, _Given]]:
    """Each setting that the environment, or a file that it names, has something to say of."""
    for setting in Settings.model_fields:
        name = f"{PREFIX}{setting.upper()}"
        text, file = environment.get(name), environment.get(f"{name}{IN_FILE}")
        if text and file:
            yield setting, _Given(name, fault=f"set it, or {name}{IN_FILE}, not both")
        elif file:
            yield setting, _of_its_own_file(setting, f"{name}{IN_FILE}", Path(file))
        elif text:
            yield setting, _Given(name, _decoded(setting, text))


def _of_its_own_file(setting: str, name: str, file: Path) -> _Given:
    """A setting whose value a file holds. The path is not told: what stands there may be the secret itself."""
    try:
        return _Given(name, _decoded(setting, file.read_text(encoding="utf-8").strip()))
    except UnicodeDecodeError:
        return _Given(name, fault="the file that it names is no text (UTF-8)")
    except OSError as error:
        return _Given(name, fault=f"the file that it names cannot be read: {error.strerror}")


def _decoded(setting: str, text: str) -> object:
    """A list or object from its JSON; all else, and what is no JSON, as it is."""
    if get_origin(Settings.model_fields[setting].annotation) not in (dict, list):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _unknown_variables(environment: Iterable[str]) -> Iterator[str]:
    """A line for each name in the environment that begins as settings do and is none."""
    settings = [name.upper() for name in Settings.model_fields]
    names = [*settings, *(f"{name}{IN_FILE}" for name in settings), CONFIG.removeprefix(PREFIX)]
    for name in sorted({name.upper() for name in environment} - _BESIDES):
        own = name.removeprefix(PREFIX)
        if name.startswith(PREFIX) and own not in names:
            yield f"{name}: there is no such setting{_near(own, names, PREFIX)}"


def _near(name: str, names: Iterable[str], prefix: str = "") -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"; did you mean {prefix}{near[0]}?" if near else ""


# --- the settings' file -------------------------------------------------------------------------------------


def _of_file(file: str | None) -> tuple[dict[str, _Given], list[str]]:
    """What the settings' file says, and a line for each thing that is wrong with the file itself."""
    if not file:
        return {}, []
    try:
        content = tomllib.loads(Path(file).read_bytes().decode("utf-8"))
    except FileNotFoundError:
        return {}, [f"{CONFIG}: there is no file {file}"]
    except OSError as error:
        return {}, [f"{CONFIG}: the file {file} cannot be read: {error.strerror}"]
    except (ValueError, RecursionError) as error:  # no UTF-8, or no TOML
        return {}, [f"{CONFIG}: {file} is no TOML: {error}"]
    given = {key: _Given(f"{file}: {key}", value) for key, value in content.items() if key in Settings.model_fields}
    return given, [_unknown_key(file, key) for key in content if key not in given]


def _unknown_key(file: str, key: str) -> str:
    plain = key.lower().replace("-", "_").removeprefix(PREFIX.lower())
    return f"{file}: {key}: there is no such setting{_near(plain, Settings.model_fields)}"
