"""Law: what an audit says that holds, holds when the same stores are audited again."""

import json

from hypothesis import HealthCheck, assume, given, settings

import mappedviz as mv
from mappedviz import Recipe
from mappedviz.errors import RecipeError
from tests.laws.test_audit_and_engine import requests, zoo  # noqa: F401 - a fixture


@given(requests())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_holds_now_is_broken_by_nothing(zoo, asked):  # noqa: F811
    names, request = asked
    try:
        recipe = Recipe(paths=[zoo.get(name, name) for name in names], **request)
    except RecipeError:
        assume(False)  # contradicts itself, whatever the stores
    audit = mv.audit(None, recipe=recipe, progress=False, workers=0)
    held = mv.Expectations.from_audit(audit)
    assert mv.Expectations.from_toml(held.to_toml()) == held
    again = mv.audit(None, recipe=recipe, progress=False, workers=0, expect=held)
    for one in (again, audit.check(held)):
        broken = [finding for finding in one.findings if finding.id.startswith("expected")]
        assert broken == []
        assert json.dumps([f.to_dict() for f in one.findings]) == json.dumps(
            [f.to_dict() for f in audit.findings]
        )
        assert not [na for na in one.not_applicable if "could not be made" in na.message
                    and na.id.startswith("expected")]  # fmt: skip
