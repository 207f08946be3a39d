"""What makes a made-up practice look like a real one: services, usual charges, complaints, sites, names.

Whether a payer pays any of it is not said here but asked of the policies.
"""

from __future__ import annotations

from decimal import Decimal

EVALUATIONS = {"physical": ("97161", "97162", "97163", "97164"), "occupational": ("97165", "97166", "97167", "97168")}
MANIPULATIONS = ("98940", "98941", "98942")
_MANUAL = ("97124", "97140")
_EXERCISE = ("97110", "97112", "97530")

#: The services that members of a profession give, the commonest first.
SERVICES: dict[str, tuple[str, ...]] = {
    "massage-therapist": _MANUAL,
    "physical-therapist": (*_MANUAL, *_EXERCISE, "97116", "97535", "97035", "G0283", "97014", "97010",
                           *EVALUATIONS["physical"]),
    "physical-therapist-assistant": (*_MANUAL, *_EXERCISE, "97116", "97035", "G0283"),
    "occupational-therapist": (*_MANUAL, *_EXERCISE, "97535", "97035", *EVALUATIONS["occupational"]),
    "occupational-therapy-assistant": (*_MANUAL, *_EXERCISE, "97535"),
    "chiropractor": (*MANIPULATIONS, *_MANUAL, "97110", "97112", "97035", "G0283", "97014"),
    "acupuncturist": _MANUAL,
    "athletic-trainer": (*_MANUAL, "97110", "97112", "97116"),
    "physician": (*_MANUAL, "97110", "97112", "97035"),
    "advanced-practice": (*_MANUAL, "97110", "97035"),
}  # fmt: skip
#: The NUCC taxonomy codes that they go by.
TAXONOMIES: dict[str, tuple[str, ...]] = {
    "massage-therapist": ("225700000X",),
    "physical-therapist": ("225100000X", "2251X0800X"),
    "physical-therapist-assistant": ("225200000X",),
    "occupational-therapist": ("225X00000X",),
    "occupational-therapy-assistant": ("224Z00000X",),
    "chiropractor": ("111N00000X",),
    "acupuncturist": ("171100000X",),
    "athletic-trainer": ("2255A2300X",),
    "physician": ("208100000X", "207Q00000X"),
    "advanced-practice": ("363L00000X", "363A00000X"),
    "other": ("133V00000X",),
}
#: Usual charges for one unit, in dollars.
CHARGES = {
    "97124": "40.00", "97140": "58.00", "97110": "55.50", "97112": "57.25", "97530": "62.00", "97116": "49.00",
    "97535": "54.75", "97035": "24.00", "G0283": "22.50", "97014": "22.50", "97010": "12.00",
    "97161": "135.00", "97162": "135.00", "97163": "135.00", "97164": "92.00", "97165": "138.00", "97166": "138.00",
    "97167": "138.00", "97168": "94.00", "98940": "55.00", "98941": "70.00", "98942": "84.00",
}  # fmt: skip
#: Complaints that bring people to manual and massage therapy, in ICD-10-CM. The facts say which are valid when.
COMPLAINTS = (
    "M54.2", "M54.5", "M54.50", "M54.59", "M54.6", "M62.830", "M79.1", "M79.18", "M25.511", "M25.512", "M25.561",
    "M54.12", "M54.16", "M54.41", "M75.01", "M75.51", "S13.4XXA", "S39.012A", "M99.01", "M99.02", "M99.03", "M99.04",
    "G44.209", "M17.11", "M72.2", "G56.01",
)  # fmt: skip
#: Complaints that no hands-on therapy is for.
FOREIGN_COMPLAINTS = ("J06.9", "I10", "E11.9", "N39.0")
#: Regions of the spine, which are manipulated, and how many each manipulation code is for.
SPINE = ("cervical", "thoracic", "lumbar", "sacral", "pelvic")
MANIPULATED = {"98940": 2, "98941": 3, "98942": 5}

FAMILIES = ("Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Hazel", "Juniper", "Larch", "Maple", "Oakes", "Pine",
            "Rowan", "Spruce", "Willow", "Yew")  # fmt: skip
GIVEN = ("Ada", "Ben", "Cora", "Dan", "Eva", "Finn", "Grace", "Hugo", "Ida", "Jon", "Kai", "Lena", "Max", "Nora")
CLINICS = ("Northside", "Riverbend", "Harbor", "Hillcrest", "Lakeview", "Old Town", "Meadow", "Junction")
#: Payor names that no table knows, for coverages whose type alone tells the payer.
UNKNOWN_PAYORS = ("Lakeside Benefit Trust", "Plan Administrator 0417", "Benefit Office")
ORDERED_WORDS = ("Evaluate and treat", "Physical therapy", "Manual therapy and massage")


def charge(code: str, percent: int) -> Decimal:
    """A practice's charge for one unit of a code, so many percent of the usual one."""
    return (Decimal(CHARGES.get(code, "50.00")) * percent / 100).quantize(Decimal("0.01"))


def npi(number: int) -> str:
    """A National Provider Identifier with its check digit; ``number`` is its first nine digits."""
    digits = [int(digit) for digit in f"80840{number:09}"]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[::-2]]
    return f"{number:09}{-(sum(digits[-2::-2]) + sum(doubled)) % 10}"
