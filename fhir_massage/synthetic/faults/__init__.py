"""Known faults: each breaks a correct claim or order so that one rule has something to say, and knows what."""

from fhir_massage.synthetic.faults import (  # noqa: F401  (importing a module registers its faults)
    claim,
    coding,
    coverage,
    diagnosis,
    modifiers,
    order,
    provider,
    ptp,
    referral,
    units,
)
from fhir_massage.synthetic.faults.registry import Answer, Fault, OrderFault, claim_faults, order_faults

__all__ = ["Answer", "Fault", "OrderFault", "claim_faults", "order_faults"]
