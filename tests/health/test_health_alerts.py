"""Seeing to an alert on the page of a company's health: who may, once, and never another company's."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from stormplay import TenantHealth, controls, list_storms, tenancy
from stormplay.controls import health_alerts
from stormplay.errors import BadInput, NotAllowed, UnknownTenant

sys.path.insert(0, str(Path(__file__).parent))
from unwell import member
from unwell import open_alert as opened
from world import make_world


@pytest.fixture(scope="module")
def ours(database):
    world = make_world(treat=2, hold_out=0, skip=0, suppressed=0, without_place=0)
    for name, role in (("ha-operator", "operator"), ("ha-viewer", "viewer"), ("ha-admin", "admin")):
        member(world.tenant, name, role)
    return world.tenant


@pytest.fixture(scope="module")
def theirs(database):
    world = make_world(treat=2, hold_out=0, skip=0, suppressed=0, without_place=0)
    member(world.tenant, "ha-other", "admin")
    return world.tenant


def page_of(tenant):
    return controls.health_page(tenant, "newest", health=TenantHealth, tenants=tenancy.my_tenants, storms=list_storms)


def test_an_operator_sees_to_an_alert_and_everybody_reads_it(ours, as_person):
    alert = opened(ours)
    as_person("ha-operator")
    page = page_of(ours)
    box = page.alerts
    assert [one for _, one in box.choice.options] == [alert]
    assert box.choice.options[0][0].startswith("Pages") and "urgent" in box.choice.options[0][0]
    assert not box.button.disabled and health_alerts.FOR_GOOD in page.alerts._note.value
    box.button.click()
    assert box.message.text == "Everybody sees now that you see to it." and not box.choice.options
    assert "ha-operator sees to it." in page._html["services"].value.lower()
    as_person("ha-admin")
    assert not page_of(ours).alerts.choice.options
    with pytest.raises(NotAllowed, match="acknowledged already"):
        TenantHealth(ours).acknowledge(alert)


def test_who_was_slower_is_told_and_looks_again(ours, as_person):
    alert = opened(ours, "report_success")
    as_person("ha-operator")
    slower = page_of(ours)
    as_person("ha-admin")
    TenantHealth(ours).acknowledge(alert)
    as_person("ha-operator")
    slower.alerts.button.click()
    assert "acknowledged already, by" in slower.alerts.message.text
    assert alert not in [one for _, one in slower.alerts.choice.options]


def test_a_viewer_reads_and_is_refused_by_the_database(ours, as_person):
    alert = opened(ours, "stream_lag")
    as_person("ha-viewer")
    box = page_of(ours).alerts
    assert box.button.disabled and health_alerts.READ_ONLY in box._note.value
    box.button.disabled = False  # as a browser could by hand
    box.button.click()
    assert "viewer" in box.message.text
    with pytest.raises(NotAllowed):
        TenantHealth(ours).acknowledge(alert)


def test_another_companys_alert_is_one_that_there_is_not(ours, theirs, as_person):
    mine = opened(ours, "data_freshness")
    as_person("ha-other")
    with pytest.raises(UnknownTenant):
        TenantHealth(ours)
    with pytest.raises(BadInput, match="There is no open alert"):
        TenantHealth(theirs).acknowledge(mine)
    box = page_of(theirs).alerts
    assert not box.choice.options
    box.choice.options = [("x", mine)]  # written by hand
    box.choice.value = mine
    box.button.click()
    assert "There is no open alert" in box.message.text
    as_person("ha-admin")
    found = TenantHealth(ours).read().services.alerts.set_index("alert_id")
    assert {str(one): state for one, state in found["state"].items()}[mine] == "open"
