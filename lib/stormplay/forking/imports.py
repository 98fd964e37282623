"""What our notebooks import, by name: a nursery imports it once for all its children."""

from __future__ import annotations

# All that a notebook has imported when its last cell is done. OR-Tools and numba are not here: only who plans routes
# needs them, and loads them while bisection works.
PAGES = (
    "anywidget",
    "folium",
    "ipywidgets",
    "pandas",
    "psycopg2.extras",
    "scipy.spatial",
    "sqlalchemy.dialects.postgresql.psycopg2",
    "stormplay.attribution.engine",
    "stormplay.charts.credits",
    "stormplay.charts.effects",
    "stormplay.charts.journeys",
    "stormplay.charts.networks",
    "stormplay.charts.scores",
    "stormplay.controls",
    "stormplay.experiments.experiment",
    "stormplay.identity.graph",
    "stormplay.live",
    "stormplay.maps.drawing",
    "stormplay.maps.impacts",
    "stormplay.maps.jobs",
    "stormplay.policy",
    "stormplay.profiles",
    "stormplay.registry",
    "stormplay.reports.desk",
    "stormplay.routes",
    "stormplay.score.storm",
    "stormplay.storms",
    "stormplay.tenancy",
    "stormplay.uplift.scorer",
)
