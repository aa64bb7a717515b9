"""Requests that follow from the schema of the API, and break it: no failure, no other answer than it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

schemathesis = pytest.importorskip("schemathesis")


def test_the_schema_holds(serve: Callable[..., Any]) -> None:
    from schemathesis import GenerationMode
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    page = serve()
    ada = page.observer("Ada")
    ada.next()
    schema = schemathesis.openapi.from_dict(page.app.api.openapi())
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == 14
    statuses: Counter[int] = Counter()
    excluded: list[Any] = []

    def check(case: Any) -> None:
        token = page.admin.token if case.path.startswith("/api/admin") else ada.token
        call = case.as_transport_kwargs(base_url="http://127.0.0.1:8000")
        call["headers"] = {**call["headers"], "Authorization": f"Bearer {token}"}
        call.pop("cookies", None)
        if "data" in call:
            call["content"] = call.pop("data")
        response = page.client.request(**call)
        case.validate_response(response, excluded_checks=excluded)
        statuses[response.status_code] += 1

    for operation in operations:
        # They would make the token void.
        if operation.path.endswith(("withdraw", "link")):
            continue
        # What a name may not begin with is not in the schema.
        excluded = [positive_data_acceptance] if operation.label == "POST /api/admin/observers" else []
        can_be_wrong = [*operation.iter_parameters(), *operation.body]
        for mode in GenerationMode if can_be_wrong else [GenerationMode.POSITIVE]:
            strategy = operation.as_strategy(generation_mode=mode)
            run = settings(
                max_examples=5,
                deadline=None,
                database=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(seed(0)(given(strategy)(check)))
            run()
    assert {200, 201, 404, 422} <= set(statuses)
    assert not any(status >= 500 for status in statuses)
    assert ada.get("/api/study").json()["observer"] == "Ada"
