"""Words that the demo's addresses and people are made of. Roof parts for streets: no town has these."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


ROOF_WORDS = _words(
    "Shingle Gable Soffit Dormer Rafter Ridgecap Eaves Truss Purlin Gutter Flashing Cupola Mansard Parapet Skylight "
    "Weathervane Downspout Underlay Batten Valleymetal Fascia Dripedge Ridgevent Sheathing Starter Clerestory"
)
LAND_WORDS = _words(
    "Creek Meadow Hollow Bend Springs Oak Pecan Mesquite Bluff Crossing Glen Prairie Ridge Brook Vista Bluebonnet "
    "Cedar Elm Willow Hackberry"
)
STREET_SUFFIXES = ("Ln", "Dr", "Ct", "Trl", "Way", "St")
LONG_SUFFIXES = {"Ln": "LANE", "Dr": "DRIVE", "Ct": "COURT", "Trl": "TRAIL", "Way": "WAY", "St": "STREET"}

FIRST_NAMES = _words(
    "Ada Ben Carla Dewey Elena Frank Grace Hector Iris Jamal Kim Luis Maria Noah Olive Pedro Quinn Rosa Sam Tara Uma "
    "Victor Wendy Xavier Yara Zack Amir Bonnie Cesar Dana Ernest Faye Gus Hana Ivan Joy Kofi Lena Miguel Nadia"
)
LAST_NAMES = _words(
    "Sampleton Exampley Mockford Demowell Testerman Fauxley Placeby Fictional Pretendman Syntheson Madeupley "
    "Standinger Dummond Trialborn Specimann Prototyson Notreal Inventley Fabrique Modelman Paperson Draftwell "
    "Sketchley Mimicson Proxyman Substitutsky Blankenform Fillerby Lorem Ipsum"
)

# Area codes of Texas and its neighbours. 555-0100 to 555-0199 is the range kept for fiction in each.
AREA_CODES = _words(
    "817 682 214 469 972 940 903 254 210 281 325 346 361 409 430 432 512 713 726 737 806 830 832 915 936 945 956 979 "
    "405 580 918 318 504 225 337 501 479 870 505 575"
)

CITIES = {
    "76020": "Azle",
    "76092": "Southlake",
    "76131": "Fort Worth",
    "76135": "Fort Worth",
    "76137": "Fort Worth",
    "76148": "Watauga",
    "76177": "Fort Worth",
    "76179": "Fort Worth",
    "76182": "North Richland Hills",
    "76244": "Fort Worth",
    "76248": "Keller",
    "76262": "Roanoke",
    "76106": "Fort Worth",
    "76111": "Fort Worth",
    "76117": "Haltom City",
    "76118": "Fort Worth",
    "76180": "North Richland Hills",
    "76013": "Arlington",
    "76015": "Arlington",
    "76016": "Arlington",
    "76107": "Fort Worth",
    "76109": "Fort Worth",
    "76112": "Fort Worth",
    "76116": "Fort Worth",
    "76034": "Colleyville",
    "76051": "Grapevine",
    "76052": "Haslet",
    "76054": "Hurst",
}

# ZIP codes in the swath of 2021, in those of 2020 or 2016 alone, and beside all three.
MAIN_ZIPS = _words("76020 76092 76131 76135 76137 76148 76177 76179 76182 76244 76248 76262")
HISTORY_ZIPS = _words("76106 76111 76117 76118 76180 76013 76015 76016 76107 76109 76112 76116")
OUTSIDE_ZIPS = _words("76034 76051 76052 76054")
