"""The page of Phase 3 as one writes it in Streamlit: choose company and storm, four figures, a Folium map, a table.

    streamlit run benchmarks/streamlit_page.py

For `pages.py`, which starts it with a database login in its environment. It asks the same library for the same rows as
our page; the map is plain Folium, an object for each stop, as its manual has it.
"""

from __future__ import annotations

import folium
import pandas as pd
import streamlit as st
from streamlit.components.v1 import html

from stormplay import RouteBuilder, tenancy

COLOURS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f")


def drawn(stops: pd.DataFrame) -> folium.Map:
    """A line for each route and a dot for each stop."""
    stops = stops.dropna(subset=["latitude", "longitude"])  # which Folium refuses
    chart = folium.Map(location=(stops["latitude"].mean(), stops["longitude"].mean()), zoom_start=11, tiles=None)
    for number, (_, of_route) in enumerate(stops.groupby("route_id", sort=False)):
        colour = COLOURS[number % len(COLOURS)]
        folium.PolyLine(of_route[["latitude", "longitude"]].to_numpy().tolist(), color=colour).add_to(chart)
        for stop in of_route.itertuples():
            folium.CircleMarker(
                (stop.latitude, stop.longitude),
                radius=3,
                color=colour,
                fill=True,
                tooltip=f"{stop.sequence_order}. {stop.address}",
            ).add_to(chart)
    return chart


st.set_page_config(layout="wide")
st.title("Phase 3: routes for the crews")
tenant = st.selectbox("Company", tenancy.my_tenants()["slug"].tolist())
with tenancy.session(tenant) as connection:
    storms = tenancy.frame(connection, "SELECT slug, name FROM storms ORDER BY event_date DESC")
named = st.selectbox("Storm", storms["name"].tolist())
storm = storms.loc[storms["name"] == named, "slug"].iloc[0]
builder = RouteBuilder(tenant, storm)
routes, ledger, stops = builder.get_routes(), builder.get_ledger(), builder.get_stops()
columns = st.columns(4)
columns[0].metric("Routes", len(routes))
columns[1].metric("Stops", int(routes["property_count"].sum()))
columns[2].metric("Not routed", int(ledger.loc[ledger["outcome"] != "routed", "properties"].sum()))
columns[3].metric("Driving", f"{routes['drive_minutes'].sum() / 60:.0f} h")
st.button("Generate routes")
html(drawn(stops)._repr_html_(), height=640)
st.dataframe(routes[["route_name", "zip_code", "property_count", "drive_minutes", "avg_uplift", "crew_name", "status"]])
