"""What arrives is read whole, or refused by place and reason; one bad part loses no other."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from fhir_massage import Unreadable
from fhir_massage.errors import TooLarge
from fhir_massage.read import dates
from fhir_massage.read import read as reading
from fhir_massage.read.elements import Reference
from fhir_massage.read.read import encode, is_json_lines, read, read_lines
from fhir_massage.read.references import Index
from tests.claims import bundle, claim, resource, reviewed

CLAIM = {"resourceType": "Claim", "id": "c1", "status": "active"}


def as_bytes(content: Any) -> bytes:
    return json.dumps(content).encode()


def kinds(content: Any) -> list[str]:
    return [entry.kind for entry in read(content if isinstance(content, bytes) else as_bytes(content)).entries]


class TestRefused:
    def test_json_that_does_not_parse_is_refused_by_line_and_column(self) -> None:
        with pytest.raises(Unreadable) as refused:
            read(b'{"resourceType": "Claim",\n "status": }')
        assert (refused.value.line, refused.value.column) == (2, 12)

    @pytest.mark.parametrize("content", [b"", b"   ", b"{", b"nul", b"\xff\xfe{}", b'{"a": NaN}', b'{"a": 1e999999}'])
    def test_what_is_no_json_is_refused(self, content: bytes) -> None:
        with pytest.raises(Unreadable):
            read(content)

    @pytest.mark.parametrize("bad", [b'"\xe9"', b"01", b"NaN"])
    def test_what_is_wrong_in_an_element_that_is_not_read_is_refused_too(self, bad: bytes) -> None:
        with pytest.raises(Unreadable):
            read(b'{"resourceType": "Claim", "extension": [%s]}' % bad)

    def test_text_that_is_not_utf_8_is_refused_by_its_place(self) -> None:
        with pytest.raises(Unreadable) as refused:
            read(b'{"resourceType": "Claim",\n"id": "\xe9"}')
        assert "UTF-8" in refused.value.reason
        assert refused.value.line == 2

    @pytest.mark.parametrize("content", [[], "text", 7, None, True])
    def test_json_that_is_no_object_is_refused(self, content: Any) -> None:
        with pytest.raises(Unreadable, match="expected a JSON object"):
            read(as_bytes(content))

    def test_a_missing_resource_type_is_refused(self) -> None:
        with pytest.raises(Unreadable, match="resourceType is missing"):
            read(as_bytes({"status": "active"}))

    @pytest.mark.parametrize("kind", ["Clam", "claim", "", 3])
    def test_a_resource_type_that_r4_does_not_have_is_refused(self, kind: Any) -> None:
        with pytest.raises(Unreadable, match="resourceType"):
            read(as_bytes({"resourceType": kind}))

    @pytest.mark.parametrize(
        ("element", "value", "place"),
        [
            ("item", {"sequence": 1}, "Claim.item"),
            ("item", [{"sequence": "1"}], "Claim.item[0].sequence"),
            ("item", [{"sequence": 1}, {"quantity": {"value": "2"}}], "Claim.item[1].quantity.value"),
            ("status", 4, "Claim.status"),
            ("total", {"value": [1]}, "Claim.total.value"),
            ("insurance", [{"focal": "yes"}], "Claim.insurance[0].focal"),
        ],
    )
    def test_a_known_element_of_the_wrong_type_is_refused_by_its_place(
        self, element: str, value: Any, place: str
    ) -> None:
        with pytest.raises(Unreadable) as refused:
            read(as_bytes({**CLAIM, element: value}))
        assert refused.value.place == place

    def test_a_reason_never_repeats_what_arrived(self) -> None:
        with pytest.raises(Unreadable) as refused:
            read(as_bytes({**CLAIM, "item": "Pat Example, born 1957"}))
        assert "Pat" not in str(refused.value)

    def test_a_key_that_stands_twice_is_refused(self) -> None:
        with pytest.raises(Unreadable) as refused:
            read(b'{"resourceType": "Claim", "status": "active", "status": "draft"}')
        assert refused.value.place == "Claim.status"

    def test_a_repeated_key_deep_down_is_refused_by_its_place(self) -> None:
        with pytest.raises(Unreadable) as refused:
            read(b'{"resourceType": "Claim", "total": {"value": 1, "value": 2}}')
        assert refused.value.place == "Claim.total.value"

    def test_nesting_beyond_reason_is_refused(self) -> None:
        with pytest.raises(TooLarge):
            read(b'{"resourceType": "Claim", "extension": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")

    def test_a_document_beyond_reason_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "LARGEST_DOCUMENT", 1000)
        with pytest.raises(TooLarge, match="at most 1000"):
            read(as_bytes({**CLAIM, "extension": ["x" * 1000]}))


class TestCarriers:
    def test_a_byte_order_mark_is_passed_over(self) -> None:
        assert kinds(b"\xef\xbb\xbf" + as_bytes(CLAIM)) == ["Claim"]

    @pytest.mark.parametrize("kind", ["collection", "searchset", "transaction", "batch", "document", "message", None])
    def test_every_kind_of_bundle_is_read(self, kind: str | None) -> None:
        content = bundle(CLAIM, {"resourceType": "Patient", "id": "p1"})
        content["type"] = kind
        if kind is None:
            del content["type"]
        assert kinds(content) == ["Claim", "Patient"]

    def test_entries_without_a_resource_are_passed_over(self) -> None:
        content = bundle(CLAIM)
        content["entry"].insert(0, {"fullUrl": "urn:uuid:0", "response": {"status": "204"}})
        assert kinds(content) == ["Claim"]

    def test_an_empty_bundle_holds_nothing(self) -> None:
        assert kinds({"resourceType": "Bundle", "type": "collection"}) == []

    def test_a_bundle_within_a_bundle_is_read(self) -> None:
        assert kinds(bundle(bundle(CLAIM))) == ["Claim"]

    def test_parameters_carry_resources_also_in_parts(self) -> None:
        content = {
            "resourceType": "Parameters",
            "parameter": [
                {"name": "resource", "resource": CLAIM},
                {"name": "mode", "valueCode": "create"},
                {"name": "with", "part": [{"name": "coverage", "resource": {"resourceType": "Coverage"}}]},
            ],
        }
        assert kinds(content) == ["Claim", "Coverage"]

    def test_a_hook_request_carries_draft_orders_and_prefetch(self) -> None:
        content = {
            "hook": "order-sign",
            "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea",
            "context": {"userId": "Practitioner/1", "draftOrders": bundle(CLAIM)},
            "prefetch": {"coverage": bundle({"resourceType": "Coverage", "id": "cov"}), "patient": None},
        }
        entries = read(as_bytes(content)).entries
        assert [entry.kind for entry in entries] == ["Claim", "Coverage"]
        assert entries[0].place.startswith("context.draftOrders.")

    def test_a_contained_resource_belongs_to_its_container(self) -> None:
        entries = read(as_bytes({**CLAIM, "contained": [{"resourceType": "Coverage", "id": "cov"}]})).entries
        assert entries[1].container is entries[0]

    def test_one_bad_entry_loses_no_other(self) -> None:
        content = bundle({**CLAIM, "item": 3}, {**CLAIM, "id": "c2"})
        arrival = read(as_bytes(content))
        assert [entry.name for entry in arrival.entries] == ["Claim/c2"]
        assert [error.place for error in arrival.unread] == ["Bundle.entry[0].resource.item"]

    def test_a_repeated_key_in_one_entry_loses_no_other(self) -> None:
        twice = b'{"resourceType":"Claim","id":"a","id":"b"}'
        entries = b'[{"resource":%s},{"resource":%s}]' % (twice, as_bytes(CLAIM))
        arrival = read(b'{"resourceType":"Bundle","entry":%s}' % entries)
        assert [entry.name for entry in arrival.entries] == ["Claim/c1"]
        assert len(arrival.unread) == 1

    def test_unknown_elements_and_written_decimals_survive(self) -> None:
        content = (
            b'{"resourceType":"Claim","total":{"value":12.50},"extension":[{"url":"x","valueDecimal":1.000}],"new":{}}'
        )
        entry = read(content).entries[0]
        assert encode(entry.json()) == content
        assert entry.json()["total"]["value"] == Decimal("12.50")


class TestNdjson:
    def test_lines_are_told_from_one_document(self) -> None:
        assert is_json_lines(b'{"resourceType":"Claim"}\n{"resourceType":"Coverage"}\n')
        assert not is_json_lines(b'{"resourceType":"Claim"}\n')
        assert not is_json_lines(json.dumps(CLAIM, indent=2).encode())

    def test_a_broken_first_line_does_not_hide_the_others(self) -> None:
        assert is_json_lines(b'{"resourceType":\n' + as_bytes(CLAIM) + b"\n")

    def test_single_resources_come_together(self) -> None:
        lines = [as_bytes(CLAIM), b"", as_bytes({"resourceType": "Coverage", "id": "cov"})]
        arrivals = list(read_lines(lines))
        assert [[entry.kind for entry in arrival.entries] for arrival in arrivals] == [["Claim", "Coverage"]]

    def test_a_resource_that_contains_another_comes_together_with_the_rest(self) -> None:
        containing = {**CLAIM, "contained": [{"resourceType": "Practitioner", "id": "therapist"}]}
        (arrival,) = read_lines([as_bytes(containing), as_bytes({"resourceType": "Coverage", "id": "cov"})])
        assert [entry.kind for entry in arrival.entries] == ["Claim", "Practitioner", "Coverage"]

    def test_each_bundle_stands_for_itself(self) -> None:
        assert len(list(read_lines([as_bytes(bundle(CLAIM)), as_bytes(bundle(CLAIM))]))) == 2

    def test_a_bad_line_is_named_by_its_number_and_loses_no_other(self) -> None:
        (arrival,) = read_lines([as_bytes(CLAIM), b"{nonsense", as_bytes({**CLAIM, "id": "c2"})])
        assert [entry.name for entry in arrival.entries] == ["Claim/c1", "Claim/c2"]
        assert str(arrival.unread[0]).startswith("line 2")


class TestReferences:
    """A reference is found by full address, Type/id, urn:uuid, version, or within its container."""

    def found(self, reference: str, full_url: str | None, **more: Any) -> bool:
        target = {"resourceType": "Coverage", "id": "cov"}
        entry = {"resource": target} | ({"fullUrl": full_url} if full_url else {})
        content = {"resourceType": "Bundle", "entry": [{"resource": {**CLAIM, **more}}, entry]}
        arrival = read(as_bytes(content))
        return Index(arrival.entries).find(Reference(reference=reference), arrival.entries[0]) is not None

    @pytest.mark.parametrize(
        ("reference", "full_url"),
        [
            ("Coverage/cov", None),
            ("Coverage/cov", "https://ehr.example.org/fhir/Coverage/cov"),
            ("https://ehr.example.org/fhir/Coverage/cov", "https://ehr.example.org/fhir/Coverage/cov"),
            ("https://ehr.example.org/fhir/Coverage/cov", None),
            ("Coverage/cov/_history/3", None),
            ("urn:uuid:6a1d9f3e-0000-4000-8000-000000000001", "urn:uuid:6a1d9f3e-0000-4000-8000-000000000001"),
        ],
    )
    def test_found(self, reference: str, full_url: str | None) -> None:
        assert self.found(reference, full_url)

    @pytest.mark.parametrize("reference", ["Coverage/other", "urn:uuid:none", "#cov", "", "Patient/cov"])
    def test_not_found(self, reference: str) -> None:
        assert not self.found(reference, None)

    def test_contained_by_its_local_name(self) -> None:
        content = {**CLAIM, "contained": [{"resourceType": "Coverage", "id": "cov"}]}
        arrival = read(as_bytes(content))
        assert Index(arrival.entries).find(Reference(reference="#cov"), arrival.entries[0]) is arrival.entries[1]

    def test_a_claim_is_read_with_urn_uuid_references_throughout(self) -> None:
        text = json.dumps(claim(payer="medicare-part-b"))
        report = reviewed(json.loads(text))
        for kind in ("Patient", "Coverage", "Practitioner", "Organization"):
            for entry in json.loads(text)["entry"]:
                inner = entry["resource"]
                if inner["resourceType"] == kind:
                    urn = f"urn:uuid:{inner['id']}"
                    text = text.replace(f'"{kind}/{inner["id"]}"', f'"{urn}"').replace(
                        f'"{entry["fullUrl"]}"', f'"{urn}"'
                    )
        assert [f.rule for f in reviewed(json.loads(text)).findings] == [f.rule for f in report.findings]


class TestDates:
    @pytest.mark.parametrize(
        ("text", "first", "last"),
        [
            ("2026", date(2026, 1, 1), date(2026, 12, 31)),
            ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
            ("2026-11-02", date(2026, 11, 2), date(2026, 11, 2)),
            ("2026-11-02T23:30:00-05:00", date(2026, 11, 2), date(2026, 11, 2)),
            ("2026-11-02T00:30:00Z", date(2026, 11, 2), date(2026, 11, 2)),
        ],
    )
    def test_the_days_that_a_date_may_mean(self, text: str, first: date, last: date) -> None:
        found = dates.days(text)
        assert found is not None
        assert (found.first, found.last) == (first, last)

    @pytest.mark.parametrize("text", [None, "", "yesterday", "2026-13", "2026-02-30", "2026-1-2", "0000", "02/11/2026"])
    def test_what_is_no_date(self, text: str | None) -> None:
        assert dates.days(text) is None

    def test_a_partial_date_is_no_one_day(self) -> None:
        assert dates.day("2026-11") is None

    def test_minutes_are_counted_over_zones(self) -> None:
        start = dates.moment("2026-11-02T10:00:00-05:00")
        end = dates.moment("2026-11-02T15:38:00Z")
        assert start is not None
        assert end is not None
        assert dates.minutes_between(start, end) == 38

    def test_minutes_are_not_counted_where_one_zone_is_missing(self) -> None:
        assert dates.minutes_between(datetime(2026, 11, 2, 10), datetime(2026, 11, 2, 11, tzinfo=UTC)) is None

    def test_an_end_before_its_start_gives_no_minutes(self) -> None:
        assert dates.minutes_between(datetime(2026, 11, 2, 10), datetime(2026, 11, 2, 9)) is None


def test_resources_without_an_id_are_told_apart_by_their_place() -> None:
    content = claim()
    del resource(content, "Claim")["id"]
    del content["entry"][0]["fullUrl"]
    assert reviewed(content).claims == ("Bundle.entry[0].resource",)


@pytest.mark.parametrize(
    "content",
    [
        b'{"resourceType" : "Claim", "id" : "c1", "item" : [ ]}',
        b'{"resourceType":"Claim","id":"c1","note":[{"text":"at 10\\u003a15: began"}]}',
        b'{"resourceType":"Claim","id":"c1","extension":' + b"[" * 300 + b"]" * 300 + b"}",
        b'{"resourceType":"Claim","id":"c1","extension":[{"valueDecimal":1e999}]}',
    ],
    ids=["spaces before colons", "a colon escaped", "deeper than is looked through at once", "a number beyond doubles"],
)
def test_what_is_not_read_at_once_is_read_all_the_same(content: bytes) -> None:
    arrival = read(content)
    assert [entry.name for entry in arrival.entries] == ["Claim/c1"]
    assert arrival.unread == []


def test_a_key_that_stands_twice_is_found_beside_an_escaped_colon() -> None:
    with pytest.raises(Unreadable, match="twice"):
        read(b'{"resourceType":"Claim","note":[{"text":"10\\u003a15","text":"11:00"}]}')
