"""Checks of the book of addresses: where homes are, whether they are there once, and how their owners are reached."""

from __future__ import annotations

from collections.abc import Mapping

from stormplay.quality.checks import HOMES, Check

# Fifty states and Puerto Rico. (0, 0) and a place with latitude and longitude swapped lie outside it.
UNITED_STATES = "latitude BETWEEN 17.5 AND 71.6 AND longitude BETWEEN -180 AND -64.5"
FARTHEST_DEGREES = 3  # from the middle of the homes that were hit: some 300 km

# The kinds of streets, in the postal service's short form (Publication 28, C1): the same home is written both ways.
STREETS = {
    "avenue": "ave", "boulevard": "blvd", "circle": "cir", "court": "ct", "cove": "cv", "drive": "dr",
    "highway": "hwy", "lane": "ln", "parkway": "pkwy", "place": "pl", "road": "rd", "square": "sq", "street": "st",
    "terrace": "ter", "trail": "trl",
}  # fmt: skip
_SHORT = " ".join(f"WHEN '{long}' THEN '{short}'" for long, short in STREETS.items())

CHECKS: Mapping[str, Check] = {
    "missing_coordinates": Check(
        "Home without coordinates",
        "It can be put on no route and in no swath.",
        "Look the address up again, or set the place by hand.",
        f"""{HOMES}, asked AS (
    SELECT property_id AS record_id, latitude IS NULL OR longitude IS NULL AS is_issue FROM home
)""",
    ),
    "impossible_coordinates": Check(
        "Home at an impossible place",
        "A crew would be sent to the sea, or across the country: zero, latitude and longitude swapped, another region.",
        "Swap the two where they are swapped; else look the address up again.",
        f"""{HOMES}, placed AS (
    SELECT property_id, latitude, longitude FROM home WHERE latitude IS NOT NULL AND longitude IS NOT NULL
), middle AS (             -- of the homes that were hit, a few wrong ones do not move it
    SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY latitude) AS latitude,
           percentile_disc(0.5) WITHIN GROUP (ORDER BY longitude) AS longitude FROM placed
), asked AS (
    SELECT property_id AS record_id,
           NOT ({UNITED_STATES}) OR abs(latitude - (SELECT latitude FROM middle)) > {FARTHEST_DEGREES}
               OR abs(longitude - (SELECT longitude FROM middle)) > {FARTHEST_DEGREES} AS is_issue
      FROM placed
)""",
    ),
    "duplicate_home": Check(
        "Home that is in the book twice",
        "It is visited twice, counted twice, and can be in both arms of the experiment.",
        "Merge the second record into the first.",
        f"""{HOMES}, lined AS (   -- small letters and single spaces, and the kind of street by itself
    SELECT property_id, btrim(address_key) AS line, split_part(btrim(address_key), ' ', -1) AS kind,
           lower(coalesce(city, '')) AS city FROM home
), keyed AS (
    SELECT property_id, city, left(line, length(line) - length(kind)) || CASE kind {_SHORT} ELSE kind END AS street
      FROM lined
), twice AS (              -- the first of those that share an address is the home, the others are records too many
    SELECT street, city, min(property_id::text) AS first FROM keyed WHERE street <> '' GROUP BY 1, 2
    HAVING count(*) > 1
), asked AS (
    SELECT k.property_id AS record_id, t.first IS NOT NULL AND k.property_id::text <> t.first AS is_issue
      FROM keyed k LEFT JOIN twice t ON t.street = k.street AND t.city = k.city
)""",
    ),
    "malformed_zip": Check(
        "ZIP code missing or malformed",
        "Letters come back, and routes cannot be told by area.",
        "Look the address up again.",
        f"""{HOMES}, asked AS (   -- every digit read as a 9: a pattern would take three times as long
    SELECT property_id AS record_id, coalesce(translate(zip_code, '012345678', '999999999'), '')
           NOT IN ('99999', '99999-9999') AS is_issue FROM home
)""",
    ),
    "malformed_phone": Check(
        "Telephone number that cannot be called",
        "Calls and texts to it fail, or reach a stranger.",
        "Ask the owner for it, or take it out.",
        f"""{HOMES}, dialled AS MATERIALIZED (  -- signs left out, digits from 2 on read as 9: worked out once a home
    SELECT property_id, translate(phone, '2345678 ()-./+', '9999999') AS shape FROM home WHERE btrim(phone) <> ''
), asked AS (              -- North American numbers: ten digits, area and exchange from 2 on
    SELECT property_id AS record_id, ltrim(shape, '019') <> ''
           OR shape NOT LIKE '9__9______' AND shape NOT LIKE '19__9______' AS is_issue FROM dialled
)""",
    ),
    "malformed_email": Check(
        "E-mail address that cannot be written to",
        "Mail to it bounces, and bounces spoil the delivery of the rest.",
        "Ask the owner for it, or take it out.",
        f"""{HOMES}, asked AS (   -- something, one @, something with a full stop in it
    SELECT property_id AS record_id, btrim(email) NOT LIKE '%_@_%._%' OR email LIKE '%@%@%'
           OR btrim(email) LIKE '% %' OR btrim(email) LIKE '%.' AS is_issue
      FROM home WHERE btrim(email) <> ''
)""",
    ),
    "impossible_roof_age": Check(
        "Roof of an impossible age",
        "The uplift model believes it: old roofs are expected to gain most from a visit.",
        "Take the age from the permit or the tax roll, or leave it empty.",
        f"""{HOMES}, asked AS (
    SELECT property_id AS record_id, roof_age_years NOT BETWEEN 0 AND 120 AS is_issue
      FROM home WHERE roof_age_years IS NOT NULL
)""",
    ),
}
