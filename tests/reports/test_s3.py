"""Reports in a bucket of a real S3 server on this machine, where `s3fs` and `moto[server]` are installed.

Together they are 75 packages, too many for every set-up: `pip install s3fs 'moto[server]'` has these tests run.
"""

from __future__ import annotations

import json
import logging

import pytest
from small import AGED, RECORDED, SUBJECT, notebook, runs

from stormplay import reports
from stormplay.errors import ReportFailed
from stormplay.reports import destinations

pytest.importorskip("s3fs")
server = pytest.importorskip("moto.server")

NAME = "act-lone-star-2021-04-28"


@pytest.fixture(scope="module")
def bucket():
    import s3fs

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    running.start()
    host, port = running.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "ana")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        s3fs.S3FileSystem.clear_instance_cache()
        s3fs.S3FileSystem().mkdir("company")
        yield "s3://company/reports"
    s3fs.S3FileSystem.clear_instance_cache()
    running.stop()


def keys(bucket):
    place = destinations.at(bucket)
    place.files.invalidate_cache()
    return sorted(path.removeprefix(f"{place.base}/") for path in place.files.find(place.base))


def test_a_bucket_holds_the_newest_report_and_the_one_before(demo, tmp_path, bucket):
    for number in range(3):
        path = notebook(tmp_path, "act", AGED, RECORDED, f"'number {number}'")
        made = reports.run(path, SUBJECT, bucket, terms=reports.Terms(as_of=reports.moment("2021-05-03T06:00Z")))
        assert f"number {number}" in made.html.read_bytes().decode()
        told = json.loads(made.result.read_bytes())
        assert str(made.html) == f"{bucket}/{told['files'][f'{NAME}.html']['path']}"
    found = keys(bucket)
    assert len(found) == 5 and f"{NAME}.result.json" in found, "two versions of two files, and the result"
    assert runs("lone-star", 1).iloc[0]["destination"] == bucket

    with pytest.raises(ReportFailed, match=rf"What it did until then is in {bucket}/{NAME}\.failed\.ipynb"):
        reports.run(notebook(tmp_path, "act", "1 / 0"), SUBJECT, bucket)
    assert [key for key in keys(bucket) if not key.endswith(".failed.ipynb")] == found
    made = reports.run(notebook(tmp_path, "act", AGED), SUBJECT, bucket)
    assert f"{NAME}.failed.ipynb" not in keys(bucket)


def test_a_bucket_that_is_not_there_is_a_sentence_and_is_not_made(demo, tmp_path, bucket):
    with pytest.raises(ReportFailed, match=r"could not be written to s3://nobodys/reports: ") as caught:
        reports.run(notebook(tmp_path, "act", AGED), SUBJECT, "s3://nobodys/reports")
    assert "hunter2" not in str(caught.value)
    assert not destinations.at(bucket).files.exists("nobodys")
