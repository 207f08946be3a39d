"""Many claims at once: files of any size, joined by reference, reviewed by patient, on all cores or on Spark.

The way of the data: ``inputs`` says what there is to read, ``scatter`` lays each resource beside those of the same
patient, ``gather`` reviews a patient's resources together and writes what was found, ``summary`` counts it, and ``run``
does all of it and goes on where it was cut off.
"""
