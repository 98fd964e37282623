import re
from datetime import date

import numpy as np
import pandas as pd
import pytest

from stormplay import demo, storms
from stormplay.demo import decisions, words
from stormplay.experiments import assigned
from stormplay.identity import contacts

PAST = ("2020-04-28", "2016-03-17")
FIRST_STORM = pd.Timestamp("2016-03-17", tz="UTC")
DECIDED = pd.Timestamp("2021-04-29 18:00", tz="UTC")


@pytest.fixture(scope="module")
def built():
    return demo.build()


@pytest.fixture(scope="module", params=["lone-star", "trinity"])
def tenant(built, request):
    return built.tenants[request.param]


def decided(tenant):
    """Decisions with what was known of the home, one row a decision."""
    log = tenant.tables["policy_decisions_log"]
    homes = log.merge(tenant.tables["properties"], on="property_id")
    return homes.merge(tenant.tables["property_impacts"], on=["storm", "property_id"], how="left")


def before_the_storms(tenant):
    suppressions = tenant.tables["suppressions"]
    return suppressions[suppressions["suppressed_at"] < FIRST_STORM]


def test_same_seed_same_rows_other_seed_other_rows(built):
    again, other = demo.build(), demo.build(seed=99)
    for slug, tenant in built.tenants.items():
        for name, rows in tenant.tables.items():
            pd.testing.assert_frame_equal(rows, again.tenants[slug].tables[name])
        ids = set(tenant.tables["properties"]["property_id"])
        assert ids.isdisjoint(other.tenants[slug].tables["properties"]["property_id"])


def test_docstring_tells_what_is_planted(built):
    said = re.findall(r"^ {4}(\S+) +(\d{4}-\d\d-\d\d) +(\d+) +(\d+) +([\d.]+) +([\d.]+)$", demo.__doc__, re.MULTILINE)
    true = [
        (
            slug,
            row.storm,
            str(row.treat),
            str(row.hold_out),
            f"{row.average_effect:.4f}",
            f"{row.average_base_rate:.4f}",
        )
        for slug, tenant in built.tenants.items()
        for row in tenant.planted.itertuples()
    ]
    assert said == true


def test_sizes(built):
    sizes = {slug: len(tenant.tables["properties"]) for slug, tenant in built.tenants.items()}
    assert sizes == {"lone-star": 6_000, "trinity": 1_500}
    treat = {slug: int(tenant.planted["treat"][0]) for slug, tenant in built.tenants.items()}
    assert 2_000 <= treat["lone-star"] <= 3_000
    assert 400 <= treat["trinity"] <= 600


def test_tenants_share_nothing_but_the_ground(built):
    one, two = (tenant.tables["properties"] for tenant in built.tenants.values())
    for column in ("property_id", "address", "email", "phone"):
        assert set(one[column].dropna()).isdisjoint(two[column].dropna()), column
    numbers = [set(table["phone"].dropna().map(contacts.phone)) for table in (one, two)]
    assert numbers[0].isdisjoint(numbers[1])
    # Overlapping in area: most of the smaller one's ZIP codes are worked by the larger one too.
    assert set(two["zip_code"].dropna()) <= set(one["zip_code"].dropna())


def test_everything_about_people_is_recognisably_made_up(tenant):
    homes = tenant.tables["properties"]
    assert homes["is_synthetic"].all()
    assert tenant.company.org_name.endswith("(demo)")
    phones = homes["phone"].dropna()
    assert phones.str.replace(r"\D", "", regex=True).str[-7:-2].eq("55501").all()
    assert homes["email"].dropna().str.contains(r"(?:@| at )example\.(?:com|org)$").all()
    roofs = {word.lower() for word in words.ROOF_WORDS}
    assert homes["address"].str.split().str[1].str.lower().isin(roofs).all()
    last = homes["owner_name"].str.split().str[-1]
    assert (last.isin(words.LAST_NAMES) | homes["owner_name"].str.startswith("Placeholder")).all()


