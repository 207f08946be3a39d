"""From the transactions of an interchange to a FHIR Bundle of its claims, with where each element stood."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from fhir_massage.errors import Unreadable
from fhir_massage.read import codes
from fhir_massage.read.x12.envelope import INSTITUTIONAL, Transaction, open_envelopes, set_aside
from fhir_massage.read.x12.places import ClaimPlaces, Place
from fhir_massage.read.x12.split import Segment

Json = dict[str, Any]
INDICATORS = "https://codesystem.x12.org/005010/1032"
TAXONOMY = "http://nucc.org/provider-taxonomy"
NPI = "http://hl7.org/fhir/sid/us-npi"
PLACES = "https://www.cms.gov/Medicare/Coding/place-of-service-codes/Place_of_Service_Code_Set"
ROLES = "http://hl7.org/fhir/us/carin-bb/CodeSystem/C4BBClaimCareTeamRole"
REVENUE = "https://www.nubc.org/CodeSystem/RevenueCodes"
ACT = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
UCUM = "http://unitsofmeasure.org"
_ROLE = {"DN": "referring", "P3": "primary care", "DK": "ordering", "DQ": "supervising", "82": "rendering"}
_DIAGNOSES = {"ABK": "icd-10-cm", "ABF": "icd-10-cm", "BK": "icd-9-cm", "BF": "icd-9-cm"}
_ACCIDENTS = {"AA": "MVA", "EM": "WPA"}
_ORDER = {"P": 1, "S": 2, "T": 3}
_MINUTES = re.compile(r"\b(\d{1,3})\s*(?:min|mins|minutes)\b", re.IGNORECASE)
_LEGAL_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_ILLEGAL = re.compile(r"[^A-Za-z0-9\-.]+")
_LOOPS = {
    "85": "2010AA", "87": "2010AB", "IL": "2010BA", "PR": "2010BB", "QC": "2010CA", "41": "1000A", "40": "1000B",
}  # fmt: skip
_CLAIM_LOOPS = {"DN": "2310A", "P3": "2310A", "82": "2310B", "77": "2310C", "DQ": "2310D"}
_INSTITUTIONAL_LOOPS = {"71": "2310A", "72": "2310B", "ZZ": "2310C", "82": "2310D", "77": "2310E", "DN": "2310F"}
_LINE_LOOPS = {"82": "2420A", "77": "2420C", "DQ": "2420D", "DK": "2420E", "DN": "2420F"}


class Claims(msgspec.Struct, frozen=True):
    """A Bundle of every claim that can be read, the place of each by its name, and what could not be read."""

    bundle: Json
    places: dict[str, ClaimPlaces]
    unread: tuple[Unreadable, ...]


class _Bad(Exception):
    def __init__(self, reason: str) -> None:
        self.reason = reason


def read_claims(content: bytes) -> Claims:
    """The claims of every 837 in the content. Raises ``Unreadable`` where it holds no interchange that can be read."""
    envelopes = open_envelopes(content)
    resources = _Resources()
    unread = list(envelopes.unread)
    for transaction in envelopes.transactions:
        mark = resources.mark()
        reader = _Reader(transaction, resources)
        for position, segment in enumerate(transaction.segments, start=1):
            try:
                reader.take(segment, position)
            except _Bad as error:
                resources.back_to(mark)
                unread.append(set_aside(error.reason, transaction.interchange, transaction.control, segment, position))
                break
        else:
            reader.finish()
    if not resources.places and len(unread) == 1:
        raise unread[0]
    entries = [{"fullUrl": f"urn:x12:{name}", "resource": resource} for name, resource in resources.all.items()]
    return Claims({"resourceType": "Bundle", "type": "collection", "entry": entries}, resources.places, tuple(unread))


class _Resources:
    """The resources made so far, by name. Who is named alike in several claims is one resource."""

    def __init__(self) -> None:
        self.all: dict[str, Json] = {}
        self.known: dict[tuple[Any, ...], str] = {}
        self.places: dict[str, ClaimPlaces] = {}

    def mark(self) -> tuple[int, int]:
        return len(self.all), len(self.places)

    def back_to(self, mark: tuple[int, int]) -> None:
        """Drop the claims made since; who was named in them stays, and does no harm."""
        for name in list(self.places)[mark[1] :]:
            del self.places[name], self.all[name]

    def reference(self, kind: str, key: tuple[Any, ...], content: Json) -> Json:
        """A reference to the resource of that key, made where it is new."""
        full = (kind, *key)
        if full not in self.known:
            self.known[full] = f"{kind}/x12-{len(self.known) + 1}"
            short = self.known[full].partition("/")[2]
            self.all[self.known[full]] = {"resourceType": kind, "id": short, **content}
        return {"reference": self.known[full]}

    def claim(self, claim: Json, places: ClaimPlaces) -> None:
        """Add a claim; one whose number was there before gets a mark behind its id."""
        legal = places.number
        if not _LEGAL_ID.fullmatch(legal):
            legal = _ILLEGAL.sub("-", legal)[:60].strip("-") or "claim"
        name, count = legal, 1
        while f"Claim/{name}" in self.all:
            count += 1
            name = f"{legal[:60]}-{count}"
        self.all[f"Claim/{name}"] = {"resourceType": "Claim", "id": name, **claim}
        self.places[f"Claim/{name}"] = places


class _Insured:
    """One SBR and who and what follows it: the insured and the payer."""

    def __init__(self, sbr: Segment, position: int, loop: str) -> None:
        self.sbr, self.position, self.loop = sbr, position, loop
        self.person: Segment | None = None
        self.payer: Segment | None = None
        self.authorizations: list[tuple[str, Place]] = []


class _Reader:
    """Reads one transaction segment by segment, and makes a claim when the next begins."""

    def __init__(self, transaction: Transaction, resources: _Resources) -> None:
        self.transaction, self.resources = transaction, resources
        self.institutional = transaction.version == INSTITUTIONAL
        self.loop = ""
        self.created = ""
        self.position = 0
        self.billing: tuple[Segment, Place] | None = None
        self.billing_taxonomy: tuple[str, Place] | None = None
        self.subscriber: _Insured | None = None
        self.person: Segment | None = None
        self.birth = self.dependent_birth = ""
        #: The state of each address before the claims, by its loop.
        self.states: dict[str, str] = {}
        self.dependent: Segment | None = None
        self.claim: _Claim | None = None

    def take(self, segment: Segment, position: int) -> None:
        """The next segment. Raises ``_Bad`` where it cannot be read."""
        self.position = position
        if segment.name in ("HL", "CLM", "SE"):
            self.finish()
        if segment.name == "HL":
            self._level(segment)
        elif segment.name == "BHT":
            self.created = _day(segment.at(4)) or ""
        elif segment.name == "CLM":
            self._begin(segment)
        elif self.claim is not None:
            self.claim.take(segment, position)
        else:
            self._head(segment)

    def finish(self) -> None:
        """Make the claim that was being read."""
        if self.claim is not None:
            claim, self.claim = self.claim, None
            self.resources.claim(*claim.made())

    def _level(self, segment: Segment) -> None:
        level = segment.at(3)
        if level not in ("20", "22", "23"):
            raise _Bad("HL03 is none of 20, 22 and 23")
        self.loop = {"20": "2000A", "22": "2000B", "23": "2000C"}[level]
        self.dependent, self.dependent_birth = None, ""
        below = {"20": ("2010AA", "2010BA", "2010CA"), "22": ("2010BA", "2010CA"), "23": ("2010CA",)}[level]
        self.states = {loop: state for loop, state in self.states.items() if loop not in below}
        if level == "20":
            self.billing = self.billing_taxonomy = None
        if level in ("20", "22"):
            self.subscriber = self.person = None
            self.birth = ""

    def _begin(self, segment: Segment) -> None:
        if not segment.at(1):
            raise _Bad("CLM01, the claim's number, is empty")
        if self.subscriber is None:
            raise _Bad("a claim stands before any subscriber (HL with level 22, SBR)")
        _amount(segment, 2, "CLM02, the claim's charge,")
        self.claim = _Claim(self, segment, self.position)

    def _head(self, segment: Segment) -> None:
        name, at = segment.name, segment.at
        if name == "NM1":
            self.loop = _LOOPS.get(at(1), self.loop)
            if at(1) == "85":
                self.billing = segment, Place(segment, "NM109", self.position, self.loop)
            elif at(1) == "IL":
                self.person = segment
                if self.subscriber is not None:
                    self.subscriber.person = segment
            elif at(1) == "PR" and self.subscriber is not None:
                self.subscriber.payer = segment
            elif at(1) == "QC":
                self.dependent = segment
        elif name == "PRV" and at(1) == "BI":
            self.billing_taxonomy = at(3), Place(segment, "PRV03", self.position, self.loop)
        elif name == "SBR":
            self.subscriber = _Insured(segment, self.position, self.loop)
        elif name == "N4" and at(2):
            self.states[self.loop] = at(2)
        elif name == "DMG" and self.loop == "2010CA":
            self.dependent_birth = _day(at(2)) or ""
        elif name == "DMG":
            self.birth = _day(at(2)) or ""


class _Claim:
    """One claim being read."""

    def __init__(self, head: _Reader, clm: Segment, position: int) -> None:
        self.head, self.clm, self.position = head, clm, position
        self.loop = "2300"
        self.places: dict[str, Place] = {"Claim": Place(clm, "CLM01", position, "2300")}
        self.json: Json = {}
        self.team: list[Json] = []
        self.info: list[Json] = []
        self.diagnoses: list[Json] = []
        self.items: list[Json] = []
        assert head.subscriber is not None
        sbr = head.subscriber
        self.main = _Insured(sbr.sbr, sbr.position, sbr.loop)
        self.main.person, self.main.payer = sbr.person, sbr.payer
        self.insured = [self.main]
        self.accident_day = ""
        self.rendering: int | None = None
        self.line_rendering: int | None = None
        self.last_member: Json | None = None

    def take(self, segment: Segment, position: int) -> None:
        """The next segment of the claim."""
        self.position = position
        handler = getattr(self, f"_{segment.name.lower()}", None) if segment.name in _READ else None
        if handler is not None:
            handler(segment)

    def place(self, segment: Segment, element: str) -> Place:
        return Place(segment, element, self.position, self.loop)

    # --- the segments, each by its name --------------------------------------------------------------

    def _hi(self, segment: Segment) -> None:
        for number in range(1, len(segment.elements) + 1):
            kind, code = segment.part(number, 1), segment.part(number, 2)
            if kind in _DIAGNOSES and code:
                path = f"Claim.diagnosis[{len(self.diagnoses)}]"
                self.places[path] = self.place(segment, f"HI{number:02}")
                dotted = code if "." in code or len(code) < 4 else f"{code[:3]}.{code[3:]}"
                concept = _concept(f"http://hl7.org/fhir/sid/{_DIAGNOSES[kind]}", dotted)
                self.diagnoses.append({"sequence": len(self.diagnoses) + 1, "diagnosisCodeableConcept": concept})

    def _ref(self, segment: Segment) -> None:
        kind, value = segment.at(1), segment.at(2)
        if not value or self.loop not in ("2300", "2330B"):
            return
        if kind == "G1":
            self.insured[-1].authorizations.append((value, self.place(segment, "REF02")))
        elif kind == "F8" and self.loop == "2300":
            relation = _concept("http://terminology.hl7.org/CodeSystem/ex-relatedclaimrelationship", "prior")
            self.json["related"] = [{"claim": {"identifier": {"value": value}}, "relationship": relation}]
            self.places["Claim.related"] = self.place(segment, "REF02")
        elif kind == "9F" and self.loop == "2300":
            self.json["referral"] = {"type": "ServiceRequest", "identifier": {"value": value}}
            self.places["Claim.referral"] = self.place(segment, "REF02")

    def _sbr(self, segment: Segment) -> None:
        self.loop = "2320"
        self.insured.append(_Insured(segment, self.position, "2320"))

    def _nm1(self, segment: Segment) -> None:
        kind = segment.at(1)
        self.last_member = None
        if self.loop.startswith(("2320", "2330")):
            self.loop = "2330A" if kind == "IL" else "2330B" if kind == "PR" else "2330"
            if kind == "IL":
                self.insured[-1].person = segment
            elif kind == "PR":
                self.insured[-1].payer = segment
            return
        in_line = bool(self.items)
        loops = _LINE_LOOPS if in_line else _INSTITUTIONAL_LOOPS if self.head.institutional else _CLAIM_LOOPS
        self.loop = loops.get(kind, "2420" if in_line else "2310")
        if kind in _ROLE:
            sequence = self._member(
                self.head.resources.reference(*_provider(segment)), kind, self.place(segment, "NM109")
            )
            if kind == "82" and in_line:
                self.items[-1]["careTeamSequence"] = [sequence]
                self.places[f"Claim.item[{len(self.items) - 1}].careTeamSequence"] = self.place(segment, "NM109")
            elif kind == "82":
                self.rendering = sequence

    def _prv(self, segment: Segment) -> None:
        if self.last_member is not None and segment.at(3):
            self.last_member["qualification"] = _concept(TAXONOMY, segment.at(3))
            path = f"Claim.careTeam[{self.last_member['sequence'] - 1}].qualification"
            self.places[path] = self.place(segment, "PRV03")

    def _dtp(self, segment: Segment) -> None:
        kind, days = segment.at(1), _days(segment.at(3))
        if kind == "439" and days:
            self.accident_day = days[0]
        elif kind == "472" and self.items:
            if not days:
                raise _Bad("DTP03 is no day of service (CCYYMMDD, or two with a hyphen)")
            item = self.items[-1]
            if days[0] == days[-1]:
                item["servicedDate"] = days[0]
            else:
                item["servicedPeriod"] = {"start": days[0], "end": days[-1]}
            for name in ("servicedDate", "servicedPeriod"):
                self.places[f"Claim.item[{len(self.items) - 1}].{name}"] = self.place(segment, "DTP03")
        elif kind == "434" and days:
            self.json["billablePeriod"] = {"start": days[0], "end": days[-1]}

    def _lx(self, segment: Segment) -> None:
        self.loop = "2400"
        self.last_member = None

    def _sv1(self, segment: Segment) -> None:
        self._line(segment, 1, charge=2, unit=3)
        item, path = self.items[-1], f"Claim.item[{len(self.items) - 1}]"
        place = segment.at(5) or self.clm.part(5, 1)
        if place:
            item["locationCodeableConcept"] = _concept(PLACES, place)
            where = (
                self.place(segment, "SV105")
                if segment.at(5)
                else Place(self.clm, "CLM05", self.places["Claim"].position, "2300")
            )
            self.places[f"{path}.locationCodeableConcept"] = where
        pointers = [part for part in segment.parts(7) if part]
        if not all(part.isascii() and part.isdecimal() and len(part) <= 2 for part in pointers):
            raise _Bad("SV107 points at diagnoses with something else than numbers")
        if pointers:
            item["diagnosisSequence"] = [int(part) for part in pointers]
        self.places[f"{path}.diagnosisSequence"] = self.place(segment, "SV107")

    def _sv2(self, segment: Segment) -> None:
        if segment.at(2):
            self._line(segment, 2, charge=3, unit=4)
        else:
            _amount(segment, 3, "SV203, the line's charge,")
            self.items.append({"sequence": len(self.items) + 1, "productOrService": {"text": "revenue code only"}})
            self.items[-1]["net"] = _dollars(_amount(segment, 3, "SV203, the line's charge,"))
            path = f"Claim.item[{len(self.items) - 1}]"
            self.places |= {path: self.place(segment, "SV201"), f"{path}.net": self.place(segment, "SV203")}
            self.places[f"{path}.quantity"] = self.place(segment, "SV205")
        if segment.at(1):
            self.items[-1]["revenue"] = _concept(REVENUE, segment.at(1))

    def _nte(self, segment: Segment) -> None:
        if self.items and self.loop.startswith("24"):
            self._minutes(segment.at(2))

    # --- parts of lines --------------------------------------------------------------------------------

    def _line(self, segment: Segment, composite: int, *, charge: int, unit: int) -> None:
        name = segment.name
        code = segment.part(composite, 2).upper()
        if not code:
            raise _Bad(f"{name}{composite:02} names no procedure code")
        path = f"Claim.item[{len(self.items)}]"
        item: Json = {"sequence": len(self.items) + 1, "productOrService": _concept(_system(code), code)}
        words = segment.part(composite, 7)
        if words:
            item["productOrService"]["text"] = words
        modifiers = [part.upper() for part in segment.parts(composite)[2:6] if part]
        if modifiers:
            item["modifier"] = [{"coding": [{"code": modifier}]} for modifier in modifiers]
        net = _amount(segment, charge, f"{name}{charge:02}, the line's charge,")
        if segment.at(unit + 1):
            count = _amount(segment, unit + 1, f"{name}{unit + 1:02}, the units,")
            item["quantity"] = {"value": _number(count)}
            if segment.at(unit) == "MJ":
                item["quantity"] |= {"unit": "min", "system": UCUM, "code": "min"}
            elif count and (net / count).quantize(Decimal("0.01")) * count == net:
                item["unitPrice"] = _dollars(net / count)
        item["net"] = _dollars(net)
        self.items.append(item)
        first = self.place(segment, f"{name}{composite:02}")
        self.places |= {path: first, f"{path}.quantity": self.place(segment, f"{name}{unit + 1:02}")}
        self.places |= {f"{path}.{part}": self.place(segment, f"{name}{charge:02}") for part in ("net", "unitPrice")}
        if words:
            self._minutes(words)

    def _minutes(self, words: str) -> None:
        """The minutes that a note on the line names, as practices write them: ``30 min``."""
        found = _MINUTES.findall(words)
        if len(found) == 1 and "informationSequence" not in self.items[-1]:
            sequence = len(self.info) + 1
            category = _concept("http://terminology.hl7.org/CodeSystem/claiminformationcategory", "info")
            quantity = {"value": int(found[0]), "unit": "min", "system": UCUM, "code": "min"}
            self.info.append({"sequence": sequence, "category": category, "valueQuantity": quantity})
            self.items[-1]["informationSequence"] = [sequence]

    def _member(self, reference: Json, kind: str, place: Place) -> int:
        sequence = len(self.team) + 1
        self.team.append({"sequence": sequence, "provider": reference, "role": _concept(ROLES, _ROLE[kind])})
        self.places[f"Claim.careTeam[{sequence - 1}]"] = place
        self.last_member = self.team[-1]
        return sequence

    # --- the whole ---------------------------------------------------------------------------------------

    def made(self) -> tuple[Json, ClaimPlaces]:
        """The claim without its id, and its places."""
        head, clm = self.head, self.clm
        reference = head.resources.reference
        kind = "institutional" if head.institutional else "professional"
        patient = self._patient()
        claim: Json = {
            "identifier": [{"value": clm.at(1)}],
            "status": "cancelled" if clm.part(5, 3) == "8" else "active",
            "type": _concept("http://terminology.hl7.org/CodeSystem/claim-type", kind),
            "use": "claim",
            "patient": patient,
            **({"created": head.created} if head.created else {}),
            "priority": _concept("http://terminology.hl7.org/CodeSystem/processpriority", "normal"),
            **self.json,
        }
        if head.billing is not None:
            biller, key, content = _provider(head.billing[0])
            claim["provider"] = reference(biller, key, content | _address(head.states.get("2010AA")))
            self.places["Claim.provider"] = head.billing[1]
        self._billed_by_taxonomy(claim)
        for item in self.items:
            if self.rendering is not None:
                item.setdefault("careTeamSequence", [self.rendering])
        parts = {"careTeam": self.team, "supportingInfo": self.info, "diagnosis": self.diagnoses, "item": self.items}
        claim |= {name: part for name, part in parts.items() if part}
        claim["insurance"] = self._insurance(patient)
        causes = [part for part in clm.parts(11)[:3] if part in ("AA", "EM", "OA")]
        if causes:
            self.places["Claim.accident"] = Place(clm, "CLM11", self.places["Claim"].position, "2300")
            claim["accident"] = {"date": self.accident_day} if self.accident_day else {}
            claim["accident"]["type"] = (
                _concept(ACT, _ACCIDENTS[causes[0]]) if causes[0] in _ACCIDENTS else {"text": "other accident"}
            )
        self.places["Claim.total"] = Place(clm, "CLM02", self.places["Claim"].position, "2300")
        claim["total"] = _dollars(_amount(clm, 2, "CLM02"))
        of = head.transaction
        return claim, ClaimPlaces(clm.at(1), of.interchange, of.control, head.institutional, self.places)

    def _billed_by_taxonomy(self, claim: Json) -> None:
        """Where nobody rendered apart, who bills did, with the taxonomy that the bill names."""
        known = self.head.billing_taxonomy
        if self.rendering is None and known is not None and known[0] and "provider" in claim:
            self.rendering = self._member(claim["provider"], "82", known[1])
            self.team[-1]["qualification"] = _concept(TAXONOMY, known[0])

    def _patient(self) -> Json:
        head = self.head
        person, birth = (head.person, head.birth) if head.dependent is None else (head.dependent, head.dependent_birth)
        if person is None:
            return {"display": "not named"}
        # Who has no number of their own is told apart within the subscriber's.
        member = head.person.at(9) if head.person is not None else ""
        name = _human(person)
        content: Json = {"name": [name]} if name else {}
        if birth:
            content["birthDate"] = birth
        if person.at(9):
            content["identifier"] = [{"value": person.at(9)}]
        content |= _address(head.states.get("2010BA" if head.dependent is None else "2010CA"))
        return self.head.resources.reference("Patient", (member, person.at(3), person.at(4), birth), content)

    def _insurance(self, patient: Json) -> list[Json]:
        found = []
        for number, insured in enumerate(self.insured):
            path = f"Claim.insurance[{number}]"
            self.places[path] = Place(insured.sbr, "SBR09", insured.position, insured.loop)
            entry: Json = {"sequence": _ORDER.get(insured.sbr.at(1), number + 1), "focal": number == 0}
            entry["coverage"] = self._coverage(insured, patient)
            if insured.authorizations:
                entry["preAuthRef"] = [value for value, _ in insured.authorizations]
                self.places[f"{path}.preAuthRef"] = insured.authorizations[0][1]
            found.append(entry)
        return found

    def _coverage(self, insured: _Insured, patient: Json) -> Json:
        sbr, payer = insured.sbr, insured.payer
        member = "" if insured.person is None else insured.person.at(9)
        content: Json = {"status": "active", "beneficiary": patient}
        if sbr.at(9):
            content["type"] = _concept(INDICATORS, sbr.at(9))
        if member:
            content["subscriberId"] = member
        named = ("", "") if payer is None else (payer.at(3), payer.at(9))
        if payer is not None:
            organization: Json = {"name": payer.at(3)} if payer.at(3) else {}
            if payer.at(9):
                organization["identifier"] = [{"value": payer.at(9)}]
            content["payor"] = [self.head.resources.reference("Organization", ("payer", *named), organization)]
        group = [
            {"type": _concept("http://terminology.hl7.org/CodeSystem/coverage-class", kind), "value": value}
            for kind, value in (("group", sbr.at(3)), ("plan", sbr.at(4)))
            if value
        ]
        if group:
            content["class"] = group
        key = (patient.get("reference"), member, sbr.at(1), sbr.at(3), sbr.at(4), sbr.at(9), *named)
        return self.head.resources.reference("Coverage", key, content)


_READ = frozenset({"HI", "REF", "SBR", "NM1", "PRV", "DTP", "LX", "SV1", "SV2", "NTE"})


def _provider(segment: Segment) -> tuple[str, tuple[Any, ...], Json]:
    kind = "Practitioner" if segment.at(2) == "1" else "Organization"
    npi = segment.at(9) if segment.at(8) == "XX" else ""
    content: Json = {"identifier": [{"system": NPI, "value": npi}]} if npi else {}
    if kind == "Practitioner":
        name = _human(segment)
        content |= {"name": [name]} if name else {}
    elif segment.at(3):
        content["name"] = segment.at(3)
    return kind, (npi,) if npi else (segment.at(3), segment.at(4)), content


def _human(segment: Segment) -> Json:
    name: Json = {"family": segment.at(3)} if segment.at(3) else {}
    given = [each for each in (segment.at(4), segment.at(5)) if each]
    name |= {"given": given} if given else {}
    return name | ({"suffix": [segment.at(7)]} if segment.at(7) else {})


def _address(state: str | None) -> Json:
    """The part of an address that rules ask for: the state."""
    return {"address": [{"state": state}]} if state else {}


def _system(code: str) -> str:
    return codes.HCPCS if code[:1].isalpha() else codes.CPT


def _concept(system: str, code: str) -> Json:
    return {"coding": [{"system": system, "code": code}]}


def _amount(segment: Segment, number: int, what: str) -> Decimal:
    value = segment.at(number)
    try:
        if re.fullmatch(r"-?\d{0,12}(\.\d{0,6})?", value, re.ASCII):
            return Decimal(value)
    except InvalidOperation:
        pass
    raise _Bad(f"{what} is no number")


def _number(value: Decimal) -> int | Decimal:
    return int(value) if value == value.to_integral_value() else value


def _dollars(value: Decimal) -> Json:
    return {"value": value.quantize(Decimal("0.01")), "currency": "USD"}


def _day(value: str) -> str | None:
    try:
        return datetime.strptime(value[:8], "%Y%m%d").date().isoformat() if len(value) >= 8 else None
    except ValueError:
        return None


def _days(value: str) -> list[str]:
    """The first and last day of a date or a range; none where it is neither."""
    days = [_day(part) for part in value.split("-")]
    found = [day for day in days if day is not None]
    return found if found and len(found) == len(days) <= 2 else []
