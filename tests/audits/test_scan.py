"""What is known of one store."""

from mappedviz.audits.reading import scan_store
from mappedviz.audits.scan import Wants
from tests.audits import write


def test_only_is_what_a_fresh_scan_holds(tmp_path):
    path = write(tmp_path)
    wants = Wants(rows=0, obs_names=False)
    found = scan_store(path, Wants(deep=True)).only(wants, "b")
    assert (found.path, found.samples, found.obs_hashes, found.row_hashes) == ("b", {}, None, None)