def test_homes_stand_along_streets(tenant):
    homes = tenant.tables["properties"].dropna(subset=["latitude", "zip_code"])
    homes = homes[~homes["address"].str.isupper()].assign(
        number=homes["address"].str.split().str[0].astype(int), street=homes["address"].str.split(n=1).str[1]
    )
    assert homes["address"].is_unique
    streets = homes.groupby("street")
    assert (streets["zip_code"].nunique() == 1).all()
    # Up the numbers means along the street: neighbours on one side are whole frontages of 15 to 25 m apart.
    gaps = []
    for _, street in streets:
        for _, side in street.groupby(street["number"] % 2):
            ordered = side.sort_values("number")
            north = np.diff(ordered["latitude"]) * 111_195
            east = np.diff(ordered["longitude"]) * 111_195 * np.cos(np.radians(32.8))
            close = np.diff(ordered["number"]) == 4
            gaps += list(np.hypot(north, east)[close])
    assert len(gaps) > 50
    assert 15 <= np.median(gaps) <= 25
    assert np.percentile(gaps, 1) > 10 and np.percentile(gaps, 99) < 32


def test_homes_lie_near_the_centroid_of_their_zip(tenant):
    homes = tenant.tables["properties"].dropna(subset=["latitude", "zip_code"])
    centres = storms.read_zip_centroids().set_index("zip_code").loc[homes["zip_code"]]
    north = (homes["latitude"].to_numpy() - centres["latitude"].to_numpy()) * 111.195
    east = (homes["longitude"].to_numpy() - centres["longitude"].to_numpy()) * 111.195 * 0.84
    assert np.hypot(north, east).max() < 5


def test_impacts_are_those_of_the_modelled_swath(tenant):
    impacts = tenant.tables["property_impacts"].merge(tenant.tables["properties"], on="property_id")
    impacts = impacts.dropna(subset=["latitude"])
    for storm, rows in impacts.groupby("storm"):
        swath = storms.Swath.from_reports(storms.read_reports(date.fromisoformat(storm)))
        assert np.allclose(swath.hail_in(rows["latitude"], rows["longitude"]), rows["hail_in"], atol=6e-4)
        assert np.allclose(storms.impact_index(rows["hail_in"]), rows["sii_score"], atol=0.051)
    assert (impacts["hail_in"] > 0).all()


def test_every_home_has_one_decision_a_storm(tenant):
    log = tenant.tables["policy_decisions_log"]
    homes = len(tenant.tables["properties"])
    expected = {s.slug for s in demo.STORMS} - set(tenant.company.undecided)
    assert log.groupby("storm").size().to_dict() == dict.fromkeys(expected, homes)
    assert not log.duplicated(["storm", "property_id"]).any()
    assert set(log["decision"]) == {"treat", "hold_out", "skip"}


def test_trinity_never_decided_on_the_oldest_storm(built):
    trinity = built.tenants["trinity"].tables
    for name in ("policy_decisions_log", "policy_outcomes", "routes", "jobs", "customer_journeys"):
        assert "2016-03-17" not in set(trinity[name]["storm"]), name
    assert "2016-03-17" in set(trinity["storms"]["slug"])
    assert "2016-03-17" in set(trinity["property_impacts"]["storm"])


def test_holdout_is_the_hash_and_nothing_else(tenant):
    arms = decided(tenant).query("decision != 'skip'")
    for storm, rows in arms.groupby("storm"):
        held = assigned(rows["property_id"], storm, 0.2)
        assert (held == (rows["decision"] == "hold_out")).all()
        # 80 to 20 within three standard errors: no alarm of a sample ratio mismatch.
        assert abs(held.mean() - 0.2) < 3 * np.sqrt(0.16 / len(rows))


def test_arms_were_alike_before_the_visit(tenant):
    arms = decided(tenant).query("decision != 'skip'")
    main = arms[arms["storm"] == demo.MAIN_STORM]
    main = main[main["roof_age_years"] < 100]
    for column in ("hail_in", "roof_age_years", "roof_area_sqft"):
        treated, held = (main.loc[main["decision"] == arm, column] for arm in ("treat", "hold_out"))
        error = np.sqrt(treated.var() / len(treated) + held.var() / len(held))
        assert abs(treated.mean() - held.mean()) < 3.5 * error, column


