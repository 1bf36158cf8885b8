"""Results are kept as long as the audit."""

import gc
import weakref

import mappedviz as mv
from mappedviz.views.models.memory import of_audit


def test_made_once_for_each_audit_and_each_argument(paths):
    made = []

    @of_audit
    def name(audit, key, more=0):
        made.append((key, more))
        return len(made)

    audit = mv.audit(paths[:1], progress=False, workers=0)
    assert [name(audit, "a"), name(audit, "a"), name(audit, "b"), name(audit, "a", more=1)] == [
        1,
        1,
        2,
        3,
    ]
    assert name(mv.audit(paths[:1], progress=False, workers=0), "a") == 4
    gone = weakref.ref(audit)
    del audit
    gc.collect()
    assert gone() is None
