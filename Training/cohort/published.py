"""What others have measured in people, to hold the cohort against."""

from __future__ import annotations

from dataclasses import dataclass

_PETERSEN = "Petersen 2017, J Cardiovasc Magn Reson 19:18"
_HUDSMITH = "Hudsmith 2005, J Cardiovasc Magn Reson 7:775"
_KELLER = "Keller 2021, Sci Rep 11 (right atrium size in the general population)"
_FUCHS = "Fuchs 2016, Eur Heart J Cardiovasc Imaging 17:1009"
_WOLAK = "Wolak 2008, JACC Cardiovasc Imaging 1:200"


@dataclass(frozen=True)
class Published:
    """A quantity's range in healthy adults: from two spreads below women's mean to two above men's.

    Attributes:
        name: what a reader sees.
        column: in cohort.csv.
        factor: what the column is multiplied by to give the quantity.
        phase: the phase of the cycle it holds for; empty for any.
        low, high: in `unit`.
        source: author, year, journal; what was measured, and whether the number was seen in the source's abstract.
    """

    name: str
    column: str
    factor: float
    phase: str
    low: float
    high: float
    unit: str
    source: str


# Per square metre of body surface where a source says so: 2.0 m² in men, 1.75 m² in women are assumed.
PUBLISHED = (
    Published(
        "Left ventricle, end-diastole",
        "left_ventricle_ml",
        1.0,
        "diastole",
        83,
        218,
        "ml",
        f"{_HUDSMITH}: women 135 ± 26, men 160 ± 29 (abstract)",
    ),
    Published(
        "Left ventricle, end-systole",
        "left_ventricle_ml",
        1.0,
        "systole",
        18,
        82,
        "ml",
        f"{_HUDSMITH}: women 42 ± 12, men 50 ± 16 (abstract)",
    ),
    Published(
        "Myocardial mass",
        "myocardium_ml",
        1.05,
        "",
        49,
        160,
        "g",
        f"{_PETERSEN}, MR: women 42 ± 7 g/m²; {_FUCHS}, CT: 97.5th percentile of men 80 g/m² (abstracts)",
    ),
    Published(
        "Right ventricle, end-diastole",
        "right_ventricle_ml",
        1.0,
        "diastole",
        78,
        256,
        "ml",
        f"{_HUDSMITH}: women 148 ± 35, men 190 ± 33 (abstract)",
    ),
    Published(
        "Right ventricle, end-systole",
        "right_ventricle_ml",
        1.0,
        "systole",
        20,
        118,
        "ml",
        f"{_HUDSMITH}: women 56 ± 18, men 78 ± 20 (abstract)",
    ),
    Published(
        "Left atrium, largest",
        "left_atrium_ml",
        1.0,
        "systole",
        47,
        163,
        "ml",
        f"{_HUDSMITH}: women 89 ± 21, men 103 ± 30 (abstract)",
    ),
    Published(
        "Right atrium, largest",
        "right_atrium_ml",
        1.0,
        "systole",
        21,
        170,
        "ml",
        f"{_FUCHS}, CT: 97.5th percentile of men 85 ml/m²; {_KELLER}, echocardiography: 5th of women 12.7 ml per m of "
        "height, 1.62 m assumed (abstracts)",
    ),
    Published(
        "Ascending aorta", "ascending_radius", 2.0, "", 21, 37, "mm", f"{_WOLAK}: 33 ± 4 with walls, 4 taken off"
    ),
    Published(
        "Descending aorta", "descending_radius", 2.0, "", 16, 28, "mm", f"{_WOLAK}: 24 ± 3 with walls, 2 taken off"
    ),
    Published(
        "Aortic sinuses",
        "sinus_radius",
        2.0,
        "",
        24,
        40,
        "mm",
        "Roman 1989, Am J Cardiol 64:507: women 30 ± 3, men 34 ± 3 (a later account)",
    ),
    Published(
        "Pulmonary trunk",
        "trunk_radius",
        2.0,
        "",
        19.5,
        30.7,
        "mm",
        "Truong 2012, Circ Cardiovasc Imaging 5:147: 25.1 ± 2.8 (abstract)",
    ),
    Published(
        "Proximal LAD",
        "coronary_radius",
        2.0,
        "",
        2.9,
        4.5,
        "mm",
        "Dodge 1992, Circulation 86:232: 3.7 ± 0.4 (abstract)",
    ),
    Published(
        "Left atrial wall",
        "la_wall",
        1.0,
        "",
        0.9,
        2.8,
        "mm",
        "Beinart 2011, J Cardiovasc Electrophysiol 22:1232: 1.89 ± 0.48 (abstract)",
    ),
)