def test_reasons_to_skip_hold(tenant):
    log = decided(tenant)
    said_no = before_the_storms(tenant).query("channel in ['door', 'all']")
    refused = log["property_id"].isin(said_no["property_id"])
    hail_in = log["hail_in"].fillna(0)
    assert (hail_in[log["reason"] == decisions.OUTSIDE] < 0.75).all()
    assert refused[log["reason"] == decisions.REFUSED].all()
    arms = log["decision"] != "skip"
    assert (hail_in[arms] >= 0.75).all() and not refused[arms].any()
    uplift = log.merge(tenant.tables["lead_uplift"], on=["storm", "property_id"])
    assert (uplift.loc[uplift["decision"] != "skip", "expected_uplift"] >= 0.05).all()
    assert (uplift.loc[uplift["reason"] == decisions.TOO_SMALL, "expected_uplift"] < 0.05).all()


def test_expected_uplift_is_a_noisy_view_of_the_truth(built):
    tables = built.tenants["lone-star"].tables
    homes = tables["lead_uplift"].merge(tables["properties"], on="property_id")
    homes = homes.merge(tables["property_impacts"], on=["storm", "property_id"]).query("roof_age_years < 100")
    miss = homes["expected_uplift"] - demo.true_effect(homes["hail_in"], homes["roof_age_years"])
    assert abs(miss.mean()) < 0.002
    assert miss.std() == pytest.approx(0.03, abs=0.002)


def test_outcomes_show_the_planted_effect(tenant):
    """Newcombe's bound is wider than Wald's here, so this is the stricter question."""
    rows = tenant.tables["policy_outcomes"].merge(decided(tenant), on=["storm", "property_id"])
    rows = rows[rows["actual_converted"].notna()]
    rows = rows.assign(signed=rows["actual_converted"].astype(bool))
    for planted in tenant.planted.itertuples():
        arms = rows[rows["storm"] == planted.storm].groupby("decision")["signed"].agg(["mean", "count"])
        seen = arms.loc["treat", "mean"] - arms.loc["hold_out", "mean"]
        error = np.sqrt((arms["mean"] * (1 - arms["mean"]) / arms["count"]).sum())
        assert abs(seen - planted.average_effect) < 1.96 * error, planted.storm


def test_outcomes_are_complete_for_the_past_and_partial_for_the_main_storm(tenant):
    outcomes = tenant.tables["policy_outcomes"]
    arms = decided(tenant).query("decision != 'skip'")
    assert outcomes.merge(arms, on=["storm", "property_id"]).shape[0] == len(outcomes)
    known = outcomes.groupby("storm").size() / arms.groupby("storm").size()
    assert (known.drop(demo.MAIN_STORM) == 1).all()
    assert known[demo.MAIN_STORM] == pytest.approx(tenant.company.known_share, abs=0.05)
    pending = outcomes["actual_converted"].isna()
    assert set(outcomes.loc[pending, "storm"]) <= {demo.MAIN_STORM} and pending.any()
    signed = outcomes["actual_converted"].eq(True)
    assert (outcomes.loc[signed, "value_cents"] > 300_000).all()
    assert (outcomes.loc[~signed & ~pending, "value_cents"] == 0).all()


def test_touches_respect_consent_daylight_and_the_control_group(tenant):
    journeys = tenant.tables["customer_journeys"].merge(
        tenant.tables["policy_decisions_log"], on=["storm", "property_id"]
    )
    assert set(journeys["channel"]) <= set(demo.outcomes.CHANNEL_ORDER)
    held = journeys["decision"] == "hold_out"
    assert set(journeys.loc[held, "channel"]) <= {"web", "referral", "call"}
    main = journeys["storm"] == demo.MAIN_STORM
    assert "door" not in set(journeys.loc[main, "channel"]) and "door" in set(journeys.loc[~main, "channel"])
    hour = journeys["timestamp"].dt.tz_convert("America/Chicago").dt.hour
    assert hour.between(8, 18).all()
    early = before_the_storms(tenant)
    for channel in ("door", "text", "email"):
        refused = early.loc[early["channel"].isin([channel, "all"]), "property_id"]
        assert not journeys.loc[journeys["channel"] == channel, "property_id"].isin(refused).any(), channel


