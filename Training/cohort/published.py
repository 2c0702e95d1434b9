"""What others have measured in people, to hold the cohort against."""

from __future__ import annotations

from dataclasses import dataclass

_PETERSEN = "Petersen 2017, J Cardiovasc Magn Reson 19:18 (UK Biobank, both sexes pooled)"


@dataclass(frozen=True)
class Published:
    """A quantity's range in adults.

    Attributes:
        name: what a reader sees.
        column: in cohort.csv.
        factor: what the column is multiplied by to give the quantity.
        phase: the phase of the cycle it holds for; empty for any.
        mean, sd: of the quantity, in `unit`.
        source: author, year, journal; what was measured where it differs.
    """

    name: str
    column: str
    factor: float
    phase: str
    mean: float
    sd: float
    unit: str
    source: str


# Means and spreads of women and men pooled: half the cohort each, and half their difference added in quadrature.
PUBLISHED = (
    Published("Left ventricle, end-diastole", "left_ventricle_ml", 1.0, "diastole", 145, 34, "ml", _PETERSEN),
    Published("Left ventricle, end-systole", "left_ventricle_ml", 1.0, "systole", 59, 17, "ml", _PETERSEN),
    Published("Myocardial mass", "myocardium_ml", 1.05, "diastole", 87, 24, "g", _PETERSEN),
    Published("Right ventricle, end-diastole", "right_ventricle_ml", 1.0, "diastole", 156, 40, "ml", _PETERSEN),
    Published("Left atrium, largest", "left_atrium_ml", 1.0, "systole", 67, 19, "ml", _PETERSEN),
    Published("Right atrium, largest", "right_atrium_ml", 1.0, "systole", 81, 26, "ml", _PETERSEN),
    Published(
        "Ascending aorta", "ascending_radius", 2.0, "", 33, 4, "mm", "Wolak 2008, JACC Cardiovasc Imaging 1:200 (outer)"
    ),
    Published(
        "Descending aorta",
        "descending_radius",
        2.0,
        "",
        24,
        3,
        "mm",
        "Wolak 2008, JACC Cardiovasc Imaging 1:200 (outer)",
    ),
    Published("Aortic sinuses", "sinus_radius", 2.0, "", 32, 3.6, "mm", "Roman 1989, Am J Cardiol 64:507"),
    Published(
        "Pulmonary trunk", "trunk_radius", 2.0, "", 25.1, 2.8, "mm", "Truong 2012, Circ Cardiovasc Imaging 5:147"
    ),
    Published("Proximal LAD", "coronary_radius", 2.0, "", 3.7, 0.4, "mm", "Dodge 1992, Circulation 86:232"),
    Published(
        "Left atrial wall", "la_wall", 1.0, "", 1.89, 0.48, "mm", "Beinart 2011, J Cardiovasc Electrophysiol 22:1232"
    ),
)
