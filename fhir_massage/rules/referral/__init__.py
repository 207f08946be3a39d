"""Referrals, for payers whose policy asks for one: that there is one, and that it fits the claim."""

from fhir_massage.rules.referral import referral_missing as referral_missing  # isort: skip
from fhir_massage.rules.referral import referral_not_active as referral_not_active  # isort: skip
from fhir_massage.rules.referral import referral_out_of_date as referral_out_of_date  # isort: skip
from fhir_massage.rules.referral import referral_wrong_patient as referral_wrong_patient  # isort: skip
from fhir_massage.rules.referral import referral_wrong_service as referral_wrong_service  # isort: skip
from fhir_massage.rules.referral import referrer_not_qualified as referrer_not_qualified  # isort: skip
from fhir_massage.rules.referral import referral_visits_exhausted as referral_visits_exhausted  # isort: skip
from fhir_massage.rules.referral import referral_incomplete as referral_incomplete  # isort: skip