def test_signed_homes_were_touched_before_they_signed(tenant):
    signed = tenant.tables["policy_outcomes"].query("actual_converted == True")
    touched = signed.merge(tenant.tables["customer_journeys"], on=["storm", "property_id"])
    assert touched[["storm", "property_id"]].drop_duplicates().shape[0] == len(signed)
    assert (touched["timestamp"] < touched["observed_at"]).all()


def test_past_routes_cover_every_treated_home_once(tenant):
    routes, stops = tenant.tables["routes"], tenant.tables["route_properties"]
    treated = tenant.tables["policy_decisions_log"].query("decision == 'treat' and storm in @PAST")
    served = stops.merge(routes[["route_id", "storm"]], on="route_id")
    assert sorted(zip(served["storm"], served["property_id"], strict=True)) == sorted(
        zip(treated["storm"], treated["property_id"], strict=True)
    )
    assert stops.groupby("route_id").size().to_dict() == routes.set_index("route_id")["property_count"].to_dict()
    assert routes["property_count"].max() <= 50
    for _, order in stops.groupby("route_id")["sequence_order"]:
        assert sorted(order) == list(range(1, len(order) + 1))
    assert (routes["status"] == "done").all() and demo.MAIN_STORM not in set(routes["storm"])


def test_past_jobs_ended_and_signed_ones_are_completed(tenant):
    jobs = tenant.tables["jobs"]
    assert len(jobs) == len(tenant.tables["route_properties"])
    assert set(jobs["storm"]) <= set(PAST)
    assert (jobs["completed_at"].notna() == (jobs["status"] == "completed")).all()
    assert (jobs["created_at"] < jobs["updated_at"]).all()
    assert (jobs["updated_at"] >= jobs["completed_at"]).eq(jobs["completed_at"].notna()).all()
    signed = tenant.tables["policy_outcomes"].query("actual_converted == True")
    both = jobs.merge(signed, on=["storm", "property_id"])
    assert len(both) and (both["status"] == "completed").all()
    assert jobs["notes"].str.startswith("Synthetic note").all()


def test_some_refused_only_after_the_decision(tenant):
    suppressions = tenant.tables["suppressions"]
    late = suppressions[suppressions["suppressed_at"] > DECIDED]
    log = tenant.tables["policy_decisions_log"].query("storm == @demo.MAIN_STORM").set_index("property_id")
    assert len(late) and (log.loc[late["property_id"], "decision"] == "treat").all()


def test_planted_defects_are_in_the_data(tenant):
    homes, said = tenant.tables["properties"], tenant.defects
    assert homes["latitude"].isna().sum() == homes["longitude"].isna().sum() == said["missing coordinates"] > 0
    assert homes["zip_code"].isna().sum() == said["missing zip_code"] > 0
    assert (homes["roof_age_years"] > 100).sum() == said["impossible roof age"] > 0
    assert (~homes["email"].dropna().str.contains("@")).sum() == said["malformed email"] > 0
    shouted = homes["address"].str.isupper()
    assert shouted.sum() == said["duplicate"] > 0
    twins = homes[shouted].merge(homes[~shouted], on="owner_name", suffixes=("", "_of"))
    same = twins["address"].str.split().str[:3] == twins["address_of"].str.upper().str.split().str[:3]
    assert same.sum() == said["duplicate"]


def test_telephone_numbers_are_of_the_range_for_fiction(tenant):
    phones = tenant.tables["properties"]["phone"].dropna().map(contacts.phone)
    assert phones.str.fullmatch(r"\+1\d{3}55501\d\d").all()
    assert phones.value_counts().iloc[0] >= 12  # one management company, no household
