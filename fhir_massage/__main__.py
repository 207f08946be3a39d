"""``python -m fhir_massage``: the command line."""

from fhir_massage.cli import main

if __name__ == "__main__":
    main(prog_name="fhir-massage")
