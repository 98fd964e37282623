"""The registry on a real database and a real folder: what it keeps, who may move what, and files that are not ours."""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import threading
import zipfile
from pathlib import Path

import numpy as np
import psycopg2
import pytest
import skops.io
from sklearn.ensemble import HistGradientBoostingRegressor
from sqlalchemy import text
from world import guests, make_world

from stormplay import registry, store, tenancy
from stormplay.errors import ArtifactRefused, BadInput, Conflict, NotAllowed, UnknownModel
from stormplay.registry import ModelRegistry, seal, shelf
from stormplay.registry.packing import pack

HAIL = np.linspace(0, 3, 200).reshape(-1, 1)


def payload(slope=0.1):
    model = HistGradientBoostingRegressor(max_iter=5, random_state=0).fit(HAIL, slope * HAIL[:, 0])
    return {"kind": "test", "model": model, "edges": np.array([1.0, 2.0]), "name": "hail"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMPLAY_MODELS", str(tmp_path_factory.mktemp("models")))
        yield Path(os.environ["STORMPLAY_MODELS"])


@pytest.fixture
def company(database, folder):
    return make_world(treat=3, hold_out=1, skip=1, suppressed=0, without_place=0)


def register(company, name="uplift", made=None, **more):
    with tenancy.session(company.tenant) as connection:
        given = {"purpose": "what a visit adds", "code_version": "test", "metrics": {"qini": 1e20, "tau": 0.1}, **more}
        return registry.register(connection, name, made or payload(), **given)


def file_of(company, version):
    with tenancy.session(company.tenant) as connection:
        _, path = store.locate(shelf.place(), seal.key(connection), version.artifact)
    return Path(path)


def rewrite(statement, **values):
    """As whoever can write to the database past everything: its administrator."""
    from stormplay import database as db

    with db.transaction(db.admin_url()) as connection:
        connection.execute(text(statement), values)


# ---- versions


def test_a_version_comes_back_as_it_was_kept(company):
    kept = register(
        company, params={"learner": "x"}, feature_names=["hail_in"], trained_on={"homes": 200}, note="first"
    )
    assert (kept.model_version, kept.version, kept.source, kept.made_by) == ("uplift@1", 1, "trained", "Local person")
    assert kept.params == {"learner": "x"} and kept.feature_names == ("hail_in",) and kept.metrics["tau"] == 0.1
    version, loaded = ModelRegistry(company.tenant).load("uplift@1")
    assert version == kept and loaded["name"] == "hail" and loaded["edges"].tolist() == [1.0, 2.0]
    assert loaded["model"].predict(HAIL).tolist() == payload()["model"].predict(HAIL).tolist()
    second = register(company)
    assert second.version == 2
    assert ModelRegistry(company.tenant).versions()["version"].tolist() == [2, 1]
    assert ModelRegistry(company.tenant).challenger().version == 2


def test_a_version_cannot_be_changed_nor_signed_for_somebody_else(company):
    register(company)
    for statement in ("UPDATE model_versions SET metrics = '{}'", "UPDATE model_aliases SET reason = 'x'",
                      "DELETE FROM model_versions", "INSERT INTO models (model_name, purpose, made_by) "
                      "VALUES ('other', 'x', 'Ana Torres')"):  # fmt: skip
        with pytest.raises(NotAllowed), tenancy.session(company.tenant) as connection:
            connection.execute(text(statement))


def test_nothing_is_left_of_a_registration_that_fails(company, folder):
    before = sum(path.is_file() for path in folder.rglob("*"))
    with pytest.raises(ZeroDivisionError), tenancy.session(company.tenant) as connection:
        registry.register(connection, "uplift", None, purpose="x", code_version="test")
        raise ZeroDivisionError
    assert ModelRegistry(company.tenant).versions().empty
    with pytest.raises(BadInput, match="Planted, which would not be loaded"):
        register(company, made={"model": Planted()})
    assert ModelRegistry(company.tenant).versions().empty
    assert sum(path.is_file() for path in folder.rglob("*")) == before


def test_unknown_names_are_said_with_what_there_is(company):
    with pytest.raises(UnknownModel, match="No model is registered yet"):
        ModelRegistry(company.tenant).trace("uplift@9")
    register(company)
    with pytest.raises(UnknownModel, match=r"No model 'uplift@9' .* The newest are uplift@1"):
        ModelRegistry(company.tenant).load("uplift@9")
    with pytest.raises(UnknownModel, match="has no champion yet"):
        ModelRegistry(company.tenant).champion()


# ---- champion and challenger


def test_promote_and_roll_back_leave_a_trail(company):
    models = ModelRegistry(company.tenant)
    for _ in range(3):
        register(company)
    for version in (1, 2, 3):
        models.promote(version, f"version {version} ranks better")
    assert models.champion().version == 3
    models.roll_back("it sent crews to new roofs")
    assert models.champion().version == 2
    models.roll_back("and so did this one")
    assert models.champion().version == 1
    with pytest.raises(BadInput, match="no champion of 'uplift' to go back to"):
        models.roll_back("further")
    trail = models.history("champion")
    assert trail["act"].tolist() == ["promote"] * 3 + ["roll_back"] * 2
    assert trail["from_version"].tolist()[1:] == [1, 2, 3, 2] and trail["to_version"].tolist() == [1, 2, 3, 2, 1]
    assert trail.iloc[-1]["reason"] == "and so did this one" and set(trail["moved_by"]) == {"Local person"}
    assert models.challenger().version == 3


def test_a_move_needs_a_reason_a_version_and_a_change(company):
    models = ModelRegistry(company.tenant)
    register(company)
    with pytest.raises(BadInput, match="needs a reason"):
        models.promote(1, "  ")
    with pytest.raises(UnknownModel, match="uplift@7"):
        models.promote(7, "better")
    with pytest.raises(BadInput, match="no place 'winner'"):
        models.promote(1, "better", alias="winner")
    models.promote(1, "better")
    with pytest.raises(BadInput, match="is the champion already"):
        models.promote(1, "better still")


def test_who_looked_too_long_ago_is_told_what_happened(company):
    models = ModelRegistry(company.tenant)
    register(company), register(company)
    seen = models.last_move()
    models.promote(1, "it is the first")
    with pytest.raises(Conflict, match="Local person made version 1 the champion: it is the first"):
        models.promote(2, "it is newer", seen=seen)
    models.promote(2, "it is newer", seen=models.last_move())


def test_of_two_who_promote_at_once_one_wins(company):
    models = ModelRegistry(company.tenant)
    register(company), register(company)
    first_has_written, results = threading.Event(), {}

    def second():
        first_has_written.wait(10)
        try:
            results["second"] = models.promote(2, "newest")
        except Conflict as error:
            results["second"] = str(error)

    other = threading.Thread(target=second)
    other.start()
    with tenancy.session(company.tenant) as connection:
        registry.promote(connection, "uplift", 1, "proven")
        first_has_written.set()
        # The second has read the same state and waits for our commit.
        _until_somebody_waits()
    other.join(20)
    assert "Local person made version 1 the champion: proven" in str(results["second"])
    assert models.champion().version == 1 and len(models.history("champion")) == 1


def _until_somebody_waits():
    from stormplay import database as db

    link = psycopg2.connect(db.admin_url().set(drivername="postgresql").render_as_string(hide_password=False))
    try:
        with link.cursor() as cursor:
            for _ in range(1_000):
                cursor.execute("SELECT count(*), pg_sleep(0.01) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
                if cursor.fetchone()[0]:
                    return
                link.rollback()
    finally:
        link.close()
    raise AssertionError("the second never came to wait")


def test_roles(company, as_person):
    register(company)
    models = ModelRegistry(company.tenant)
    with guests(company.tenant, "operator", "ana"):
        as_person("ana")
        assert models.trace("uplift@1").version.version == 1
        with pytest.raises(NotAllowed, match="operator, and this needs analyst"):
            models.load("uplift@1")
        with pytest.raises(NotAllowed):
            models.promote(1, "I say so")
        with pytest.raises(NotAllowed):
            register(company)


# ---- files that are not what was registered


def test_the_files_of_companies_lie_apart(company, folder):
    other = make_world(treat=3, hold_out=1, skip=1, suppressed=0, without_place=0)
    one, two = file_of(company, register(company)), file_of(other, register(other))
    assert one.exists() and two.exists() and one.parents[1] != two.parents[1]
    assert company.tenant not in str(one)


def test_changed_bytes_are_refused(company):
    path = file_of(company, register(company))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(ArtifactRefused, match="hash differs"):
        ModelRegistry(company.tenant).load("uplift@1")
    path.unlink()
    with pytest.raises(ArtifactRefused, match="is gone"):
        ModelRegistry(company.tenant).load("uplift@1")


def test_another_versions_file_is_refused(company):
    first, second = register(company), register(company, made=payload(0.2))
    file_of(company, second).write_bytes(file_of(company, first).read_bytes())
    with pytest.raises(ArtifactRefused, match="hash differs"):
        ModelRegistry(company.tenant).load("uplift@2")
    # Also by somebody who can rewrite the row, but has no key.
    rewrite("""UPDATE model_versions SET artifact_sha256 = :sha
                WHERE tenant_id = (SELECT tenant_id FROM sec.tenant_entry WHERE slug = :slug) AND version = 2""",
            sha=first.artifact_sha256, slug=company.tenant)  # fmt: skip
    with pytest.raises(ArtifactRefused, match="signature of 'uplift@2'"):
        ModelRegistry(company.tenant).load("uplift@2")


def test_a_rewritten_card_is_refused(company):
    register(company)
    rewrite("""UPDATE model_versions SET metrics = '{"qini": 99}'
                WHERE tenant_id = (SELECT tenant_id FROM sec.tenant_entry WHERE slug = :slug)""",
            slug=company.tenant)  # fmt: skip
    with pytest.raises(ArtifactRefused, match="signature"):
        ModelRegistry(company.tenant).load("uplift@1")


def test_another_companys_artifact_is_refused(company):
    other = make_world(treat=3, hold_out=1, skip=1, suppressed=0, without_place=0)
    mine, theirs = register(company), register(other, made=payload(0.5))
    file_of(company, mine).write_bytes(file_of(other, theirs).read_bytes())
    with pytest.raises(ArtifactRefused, match="hash differs"):
        ModelRegistry(company.tenant).load("uplift@1")
    # With their row's every word copied over, their signature is still not ours.
    rewrite("""UPDATE model_versions m SET (artifact_sha256, signature, metrics, artifact) =
                      (SELECT t.artifact_sha256, t.signature, t.metrics, m.artifact FROM model_versions t
                        WHERE t.tenant_id = (SELECT tenant_id FROM sec.tenant_entry WHERE slug = :theirs))
                WHERE m.tenant_id = (SELECT tenant_id FROM sec.tenant_entry WHERE slug = :mine)""",
            mine=company.tenant, theirs=other.tenant)  # fmt: skip
    with pytest.raises(ArtifactRefused, match="signature"):
        ModelRegistry(company.tenant).load("uplift@1")
    with pytest.raises(UnknownModel):
        ModelRegistry(company.tenant).load(theirs.artifact)


class Planted:
    """A pickle that leaves a mark where it is opened."""

    mark = ""

    def __reduce__(self):
        return (os.system, (f"touch {Planted.mark}",))


@pytest.fixture
def mark(tmp_path):
    Planted.mark = str(tmp_path / "it-ran")
    pickle.loads(pickle.dumps(Planted()))
    assert Path(Planted.mark).exists(), "the pickle would run"
    Path(Planted.mark).unlink()
    return Path(Planted.mark)


def strange(data=b"", member="schema.json"):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(member, data)
    return made.getvalue()


UNTRUSTED = strange(
    b'{"__class__": "system", "__module__": "os", "__loader__": "FunctionNode", "content": "os.system", "__id__": 1,'
    b' "protocol": 2, "_skops_version": "0.16"}'
)


@pytest.mark.parametrize("kind", ["a pickle", "a pickle in a zip", "an untrusted type", "a partial of one", "nothing"])
def test_what_is_no_model_is_refused_and_does_not_run(company, mark, kind):
    made = {
        "a pickle": pickle.dumps(Planted()),
        "a pickle in a zip": strange(pickle.dumps(Planted()), "data.pkl"),
        "an untrusted type": UNTRUSTED,
        "a partial of one": skops.io.dumps({"model": __import__("functools").partial(os.system, f"touch {mark}")}),
        "nothing": b"",
    }[kind]
    version = register(company)
    path = file_of(company, version)
    path.write_bytes(made)
    with pytest.raises(ArtifactRefused, match="hash differs"):
        ModelRegistry(company.tenant).load("uplift@1")
    # And where an analyst's own key has signed it.
    with tenancy.session(company.tenant) as connection:
        said = {name: getattr(version, name) for name in seal.SIGNED}
        said |= {"artifact_sha256": hashlib.sha256(made).hexdigest(), "feature_names": list(version.feature_names)}
        signature = seal.sign(seal.key(connection), said)
    rewrite("""UPDATE model_versions SET artifact_sha256 = :sha, signature = :signature
                WHERE tenant_id = (SELECT tenant_id FROM sec.tenant_entry WHERE slug = :slug)""",
            sha=said["artifact_sha256"], signature=signature, slug=company.tenant)  # fmt: skip
    with pytest.raises(ArtifactRefused, match=r"cannot be read|not on the list"):
        ModelRegistry(company.tenant).load("uplift@1")
    assert not mark.exists()


def test_only_listed_types_are_packed():
    assert pack(payload())
    with pytest.raises(BadInput, match="would not be loaded again"):
        pack({"model": Planted()})


# ---- tracing


def test_a_number_leads_to_its_card(company):
    register(company, feature_names=["hail_in"], trained_on={"storms": ["hail"], "homes": 1_200},
             data_fingerprint="ab" * 32, metrics={"sentences": ["Qini 0.01, standard error 0.004."]})  # fmt: skip
    models = ModelRegistry(company.tenant)
    models.promote(1, "first")
    card = models.trace("uplift@1")
    assert card.places == ["challenger", "champion"]
    shown = str(card)
    for part in ("uplift@1: trained", "by Local person", "homes 1,200; storms hail", "abababababababab", "hail_in",
                 "Qini 0.01, standard error 0.004.", "Code: test"):  # fmt: skip
        assert part in shown


def test_planted_numbers_are_traced_and_said_to_be_planted(company):
    with tenancy.session(company.tenant) as connection:
        registry.register(connection, "made-up", None, purpose="x", code_version="test", model_version="made-up-1",
                          note="planted with the test's data, no artifact", alias=None)  # fmt: skip
    card = ModelRegistry(company.tenant).trace("made-up-1")
    assert "planted with the test's data, no artifact" in str(card).lower() and card.version.source == "planted"
    with pytest.raises(UnknownModel, match="has no artifact"):
        ModelRegistry(company.tenant).load("made-up-1")


def test_code_version_knows_the_code():
    one = registry.code_version("stormplay.registry", "scikit-learn")
    assert one == registry.code_version("stormplay.registry", "scikit-learn") and "scikit-learn 1." in one
    assert one != registry.code_version("stormplay.jobs", "scikit-learn")
