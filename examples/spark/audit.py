"""The audit on a cluster: ``spark-submit --master spark://HOST:7077 examples/spark/audit.py INPUT... --out DIR``.

The package must be installed in the Python that the workers run (``PYSPARK_PYTHON``).
"""

import sys

from fhir_massage.cli import main

main(["audit", "--engine", "spark", *sys.argv[1:]], prog_name="fhir-massage")
