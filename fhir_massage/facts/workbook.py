"""The rows of a workbook's first sheet, streamed: the memory taken does not grow with the sheet."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from datetime import date, timedelta
from typing import IO, Any
from xml.etree.ElementTree import ParseError, iterparse

from fhir_massage.errors import BadFact

_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
