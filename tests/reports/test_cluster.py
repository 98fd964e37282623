"""Reports made by a Dask cluster, where its library is installed; a sentence where it is not."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from small import AGED, RECORDED, SUBJECT, notebook, outputs

from stormplay import reports
from stormplay.errors import BadInput, ReportTimedOut

HAS_DASK = find_spec("distributed") is not None


@pytest.mark.skipif(HAS_DASK, reason="Dask's distributed is installed here")
def test_without_dask_it_is_a_sentence():
    with pytest.raises(BadInput, match=r"--dask tcp://10\.0\.0\.1:8786 needs Dask's 'distributed'"):
        reports.Dask("tcp://10.0.0.1:8786")


@pytest.mark.skipif(not HAS_DASK, reason="Dask's distributed is not installed here")
def test_a_cluster_makes_what_this_machine_makes(demo, tmp_path):
    import distributed

    good = notebook(tmp_path, "act", AGED, RECORDED)
    hangs = notebook(tmp_path, "hangs", "'done before'", "import time\ntime.sleep(60)")
    bad = notebook(tmp_path, "bad", "1 / 0")
    as_of = reports.moment("2021-05-03T06:00Z")
    here = reports.run(good, SUBJECT, tmp_path / "out", terms=reports.Terms(as_of=as_of))
    made_here = {path.name: path.read_bytes() for path in (here.html, here.notebook, here.result)}
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        there = reports.Dask(cluster.scheduler_address)
        terms = reports.Terms(as_of=as_of, timeout_s=20)
        wanted = reports.planned([good, hangs, bad], {}, tmp_path / "there", "local", reports.Terms(),
                                 tenants=["lone-star"], storms=["2021-04-28"])  # fmt: skip
        made = reports.make(wanted[0], terms, there)
        assert {path.name: path.read_bytes() for path in (made.html, made.notebook, made.result)} == made_here
        summary = reports.make_all(wanted[1:], reports.Terms(timeout_s=2), at_once=2, maker=there)
        slow, failed = (one.error for one in summary.outcomes)
        assert isinstance(slow, ReportTimedOut) and "ZeroDivisionError" in str(failed)
        aside = tmp_path / "there" / "hangs-lone-star-2021-04-28.failed.ipynb"
        assert outputs(aside)[0]["data"]["text/plain"] == "'done before'"
        there.close()
    with pytest.raises(BadInput, match="No Dask scheduler answers"):
        reports.Dask("tcp://127.0.0.1:1")
