"""Reviewing a claim in the browser: find, correct, take back, edit, take away."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.claims import claim, concept, line, resource
from tests.web.test_doors import TOO_MANY

Visit = Callable[..., Page]
Keep = Callable[[Page, str], None]
VISIT = "/?example=physical-therapy-visit"


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def page(request: pytest.FixtureRequest, visitor: Visit) -> Page:
    return visitor(java_script_enabled=request.param)


def document(page: Page) -> dict[str, Any]:
    """The document as the text area holds it."""
    content: dict[str, Any] = json.loads(page.locator("textarea[name=claim]").input_value())
    return content


def item(page: Page, position: int) -> dict[str, Any]:
    content: dict[str, Any] = document(page)["entry"][0]["resource"]["item"][position]
    return content


def test_a_pasted_claim_is_reviewed_corrected_and_taken_away(page: Page) -> None:
    page.goto("/")
    page.locator("textarea[name=claim]").fill(json.dumps(TOO_MANY))
    page.get_by_role("button", name="Review").press("Enter")
    finding = page.locator('[data-rule="units-exceed-minutes"]')
    expect(finding).to_have_attribute("data-severity", "error")
    expect(finding).to_have_attribute("data-expression", "Claim.item[0].quantity")
    expect(finding).to_contain_text("$58.00 at risk")
    finding.locator("[data-correction]").click()
    expect(page.locator("[data-rule]")).to_have_count(0)
    with page.expect_download() as download:
        page.locator('[data-download="claim"]').click()
    kept = json.loads(Path(download.value.path()).read_text())
    assert kept["entry"][0]["resource"]["item"][0]["quantity"]["value"] == 2


def test_a_picked_file_is_reviewed(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "claim.json"
    file.write_text(json.dumps(TOO_MANY))
    page.goto("/")
    page.locator('input[type=file][name="file"]').set_input_files(file)
    if page.evaluate("matchMedia('(scripting: none)').matches"):
        page.get_by_role("button", name="Review").click()
    expect(page.locator('[data-rule="units-exceed-minutes"]')).to_be_visible()


def test_a_dropped_file_is_reviewed(visitor: Visit) -> None:
    page = visitor()
    page.goto("/")
    page.evaluate(
        """text => {
          const carried = new DataTransfer();
          carried.items.add(new File([text], "claim.json", {type: "application/json"}));
          const event = {bubbles: true, cancelable: true, dataTransfer: carried};
          document.querySelector("#claim").dispatchEvent(new DragEvent("dragover", event));
          document.querySelector("#claim").dispatchEvent(new DragEvent("drop", event));
        }""",
        json.dumps(TOO_MANY),
    )
    expect(page.locator('[data-rule="units-exceed-minutes"]')).to_be_visible()


def test_the_claim_is_shown_as_people_know_it(page: Page, screenshot: Keep) -> None:
    page.goto(VISIT)
    paper = page.locator(".paper")
    for words in ("Rosa Delgado", "born 1951-04-17", "Medicare Part B", "Sam Rivera, PT", "$312.00", "A M54.5"):
        expect(paper).to_contain_text(words)
    first = paper.locator("tbody tr").first
    for words in ("2026-11-02", "97140", "manual therapy", "GP", "A B", "3", "25", "174.00", "neck"):
        expect(first).to_contain_text(words)
    # The finding on the units of line 1 is marked there, in the JSON and in the list with the same number.
    units = page.locator('[data-expression="Claim.item[0].quantity"]')
    number = (units.get_attribute("id") or "").removeprefix("finding-")
    assert first.locator("td.units a.mark").get_attribute("href") == f"#finding-{number}"
    page.get_by_text("JSON", exact=True).click()
    marked = page.locator(f'pre.json a[href="#finding-{number}"]')
    expect(marked).to_be_visible()
    assert '"quantity": {' in marked.locator("xpath=..").inner_text()
    screenshot(page, "review-json")


def test_findings_stand_by_severity(page: Page) -> None:
    page.goto("/?example=massage-without-referral")
    severities = [found.get_attribute("data-severity") for found in page.locator("[data-rule]").all()]
    assert severities == ["warning"]
    page.get_by_role("button", name="Show 1 note").click()
    expect(page.locator("[data-rule]")).to_have_count(2)
    page.get_by_role("button", name="Hide the notes").click()
    expect(page.locator("[data-rule]")).to_have_count(1)


def test_a_correction_that_needs_a_person_shows_the_difference_and_asks(page: Page, screenshot: Keep) -> None:
    page.goto(VISIT)
    page.locator('[data-correction="Code M54.50 (Low back pain, unspecified) in place of M54.5"]').click()
    asked = page.get_by_role("group", name="Confirm before it is applied")
    expect(asked).to_contain_text("confirm that the record documents what M54.50 says")
    expect(asked.locator("del")).to_have_text("M54.5")
    expect(asked.locator("ins")).to_have_text("M54.50")
    screenshot(page, "review-confirm")
    assert '"M54.5"' in page.locator("textarea[name=claim]").input_value()
    page.get_by_role("button", name="I confirm: apply it").click()
    expect(page.locator('[data-rule="diagnosis-retired"]')).to_have_count(0)
    assert '"M54.50"' in page.locator("textarea[name=claim]").input_value()


def test_a_correction_not_confirmed_changes_nothing(page: Page) -> None:
    page.goto(VISIT)
    before = document(page)
    page.locator('[data-correction="Code M54.50 (Low back pain, unspecified) in place of M54.5"]').click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("group", name="Confirm before it is applied")).to_have_count(0)
    assert document(page) == before


def test_all_that_are_certain_are_applied_and_taken_back(page: Page, screenshot: Keep) -> None:
    page.goto(VISIT)
    before = document(page)
    page.get_by_role("button", name="Apply all that are certain (2)").click()
    # The diagnosis asks a person, and so do the charge and the service that would come off.
    expect(page.locator("[data-rule]")).to_have_count(3)
    assert len(document(page)["entry"][0]["resource"]["item"]) == 3
    screenshot(page, "review-applied")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-rule]")).to_have_count(5)
    assert document(page) == before
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)


def test_steps_are_taken_back_one_by_one(page: Page) -> None:
    page.goto(VISIT)
    before = document(page)
    page.locator('[data-correction="Bill 2 units"]').click()
    expect(page.locator("[data-rule]")).to_have_count(4)
    page.locator('[data-correction="Add GP"]').click()
    expect(page.locator("[data-rule]")).to_have_count(3)
    page.locator("[data-undo]").click()
    expect(page.locator("[data-rule]")).to_have_count(4)
    page.locator("[data-undo]").click()
    expect(page.locator("[data-rule]")).to_have_count(5)
    assert document(page) == before


def test_a_field_is_edited_in_place_and_the_review_follows(visitor: Visit, screenshot: Keep) -> None:
    page = visitor()
    page.goto(VISIT)
    page.locator('[data-cell="0.0.minutes"]').press("Enter")
    minutes = page.get_by_label("Minutes of line 1")
    expect(minutes).to_be_focused()
    screenshot(page, "review-editing")
    page.keyboard.type("40")
    page.keyboard.press("Tab")
    expect(page.locator('[data-rule="units-exceed-minutes"]')).to_have_count(0)
    expect(page.get_by_label("Charge of line 1")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Charge of line 1")).to_have_count(0)
    expect(page.locator('[data-cell="0.0.minutes"]')).to_contain_text("40")


def test_a_field_is_edited_in_place_without_javascript(visitor: Visit) -> None:
    page = visitor(java_script_enabled=False)
    page.goto(VISIT)
    page.locator('[data-cell="0.1.modifiers"]').click()
    page.get_by_label("Modifiers of line 2").fill("gp")
    page.keyboard.press("Enter")
    expect(page.locator('[data-rule="therapy-modifier-missing"]')).to_have_count(0)
    assert item(page, 1)["modifier"] == [{"coding": [{"code": "GP"}]}]


def test_what_cannot_stand_in_a_field_is_refused_with_the_reason(page: Page) -> None:
    page.goto(VISIT)
    page.locator('[data-cell="0.0.units"]').click()
    page.get_by_label("Units of line 1").fill("many")
    page.get_by_role("button", name="Apply", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Units: write a number")
    assert item(page, 0)["quantity"]["value"] == 3


def test_the_head_is_edited(page: Page) -> None:
    page.goto(VISIT)
    page.get_by_role("button", name="Edit the head").click()
    page.get_by_label("Diagnoses, ICD-10-CM codes").fill("M54.50 M62.830")
    page.get_by_role("button", name="Apply", exact=True).click()
    expect(page.locator('[data-rule="diagnosis-retired"]')).to_have_count(0)


def test_bad_json_is_shown_at_its_line_and_column(page: Page, screenshot: Keep) -> None:
    page.goto("/")
    page.locator("textarea[name=claim]").fill('{\n  "resourceType": "Claim",\n  "item": [}\n}')
    page.get_by_role("button", name="Review").click()
    problem = page.get_by_role("alert")
    expect(problem).to_contain_text("line 3, column 12")
    expect(problem.locator(".here")).to_contain_text('"item": [}')
    assert '"item": [}' in page.locator("textarea[name=claim]").input_value()
    screenshot(page, "review-bad-json")


def test_a_correct_claim_gets_silence(page: Page, screenshot: Keep) -> None:
    page.goto("/?example=correct-claim")
    expect(page.get_by_role("heading", name="Nothing to correct")).to_be_visible()
    assert page.locator("[data-rule]").count() == 0
    screenshot(page, "review-correct")


def test_the_audit_sheet_tells_what_was_done_and_what_is_open(page: Page, screenshot: Keep) -> None:
    page.goto(VISIT)
    page.locator('[data-correction="Bill 2 units"]').click()
    expect(page.locator("[data-rule]")).to_have_count(4)
    with page.context.expect_page() as opened:
        page.get_by_role("button", name="Audit sheet").click()
    sheet = opened.value
    expect(sheet.get_by_role("heading", name="Audit sheet")).to_be_visible()
    expect(sheet.locator("main")).to_contain_text("Bill 2 units")
    expect(sheet.locator("main")).to_contain_text("CO-146")
    screenshot(sheet, "audit-sheet")
    sheet.emulate_media(media="print")
    assert not sheet.locator("nav").is_visible()


def test_the_corrected_claim_is_copied(visitor: Visit) -> None:
    page = visitor(permissions=["clipboard-read", "clipboard-write"])
    page.goto(VISIT)
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert copied["entry"][0]["resource"]["item"][0]["quantity"]["value"] == 2


def test_the_keyboard_alone_goes_from_paste_to_corrected(visitor: Visit) -> None:
    page = visitor()
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.locator("textarea[name=claim]")).to_be_focused()
    page.keyboard.insert_text(json.dumps(TOO_MANY))
    for _ in range(8):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Review":
            break
    page.keyboard.press("Enter")
    expect(page.locator("[data-rule]")).to_have_count(1)
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.correction") == "Bill 2 units":
            break
    page.keyboard.press("Enter")
    expect(page.locator("[data-rule]")).to_have_count(0)


def test_every_string_of_a_claim_is_escaped(page: Page) -> None:
    """Script in every string of every resource: none of it runs, none of it becomes an element."""
    script = "<script>document.title='broken'</script><img src=x onerror=alert(1)>\"'&"

    def poisoned(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {k: poisoned(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [poisoned(v, key) for v in value]
        kept = key in ("resourceType", "reference", "fullUrl", "servicedDate", "system")
        return value if kept or not isinstance(value, str) else f"{value}{script}"

    page.goto("/")
    content = poisoned(TOO_MANY)
    # The procedure code stays what it is: a claim without one that is ours is not shown.
    resource(content, "Claim")["item"][0]["productOrService"] = concept("97140")
    page.locator("textarea[name=claim]").fill(json.dumps(content))
    page.get_by_role("button", name="Review").click()
    expect(page.locator("#result")).to_be_visible()
    assert page.title() == "Review a claim · fhir_massage"
    assert page.locator("main img, main script").count() == 0
    expect(page.locator(".paper")).to_contain_text("<script>")


def test_a_claim_of_five_hundred_lines_and_five_megabytes_stays_usable(visitor: Visit) -> None:
    lines = [
        line("97140", units=2 if n == 250 else 1, day=f"2026-{1 + n // 28 % 10:02d}-{1 + n % 28:02d}",
             modifiers=("GP", "76") if n >= 280 else ("GP",))
        for n in range(500)
    ]  # fmt: skip
    content = claim(*lines, payer="medicare-part-b")
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "pain, nought to ten"}}
    content["entry"] += [{"resource": {**observation, "id": f"o{n}", "valueInteger": n % 11}} for n in range(20_000)]
    assert 2_500_000 < len(json.dumps(content)) < 5_000_000
    page = visitor()
    page.goto("/")
    page.evaluate("text => { document.querySelector('#claim').value = text }", json.dumps(content))
    page.get_by_role("button", name="Review").click()
    expect(page.locator("[data-rule]")).to_have_count(1, timeout=60_000)
    assert page.locator(".lines tbody tr").count() == 500
    page.locator("[data-correction]").click()
    expect(page.locator("[data-rule]")).to_have_count(0, timeout=60_000)
    page.locator("[data-undo]").click()
    expect(page.locator("[data-rule]")).to_have_count(1, timeout=60_000)


def test_more_than_is_read_is_refused_and_said(visitor: Visit) -> None:
    page = visitor(java_script_enabled=False)
    page.goto("/")
    page.locator("textarea[name=claim]").evaluate("(area, text) => { area.value = text }", "[" + " " * 5_300_000 + "]")
    page.get_by_role("button", name="Review").click()
    expect(page.get_by_role("alert")).to_contain_text("at most 5,242,880 are read")
